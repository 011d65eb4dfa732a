"""Links, leaving and keys, in the real window before a desk of the test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from halodesk.app import habits as h
from halodesk.engine.errors import LinkError
from halodesk.protocol.phone_link import CallChanged
from halodesk.runtime import settings as s
from halodesk.runtime.desktop_settings import Desktop
from halodesk.runtime.ports import DeskNotice
from halodesk.runtime.threads import IoThread
from halodesk.ui.desktop.tray import Tray
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import ALT, CTRL, Hands, Key


class TalkingDesk(FakeDesk):
    """With the desk's way to say something."""

    def notice(self, notice: DeskNotice) -> None:
        self.notices = (*self.notices, notice)
        self.tell("notice")


class Services:
    """What the desktop was asked for."""

    def __init__(self, *arguments: Any, **callbacks: Callable[..., None]) -> None:
        self.notes: dict[str, tuple[str, str]] = {}
        self.phases: list[str] = []
        self.callbacks = callbacks

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def notify(self, key: str, title: str, body: str, actions: Any, **rest: Any) -> None:
        self.notes[key] = (title, body)

    def withdraw(self, key: str) -> None:
        self.notes.pop(key, None)

    def follow(self, phase: str) -> None:
        self.phases.append(phase)


@pytest.fixture
def desk() -> FakeDesk:
    return TalkingDesk()


Maker = Callable[..., h.Habits]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> list[Services]:
    made: list[Services] = []

    def make(*arguments: Any, **callbacks: Any) -> Services:
        made.append(Services(*arguments, **callbacks))
        return made[-1]

    monkeypatch.setattr(h, "DesktopServices", make)
    return made


@pytest.fixture
def make(desk: TalkingDesk, hands: Hands, tmp_path: Path, services: list[Services]) -> Iterator[Maker]:
    io = IoThread()
    made: list[h.Habits] = []

    def build(desktop: Desktop = Desktop(), *, tray: bool = False, locked: bool = False) -> h.Habits:  # noqa: B008  # frozen
        settings = s.Settings(account=s.SipAccount(uri="sip:1001@pbx.example"), desktop=desktop)
        found = h.Habits(
            desk,
            hands.window,
            settings,
            tmp_path,
            io=io,
            post=lambda call: call(),
            on_screen=True,
            locked=lambda: locked,
            tray=lambda desk, readiness: Tray(desk, readiness, available=lambda: tray),
        )
        found.start()
        made.append(found)
        return found

    yield build
    for found in made:
        found.close()
        found.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    io.close()


def words(desk: FakeDesk) -> str:
    return " ".join(f"{notice.message} {notice.todo}" for notice in desk.notices)


def state(desk: FakeDesk) -> str:
    """Of the call in hand."""
    return desk.call.state if desk.call is not None else ""


def muted(desk: FakeDesk) -> bool:
    """The microphone."""
    return desk.call is not None and desk.call.microphone_muted


# links


def test_a_link_waits_in_the_dial_line_for_enter(make: Maker, hands: Hands) -> None:
    make().link("tel:+1-202-555-0143;ext=9")
    assert hands.line("dial_number").text() == "+12025550143"
    assert hands.desk.dialled == []
    assert "Extension 9." in words(hands.desk)
    hands.key(Key.Key_Return)
    assert hands.desk.dialled == ["+12025550143"]


def test_a_link_is_dialled_where_the_settings_say_so_but_no_emergency(make: Maker, hands: Hands) -> None:
    habits = make(Desktop(links="dial"))
    habits.link("sip:2001@pbx.example")
    assert hands.desk.dialled == ["sip:2001@pbx.example"]
    habits.link("tel:112")
    habits.link("tel:911")
    habits.link("sip:2001@evil.example")
    assert hands.desk.dialled == ["sip:2001@pbx.example"]
    assert "evil.example is not of your own telephone lines" in words(hands.desk)


def test_a_link_changes_nothing_of_a_call(make: Maker, hands: Hands) -> None:
    habits = make(Desktop(links="dial"))
    hands.start_call()
    before = hands.step
    habits.link("tel:+12025550199")
    assert hands.desk.dialled == []
    assert hands.step == before
    assert "It waits in the dial line" in words(hands.desk)
    hands.desk.close_session()
    assert hands.line("dial_number").text() == "+12025550199"


def test_a_hostile_link_is_refused_in_words(make: Maker, hands: Hands) -> None:
    with pytest.raises(LinkError):
        make().link("sip:2001@pbx.example?Replaces=x")
    assert "headers of the call" in words(hands.desk)
    assert hands.line("dial_number").text() == ""


