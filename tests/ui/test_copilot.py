"""The co-pilot in the window: a strip that never moves the page, keys that take a proposal from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from halodesk.app.bridge import Bridge
from halodesk.engine import commands as c
from halodesk.engine.flow_agent.inputs import Heard
from halodesk.runtime.live_agent_port import LivePort, LiveView
from halodesk.ui.desk.copilot_strip import CopilotStrip
from halodesk.ui.parts.buttons import Button
from tests.fakes.copilot import Room, order_desk, settled, values
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import ALT, Hands, Key, unclipped


class Live:
    """`LivePort` that has nothing but the co-pilot."""

    def __init__(self, room: Room) -> None:
        copilot = room.copilot
        self.room = room
        self.subscribe, self.assist, self.accept = copilot.subscribe, copilot.assist, copilot.accept
        self.turn_down, self.typed = copilot.turn_down, copilot.typed

    @property
    def listeners(self) -> list[Callable[[], None]]:
        return self.room.copilot._listeners

    @property
    def view(self) -> LiveView:
        return self.room.copilot.view

    def begin(self, agent: str) -> None: ...

    def whisper(self, text: str) -> None: ...

    def take_over(self) -> None: ...

    def hand_back(self, note: str = "") -> None: ...

    def dismiss(self) -> None:
        self.room.copilot.stop()


@pytest.fixture
def desk() -> FakeDesk:
    return order_desk()


@pytest.fixture
def room(desk: FakeDesk, qapp: object) -> Iterator[Room]:
    bridge = Bridge()
    made = Room(desk, post=bridge.post)
    desk.strangers = 1
    yield made
    made.close()
    bridge.close()


@pytest.fixture
def live(room: Room) -> LivePort:
    return Live(room)


@pytest.fixture
def hands(open_window: Callable[..., Hands], room: Room) -> Hands:
    """The co-pilot listens, put there by its key."""
    hands = open_window()
    assert not hands.sees("copilot_strip")
    hands.key(Key.Key_C, ALT)
    hands.until(lambda: room.copilot.view.copilot.listening == "here")
    hands.settle()
    return hands


def say(hands: Hands, room: Room, text: str) -> None:
    before = len(room.copilot.view.said)
    room.io.call(room.ear().hear, Heard(text=text, confidence=0.9))
    hands.until(lambda: len(room.copilot.view.said) > before)
    hands.settle()


def strip(hands: Hands) -> CopilotStrip:
    return hands.find("copilot_strip", CopilotStrip)


def test_one_key_accepts_what_the_caller_answered(hands: Hands, room: Room, desk: FakeDesk) -> None:
    hands.line("field:name").setFocus()
    hands.type("Rob")
    say(hands, room, "3 please")
    assert hands.text("proposal_title:0") == "Boxes: 3"
    assert "3 please" in hands.text("proposal_because:0")
    hands.type("in")
    hands.key(Key.Key_Return, ALT)
    assert hands.line("field:boxes").text() == "3"
    assert values(desk)["boxes"] == 3
    assert hands.focus is hands.line("field:name"), "the focus stays where one types"
    assert hands.line("field:name").text() == "Robin"
    assert not hands.sees("proposal:0")
    assert [fact.accepted for fact in settled(desk)] == [True]
    hands.line("field:boxes").setFocus()
    hands.line("field:boxes").selectAll()
    hands.type("4")
    hands.key(Key.Key_Tab)
    assert values(desk)["boxes"] == 4, "typing takes it back"


def test_another_key_turns_it_down(hands: Hands, room: Room, desk: FakeDesk) -> None:
    say(hands, room, "3")
    hands.key(Key.Key_Delete, ALT)
    assert not hands.sees("proposal:0")
    assert [fact.accepted for fact in settled(desk)] == [False]
    assert "boxes" not in values(desk)


def test_a_way_on_presses_the_button_and_takes_what_is_typed_along(
    hands: Hands, room: Room, desk: FakeDesk
) -> None:
    hands.line("field:name").setFocus()
    hands.type("Robin")
    say(hands, room, "continue")
    assert hands.text("proposal_title:0") == "Go on: Continue"
    hands.key(Key.Key_Return, ALT)
    assert hands.step == "sure"
    assert values(desk)["name"] == "Robin"


def test_a_way_on_stops_where_the_page_says_no(hands: Hands, room: Room, desk: FakeDesk) -> None:
    say(hands, room, "continue")
    hands.line("field:boxes").setFocus()
    hands.type("99")
    hands.key(Key.Key_Return, ALT)
    assert hands.step == "ask"
    assert "At most 12" in hands.error("boxes")
    assert settled(desk) == []


def test_typing_takes_the_proposal_away_even_in_the_same_moment(
    hands: Hands, room: Room, desk: FakeDesk
) -> None:
    say(hands, room, "3")
    hands.line("field:boxes").setFocus()
    hands.type("5")
    hands.key(Key.Key_Return, ALT)
    assert hands.line("field:boxes").text() == "5"
    assert settled(desk) == []
    hands.until(lambda: not hands.sees("proposal:0"))


def test_the_page_does_not_move_and_the_mouse_leaves_the_focus_alone(
    hands: Hands, room: Room, desk: FakeDesk
) -> None:
    page = hands.window.step
    before = page.mapTo(hands.window, page.rect().topLeft())
    field = hands.line("field:name")
    field.setFocus()
    say(hands, room, "3")
    say(hands, room, "extra large")
    assert page.mapTo(hands.window, page.rect().topLeft()) == before
    hands.click("proposal_accept:1")
    assert values(desk)["size"] == "l"
    hands.click("proposal_refuse:0")
    assert hands.focus is field
    assert page.mapTo(hands.window, page.rect().topLeft()) == before


def test_what_came_to_the_front_by_itself_is_not_taken_by_the_key_at_once(
    hands: Hands, room: Room, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(strip(hands), "_now", lambda: now[0])
    say(hands, room, "3")
    say(hands, room, "extra large")
    assert desk.do(c.Answer(field="boxes", raw="2")) is None  # the agent's own: its proposal goes
    hands.settle()
    assert hands.text("proposal_title:0") == "Size: Extra large"
    hands.key(Key.Key_Return, ALT)
    assert "size" not in values(desk)
    now[0] += 0.5
    assert desk.do(c.Answer(field="size", raw="s")) is None
    say(hands, room, "continue")
    hands.key(Key.Key_Return, ALT)
    assert hands.step == "ask", "nor what comes right after the one that is gone"
    now[0] += 0.5
    hands.key(Key.Key_Return, ALT)
    assert hands.step == "sure"


@pytest.mark.slow
def test_two_are_taken_one_after_the_other_without_a_wait(hands: Hands, room: Room, desk: FakeDesk) -> None:
    say(hands, room, "3")
    say(hands, room, "extra large")
    hands.key(Key.Key_Return, ALT)
    hands.key(Key.Key_Return, ALT)
    assert (values(desk)["boxes"], values(desk)["size"]) == (3, "l")


@pytest.mark.slow
def test_its_key_and_its_button_stop_it_and_it_says_who_listens(hands: Hands, room: Room) -> None:
    assert "this computer" in hands.text("copilot_sign")
    hands.key(Key.Key_C, ALT)
    assert not hands.sees("copilot_strip")
    hands.click("toggle_copilot")
    hands.until(lambda: room.copilot.view.copilot.listening == "here")
    hands.click("copilot_stop")
    assert not hands.sees("copilot_strip")
    assert room.copilot.view.mode == ""


@pytest.mark.slow
def test_a_masked_page_says_that_nothing_is_heard(hands: Hands, room: Room, desk: FakeDesk) -> None:
    desk.hold_mask = True
    assert desk.do(c.Submit()) is None
    assert desk.do(c.Submit(choice="agreed=true")) is None
    hands.settle()
    assert hands.text("copilot_sign") == "Not listening"
    assert "masked" in hands.text("copilot_words")


def test_every_control_has_a_name_and_tab_reaches_it(hands: Hands, room: Room) -> None:
    say(hands, room, "3")
    for button in strip(hands).findChildren(Button):
        if button.isVisible():
            assert button.accessibleName()
            assert button.focusPolicy() is Qt.FocusPolicy.TabFocus
    assert hands.find("proposal:0", QWidget).accessibleName() == "Boxes: 3. The caller said: 3"
    hands.find("proposal_accept:0", Button).setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(hands.focus, Key.Key_Return)
    assert hands.line("field:boxes").text() == "3"


@pytest.mark.parametrize(
    ("theme", "width"),
    [
        ("dark", 760),
        pytest.param("light", 760, marks=pytest.mark.slow),
        pytest.param("dark", 1280, marks=pytest.mark.slow),
        pytest.param("light", 1280, marks=pytest.mark.slow),
    ],
)
def test_it_fits(
    theme: str, width: int, open_window: Callable[..., Hands], room: Room, desk: FakeDesk
) -> None:
    hands = open_window(theme, width)
    hands.click("toggle_copilot")
    hands.until(lambda: room.copilot.view.copilot.listening == "here")
    say(hands, room, "3")
    say(hands, room, "extra large please")
    say(hands, room, "continue")
    unclipped(hands)
    hands.picture(f"copilot-{theme}-{width}")


@pytest.mark.slow
def test_a_line_edit_keeps_its_own_keys(hands: Hands, room: Room) -> None:
    say(hands, room, "3")
    line: Any = hands.line("field:name")
    assert isinstance(line, QLineEdit)
    line.setFocus()
    hands.type("ab")
    hands.key(Key.Key_Delete)
    hands.key(Key.Key_Backspace)
    assert line.text() == "a"
    assert hands.sees("proposal:0")
