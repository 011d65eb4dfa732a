"""Fixtures of the window's tests: a fake desk, windows that must leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QAbstractAnimation, QObject, QTimer
from PySide6.QtWidgets import QApplication

from halodesk.runtime.ports import ReviewPort
from halodesk.ui.sessions.page import sessions_entry
from halodesk.ui.theme.active import ThemeChoice
from halodesk.ui.window import MainWindow
from tests.fakes.sound import FakeSound
from tests.ui.fake_desk import FakeDesk
from tests.ui.fake_live import FakeLive
from tests.ui.hands import Hands

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

Opener = Callable[..., Hands]


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: kept where the environment names a folder."""
    folder = Path(os.environ.get("HALODESK_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def review() -> ReviewPort | None:
    """Recorded sessions; none, unless a test's own module says so."""
    return None


@pytest.fixture
def sound() -> FakeSound:
    """A headset and a built-in pair."""
    return FakeSound()


@pytest.fixture
def live() -> FakeLive:
    """No flow agent, unless a test shows one."""
    return FakeLive()


@pytest.fixture
def open_window(
    qapp: QApplication,
    desk: FakeDesk,
    pictures: Path,
    review: ReviewPort | None,
    sound: FakeSound,
    live: FakeLive,
) -> Iterator[Opener]:
    """Opens windows on `desk`; afterwards no widget, timer, animation or listener may be left."""
    opened: list[MainWindow] = []
    before = set(qapp.topLevelWidgets())  # of other tests in this process: not ours to judge

    def open_(theme: ThemeChoice = "light", width: int = 1280, height: int = 800) -> Hands:
        pages = [sessions_entry(review)] if review is not None else []
        window = MainWindow(desk, theme=theme, pages=pages, sound=sound, live=live)
        opened.append(window)
        window.resize(width, height)
        window.show()
        window.activateWindow()
        hands = Hands(window, desk, pictures)
        hands.until(window.isActiveWindow)
        return hands

    yield open_
    for window in opened:
        parts: list[QObject] = [*window.findChildren(QTimer), *window.findChildren(QAbstractAnimation)]
        assert parts
        window.close()
        shiboken6.delete(window)
        assert not any(shiboken6.isValid(part) for part in parts), "timers outlive their window"
    assert desk.listeners == len(sound.listeners) == len(live.listeners) == 0
    ours = [widget for widget in qapp.topLevelWidgets() if widget not in before]
    assert [widget for widget in ours if widget.isVisible()] == []
    leaked = [widget for widget in ours if not widget.parent()]
    assert leaked == [], "widgets without a parent outlive the window"


@pytest.fixture
def hands(open_window: Opener) -> Hands:
    """A light window of 1280 x 800 with a desk between calls."""
    return open_window()
