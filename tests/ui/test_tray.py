"""The sign in the tray and its menu."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QApplication

from halodesk.protocol.phone_link import Registration
from halodesk.runtime.ports import DeskNotice
from halodesk.ui.desktop.sign import Kind, sign_of
from halodesk.ui.desktop.tray import Tray, tray_icon
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import Hands


class Readiness:
    """An agent's state."""

    def __init__(self) -> None:
        self.ready = False
        self.words = "Lunch"
        self.listeners: list[Callable[[], None]] = []

    def set_ready(self, *, ready: bool) -> None:
        self.ready = ready
        for listener in self.listeners:
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


def test_the_sign_says_the_most_important(hands: Hands) -> None:
    desk = hands.desk
    readiness = Readiness()
    assert sign_of(desk) == ("ready", "Ready for calls")
    assert sign_of(desk, readiness) == ("not_ready", "Lunch")
    desk.registration = Registration(account="main", state="failed", message="Wrong password.")
    assert sign_of(desk, readiness) == ("trouble", "Wrong password.")
    desk.phone_problem = DeskNotice(level="error", message="The phone is away.")
    assert sign_of(desk) == ("trouble", "The phone is away.")
    desk.ring()
    assert sign_of(desk) == ("ringing", "Robin Ortiz is calling")
    hands.desk.answer_call()
    assert sign_of(desk) == ("call", "In a call with Robin Ortiz")
    desk.set_microphone(muted=True)
    assert sign_of(desk).words == "In a call with Robin Ortiz, microphone off"
    hands.to_step("payment")
    assert sign_of(desk).kind == "masked"
    assert "MASKED" in sign_of(desk).words
    desk.lose_mask()
    assert sign_of(desk).kind == "trouble"


@pytest.fixture
def tray(qapp: QApplication, desk: FakeDesk) -> Iterator[Tray]:
    made = Tray(desk, Readiness(), available=lambda: True)
    made.start()
    yield made
    made.close()
    assert desk.listeners == 0


def shown(tray: Tray) -> list[str]:
    return [action.text() for action in tray.menu.actions() if action.isVisible() and action.text()]


def click(tray: Tray, text: str) -> None:
    next(action for action in tray.menu.actions() if action.text() == text).trigger()


def test_the_menu_offers_what_can_be_done(tray: Tray, desk: FakeDesk) -> None:
    asked: list[str] = []
    tray.answer_wanted.connect(lambda: asked.append("answer"))
    tray.mute_wanted.connect(lambda: asked.append("mute"))
    tray.quit_wanted.connect(lambda: asked.append("quit"))
    assert shown(tray) == ["Show HaloDesk", "Ready for calls", "Quit HaloDesk"]
    desk.ring()
    assert shown(tray) == ["Show HaloDesk", "Answer", "Hang up", "Ready for calls", "Quit HaloDesk"]
    assert tray.icon is not None
    assert tray.icon.toolTip() == "HaloDesk: Robin Ortiz is calling"
    click(tray, "Answer")
    desk.answer_call()
    assert "Microphone off" in shown(tray)
    assert "Answer" not in shown(tray)
    click(tray, "Microphone off")
    click(tray, "Quit HaloDesk")
    assert asked == ["answer", "mute", "quit"]
    click(tray, "Ready for calls")
    assert next(a for a in tray.menu.actions() if a.text() == "Ready for calls").isChecked()
    desk.state = None
    assert desk.call is not None
    desk.call = replace(desk.call, state="ended")
    desk.tell("call")
    assert tray.icon.toolTip() == "HaloDesk: Ready for calls"


@pytest.mark.usefixtures("qapp")
def test_a_desktop_without_a_tray_is_looked_at_again(desk: FakeDesk) -> None:
    there: list[bool] = []
    made = Tray(desk, available=lambda: bool(there))
    made.start()
    assert [made.here, made.tell("a", "b", urgent=False)] == [False, False]
    there.append(True)
    made._again.timeout.emit()
    assert made.here
    assert "Ready for calls" not in shown(made)
    made.close()


@pytest.mark.usefixtures("hands")
def test_no_two_states_look_alike() -> None:
    pictures = [tray_icon(kind).pixmap(22, 22).toImage() for kind in get_args(Kind)]
    assert all(a != b for i, a in enumerate(pictures) for b in pictures[:i])