def test_a_mac_hands_links_over_as_open_events(
    make: Maker, hands: Hands, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    make()
    monkeypatch.undo()
    qapp.sendEvent(qapp, QFileOpenEvent(QUrl("tel:+12025550143")))
    assert hands.line("dial_number").text() == "+12025550143"
    qapp.sendEvent(qapp, QFileOpenEvent(QUrl("tel:nobody")))
    assert "not a telephone number" in words(hands.desk)


def test_a_link_does_not_dial_from_a_locked_window(make: Maker, hands: Hands) -> None:
    habits = make(Desktop(links="dial"), locked=True)
    habits.link("tel:+12025550143")
    assert hands.desk.dialled == []
    assert "It waits in the dial line" in words(hands.desk)


# leaving


def closed(hands: Hands) -> list[bool]:
    found: list[bool] = []
    hands.window.closed.connect(lambda: found.append(True))
    return found


def test_closing_in_a_call_asks_and_enter_keeps_it(make: Maker, hands: Hands) -> None:
    make(Desktop(close_to_tray=False))
    ends = closed(hands)
    hands.start_call()
    hands.window.close()
    hands.settle()
    assert "Robin Ortiz" in hands.text("leave_words")
    hands.picture("leave-dialog")
    hands.key(Key.Key_Return)
    hands.settle()
    assert not hands.sees("leave_words")
    hands.window.close()
    hands.settle()
    hands.key(Key.Key_Escape)
    assert ends == []
    assert hands.window.isVisible()
    hands.window.close()
    hands.settle()
    hands.click("leave_go")
    assert ends == [True]


def test_closing_between_calls_closes(make: Maker, hands: Hands) -> None:
    make(Desktop(close_to_tray=False))
    ends = closed(hands)
    assert hands.window.close()
    assert ends == [True]


def test_closing_leaves_it_in_the_tray_and_quitting_asks_in_a_call(make: Maker, hands: Hands) -> None:
    habits = make(tray=True)
    ends = closed(hands)
    hands.start_call()
    hands.window.close()
    assert not hands.window.isVisible()
    assert ends == []
    assert state(hands.desk) == "active"
    habits.leave()
    hands.settle()
    assert hands.window.isVisible()
    assert hands.sees("leave_words")
    hands.key(Key.Key_Escape)
    hands.desk.hang_up()
    hands.window.activateWindow()
    hands.until(hands.window.isActiveWindow)
    hands.key(Key.Key_Q, CTRL)
    assert ends == [True]


def test_without_a_tray_closing_ends_it(make: Maker, hands: Hands) -> None:
    make(tray=False)
    ends = closed(hands)
    hands.window.close()
    assert ends == [True]


# keys


def test_hotkeys_do_what_the_windows_keys_do(make: Maker, hands: Hands) -> None:
    habits = make()
    habits.press("answer")
    habits.press("hang_up")
    habits.press("mute")
    hands.desk.ring()
    habits.press("answer")
    assert state(hands.desk) == "active"
    habits.press("mute")
    assert muted(hands.desk)
    habits.press("hang_up")
    assert state(hands.desk) == "ended"


def test_play_answers_then_mutes_and_stop_hangs_up(
    make: Maker, hands: Hands, services: list[Services]
) -> None:
    habits = make()
    desk = hands.desk
    habits.press_media("play_pause")
    desk.ring()
    habits.press_media("pause")
    assert state(desk) == "incoming"
    habits.press_media("play_pause")
    assert state(desk) == "active"
    habits.press_media("play")
    assert not muted(desk)
    habits.press_media("pause")
    habits.press_media("pause")
    assert muted(desk)
    habits.press_media("play_pause")
    assert not muted(desk)
    habits.press_media("stop")
    assert state(desk) == "ended"
    phases = services[0].phases
    assert [p for i, p in enumerate(phases) if p not in phases[i - 1 : i]] == [
        *("none", "ringing", "open", "muted", "open", "none")
    ]


def test_a_taken_hotkey_is_said(make: Maker, hands: Hands, services: list[Services]) -> None:
    make()
    services[0].callbacks["told"](["Ctrl+Shift+F2 is taken by another program."])
    assert "Ctrl+Shift+F2 is taken" in words(hands.desk)
    assert "desktop.hotkeys" in words(hands.desk)


# notifications


def test_a_ringing_call_is_told_while_the_window_is_not_in_front(
    make: Maker, hands: Hands, services: list[Services]
) -> None:
    habits = make()
    hands.desk.ring()
    assert services[0].notes == {}, "it is in front"
    hands.desk.close_session()
    hands.window.showMinimized()
    hands.desk.ring()
    assert services[0].notes == {"ring:call-1": ("Incoming call", "Robin Ortiz")}
    habits._acted("ring:another", "answer")
    assert state(hands.desk) == "incoming"
    habits._acted("ring:call-1", "answer")
    assert state(hands.desk) == "active"
    assert services[0].notes == {}
    assert hands.window.isVisible()
    assert not hands.window.isMinimized()


def test_a_missed_call_is_told_once_and_its_number_waits(
    make: Maker, hands: Hands, services: list[Services]
) -> None:
    from msgspec.structs import replace

    habits = make()
    hands.desk.ring()
    call = hands.desk.call
    assert call is not None
    hands.desk.close_session()
    for code in (486, 487, 487):
        habits.phone_notice(CallChanged(call=replace(call, state="ended", code=code)))
    assert services[0].notes == {"missed:call-1": ("Missed call", "Robin Ortiz")}
    answered = replace(call, key="call-2", state="ended", code=487, answered_at=1.0)
    elsewhere = replace(call, key="call-3", state="ended", code=487, taken_elsewhere=True)
    for another in (answered, elsewhere):
        habits.phone_notice(CallChanged(call=another))
    assert len(services[0].notes) == 1
    habits._acted("missed:call-1", "default")
    assert hands.line("dial_number").text() == "+12025550143"


def test_alt_f4_is_the_windows_own(make: Maker, hands: Hands) -> None:
    make()
    hands.start_call()
    hands.key(Key.Key_F4, ALT)
    assert state(hands.desk) == "active"
