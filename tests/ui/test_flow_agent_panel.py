"""A flow agent on the call, watched and steered with real keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from halodesk.runtime.live_agent_port import Utterance, Wish
from halodesk.ui.desk.flow_agent_panel import FlowAgentPanel
from halodesk.ui.flow_agents.reading import Reading
from halodesk.ui.theme.active import ThemeChoice
from tests.ui.conftest import Opener
from tests.ui.fake_live import FakeLive
from tests.ui.hands import ALT, CTRL, Hands, Key, unclipped

CTRL_SHIFT = CTRL | Qt.KeyboardModifier.ShiftModifier
SAID = (
    Utterance(who="agent", text="Good morning, is now a good moment?", node="greeting"),
    Utterance(who="caller", text="Yes, please.", node="greeting", confidence=0.91),
    Utterance(who="agent", text="Which day suits you?", node="slot"),
    Utterance(who="whisper", text="Monday is full.", node="slot"),
    Utterance(who="caller", text="Tuesday at noon <b>", node="slot", confidence=0.31),
)


def on_call(live: FakeLive, **more: object) -> None:
    """A conversation in its second node."""
    view: dict[str, object] = {
        "agents": ("clinic",),
        "mode": "agent",
        "agent": "clinic",
        "call": "call-1",
        "phase": "listening",
        "node": "slot",
        "visits": ("greeting", "slot"),
        "said": SAID,
        "collected": {"slot": "Tuesday, 12:00", "new_patient": True},
    }
    live.show(**(view | more))


def read(hands: Hands) -> str:
    return hands.find("live_transcript", Reading).toPlainText()


def test_without_one_there_is_nothing_to_see(hands: Hands, live: FakeLive) -> None:
    hands.start_call()
    assert not hands.sees("flow_agent_panel")
    assert not hands.sees("put_on_call"), "this seat has none"
    for key in (Key.Key_T, Key.Key_G):
        hands.key(key, CTRL)
    assert live.asked == []


def test_the_key_puts_the_only_one_on_the_call(hands: Hands, live: FakeLive) -> None:
    live.show(agents=("clinic",))
    assert not hands.sees("put_on_call"), "there is no call"
    hands.key(Key.Key_G, CTRL)
    hands.start_call()
    assert hands.sees("put_on_call")
    hands.key(Key.Key_G, CTRL)
    hands.click("put_on_call")
    assert live.asked == [("begin", "clinic"), ("begin", "clinic")]
    on_call(live)
    assert not hands.sees("put_on_call")


def test_one_of_several_is_chosen_by_keys(hands: Hands, live: FakeLive) -> None:
    live.show(agents=("clinic", "survey & more"))
    hands.start_call()
    hands.key(Key.Key_G, CTRL)
    menu = hands.window.call_panel.controls.put_on_call.menu_of_agents
    assert menu.isVisible()
    QTest.keyClick(menu, Key.Key_Down)
    QTest.keyClick(menu, Key.Key_Return)
    assert live.asked == [("begin", "survey & more")]


def test_who_speaks_and_all_that_is_known(hands: Hands, live: FakeLive) -> None:
    hands.start_call()
    on_call(live, wish=Wish(kind="transition", name="slot_chosen", arguments={"slot": "Tuesday"}))
    assert hands.text("live_speaker") == "The flow agent speaks"
    assert "clinic" in hands.text("live_about")
    assert "slot" in hands.text("live_about")
    assert hands.text("live_doing") == "the caller has the word"
    assert hands.text("live_wish") == "Goes on by “slot_chosen” (slot: Tuesday)"
    assert hands.text("live_confidence") == "Understood: 31 %"
    words = read(hands)
    assert "Tuesday at noon <b>" in words, "a caller's words are text"
    assert "(not sure)" in words
    assert "Whispered" in words
    on_call(live, wish=Wish(kind="transition", name="finish", refused="The caller has not agreed."))
    assert hands.text("live_refused") == "Refused: finish. The caller has not agreed."
    assert not hands.sees("live_wish")


def test_take_over_hand_back_send_away_by_keys(hands: Hands, live: FakeLive) -> None:
    hands.to_step("gather")
    focus = hands.focus
    on_call(live)
    hands.key(Key.Key_T, CTRL_SHIFT)
    assert live.asked == [], "it has the word already"
    hands.key(Key.Key_T, CTRL)
    assert live.asked == [("take_over",)]
    assert hands.focus is focus, "the page keeps the keys"
    on_call(live, mode="human", phase="human")
    assert hands.text("live_speaker") == "You speak"
    hands.key(Key.Key_T, CTRL)
    assert live.asked == [("take_over",)], "once"
    hands.key(Key.Key_W, ALT)
    hands.type("Tuesday is fine.")
    hands.key(Key.Key_T, CTRL_SHIFT)
    assert live.asked[1:] == [("hand_back", "Tuesday is fine.")]
    assert hands.line("live_whisper_line").text() == ""
    on_call(live)
    hands.key(Key.Key_X, CTRL_SHIFT)
    assert live.asked[-1] == ("dismiss",)


def test_a_word_in_its_ear(hands: Hands, live: FakeLive) -> None:
    hands.start_call()
    on_call(live)
    hands.key(Key.Key_W, ALT)
    hands.key(Key.Key_Return)
    assert live.asked == [], "an empty line is no word, and no page is left by it"
    assert hands.step == "start"
    hands.type("Offer Monday 1.")
    hands.key(Key.Key_Return)
    assert live.asked == [("whisper", "Offer Monday 1.")]
    assert hands.step == "start", "a digit in the line chooses nothing"
    line = hands.focus
    hands.key(Key.Key_Escape)
    assert hands.focus is not line


def test_it_asks_for_whoever_sits_here(hands: Hands, live: FakeLive) -> None:
    hands.start_call()
    on_call(live, asks_for_human="model: timeout")
    hands.click("live_fold")
    assert not hands.sees("live_transcript")
    assert hands.text("live_banner:message") == (
        "The flow agent asks you to take over: its model does not answer"
    )
    hands.click("live_take_over")
    assert live.asked == [("take_over",)]
    on_call(live, mode="human", asks_for_human="", problem="The call is on hold.", todo="Take it back.")
    assert hands.text("live_banner:message") == "The call is on hold."
    hands.key(Key.Key_W, ALT)
    assert hands.sees("live_transcript"), "unfolded for the line"


def test_after_its_end_one_line_is_left_until_the_call_is_put_away(hands: Hands, live: FakeLive) -> None:
    hands.start_call()
    on_call(live)
    on_call(live, mode="", phase="ended", reason="end_call")
    assert hands.text("live_speaker") == "The flow agent is off the call"
    assert hands.text("live_doing") == "the agent ended the call"
    assert not hands.sees("live_transcript")
    assert not hands.sees("live_take_over")
    hands.click("live_fold")
    assert "Which day suits you?" in read(hands)
    live.show(call="", agent="", said=())
    assert not hands.sees("flow_agent_panel")


def test_beside_the_desk_one_line_is_left_and_the_keys_work(hands: Hands, live: FakeLive) -> None:
    hands.start_call()
    on_call(live)
    hands.window.calls.render_calls(away=True)
    assert hands.sees("live_speaker")
    assert not hands.sees("live_transcript")
    assert not hands.sees("live_fold")
    hands.key(Key.Key_T, CTRL)
    assert live.asked == [("take_over",)]
    hands.window.calls.render_calls(away=False)
    assert hands.sees("live_transcript")


def test_on_another_customers_page_it_is_out_of_sight(hands: Hands, live: FakeLive) -> None:
    hands.start_call()
    on_call(live, mode="human", call="another")
    assert not hands.sees("flow_agent_panel")
    assert hands.sees("put_on_call")
    hands.key(Key.Key_T, CTRL_SHIFT)
    assert live.asked == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_below_has_room(open_window: Opener, live: FakeLive, theme: ThemeChoice) -> None:
    hands = open_window(theme)
    hands.to_step("gather")
    on_call(live, wish=Wish(kind="tool", name="check_free_times", arguments={"day": "Tuesday"}))
    unclipped(hands)
    hands.picture(f"flow-agent-{theme}")
    assert hands.window.step.height() > 240
    on_call(live, mode="human", phase="human", asks_for_human="")
    hands.picture(f"flow-agent-human-{theme}")
    on_call(live, asks_for_human="rounds", wish=Wish(kind="human", name="rounds"))
    hands.picture(f"flow-agent-asks-{theme}")


def test_a_low_window_begins_folded(open_window: Opener, live: FakeLive) -> None:
    hands = open_window(width=760, height=600)
    hands.start_call()
    on_call(live)
    assert not hands.sees("live_transcript")
    unclipped(hands)
    hands.picture("flow-agent-low")
    panel = hands.window.findChild(FlowAgentPanel)
    assert panel is not None
    assert panel.height() < 90
