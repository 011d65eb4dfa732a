"""The Sessions page by keys and clicks, over a real store on its own thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from halodesk.runtime.ports import ReviewPort
from halodesk.ui.sessions.list_table import SessionTable
from halodesk.ui.sessions.replay_view import ReplayView
from halodesk.ui.sessions.time_line import TimeLine
from halodesk.ui.theme.tokens import THEMES, ThemeName
from tests.ui.conftest import Opener
from tests.ui.hands import CTRL, Hands, Key
from tests.ui.recorded import Recorded


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    found = Recorded(tmp_path)
    yield found
    found.close()


@pytest.fixture
def review(recorded: Recorded) -> ReviewPort:
    return recorded.review


def to_list(hands: Hands) -> SessionTable:
    """Ctrl+2, and the first list is there with its chains checked."""
    hands.key(Key.Key_2, CTRL)
    page = hands.window._sessions
    assert page is not None
    model = page.list.model
    hands.until(lambda: bool(model.lines) and model.chain("order") == "holds")
    return page.list.table


def to_replay(hands: Hands) -> ReplayView:
    """The order, opened by keys."""
    table = to_list(hands)
    hands.type("jordan")
    hands.until(lambda: table.model().rowCount() == 1)
    hands.key(Key.Key_Return)
    hands.key(Key.Key_Return)
    hands.until(lambda: hands.sees("replay"))
    view = hands.find("replay", ReplayView)
    hands.until(lambda: view.transport.line._wave is not None)
    return view


@pytest.mark.parametrize("theme", THEMES)
def test_pictures(open_window: Opener, theme: ThemeName) -> None:
    hands = open_window(theme, 1280, 800)
    to_list(hands)
    hands.picture(f"sessions-{theme}-list")
    view = to_replay(hands)
    hands.picture(f"sessions-{theme}-replay")
    view.go(25)
    hands.picture(f"sessions-{theme}-payment")
    hands.desk.ring()
    hands.picture(f"sessions-{theme}-ringing")
