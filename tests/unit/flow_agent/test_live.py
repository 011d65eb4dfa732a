"""Flow agents on live calls: the real Desk and machine over a phone and a line that do as told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as s
from halodesk.engine.errors import PhoneAwayError, SettingsError
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document, dumps, loads
from halodesk.engine.flow_agent.log import digest
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.protocol import phone_link as link
from halodesk.runtime.flow_agent.scripted import Completion, Said, ScriptedLLM
from halodesk.runtime.flow_agent_ports import ToolAnswer, ToolRequest
from halodesk.runtime.live_agent_port import Utterance
from tests.fakes.flow_agent import agent, node, sample_flow
from tests.fakes.live_agents import Live
from tests.fakes.phone import active, ended, ringing

ON = Completion(calls=(Said(name="next"),))


def test_it_talks_and_the_view_follows(open_: Callable[..., Live]) -> None:
    live = open_(ON, Completion(text="Which day?")).begin()
    assert live.view.agents == ("test-agent",)
    assert (live.view.mode, live.view.agent, live.view.call) == ("agent", "test-agent", "k1")
    assert live.line.did == ["begin"]
    live.hear("Yes, go on.", 0.6)
    live.until(lambda: "Which day?" in live.told() and live.view.phase == "listening")
    assert (live.view.node, live.view.visits) == ("two", ("one", "two"))
    heard = next(one for one in live.view.said if one.who == "caller")
    assert heard == Utterance(who="caller", text="Yes, go on.", node="one", confidence=0.6)
    assert live.view.wish is None, "done"


def test_what_is_refused_and_what_it_wants_are_told(open_: Callable[..., Live]) -> None:
    live = open_(Completion(calls=(Said(name="finish"),)), Completion(text="Again?")).begin()
    live.hear("Hm.")
    live.until(lambda: "Again?" in live.told() and live.view.phase == "listening")
    assert (live.view.wish.kind, live.view.wish.name) == ("transition", "finish")
    assert live.view.wish.refused
    live.hear("What?")
    live.until(lambda: live.view.wish is None)


def test_a_human_takes_over_hears_on_and_hands_back_into_the_same_node(open_: Callable[..., Live]) -> None:
    live = open_(ON, Completion(text="Which day?"), Completion(text="So, which day?")).begin()
    live.hear("Yes.")
    live.until(lambda: live.view.node == "two" and live.view.phase == "listening")
    live.live.take_over()
    assert live.view.mode == "human", "at once"
    live.live.take_over()
    live.until(lambda: live.view.phase == "human")
    live.hear("I would rather talk to you.")
    live.until(lambda: "I would rather talk to you." in live.told())
    live.live.whisper("They want Monday.")
    live.live.hand_back("Offered Monday.")
    live.until(lambda: "So, which day?" in live.told() and live.view.phase == "listening")
    assert live.view.mode == "agent"
    assert live.line.did == ["begin", "aside", "in"], "taking over twice is once"
    assert live.view.node == "two"
    prompt = msgspec.json.encode(live.model.requests[-1].messages).decode()
    for words in ("I would rather talk to you.", "Offered Monday.", "They want Monday."):
        assert words in prompt
    kinds = [(one.kind, one.name, one.words) for one in live.facts(s.FlowAgentActed)]
    assert ("taken_over", "Ann", "") in kinds
    assert ("handed_back", "Ann", "Offered Monday.") in kinds


def test_the_session_holds_it_all(open_: Callable[..., Live]) -> None:
    live = open_(
        Completion(calls=(Said(name="other"),)), Completion(text="It is 4242 4242 4242 4242.")
    ).begin()
    live.live.whisper("Be brief.")
    live.hear("4111 1111 1111 1111 is my card.")
    live.until(lambda: live.view.phase == "listening" and live.view.node == "three")
    live.live.dismiss()
    live.until(lambda: live.facts(s.FlowAgentEnded))
    first, *_, last = live.facts()
    assert (first.agent, first.document, first.by) == ("test-agent", digest(live.document), "Ann")
    assert (last.reason, last.node) == ("human_ended", "three")
    assert {one.conversation for one in live.facts()} == {first.conversation}
    talk = [(one.who, one.text) for one in live.facts(s.FlowAgentTalk)]
    assert ("whisper", "Be brief.") in talk
    assert talk[0] == ("agent", "Hello, do you have a moment?")
    assert not any("4111" in text or "4242" in text for _, text in talk)
    assert [one.name for one in live.facts(s.FlowAgentActed) if one.kind == "node"] == ["one", "three"]


def test_sent_away_the_microphone_speaks_and_the_session_goes_on(open_: Callable[..., Live]) -> None:
    live = open_(ON).begin()
    live.live.dismiss()
    live.until(lambda: live.view.reason == "human_ended" and live.view.phase == "ended")
    live.seat.still()
    assert "close" in live.line.did
    assert live.line.did[:2] == ["begin", "aside"]
    assert "hang_up" not in live.line.did
    assert live.view.mode == ""
    assert live.seat.at == "start"
    live.live.hand_back()
    live.live.take_over()
    live.live.whisper("Too late.")
    assert live.view.mode == ""


def test_the_caller_hangs_up(open_: Callable[..., Live]) -> None:
    live = open_(ON).begin()
    live.seat.io.call(live.line.tell, i.HungUp(by="caller"))
    live.until(lambda: live.view.reason == "hung_up")
    live.seat.desk.phone_notice(link.CallChanged(call=ended()))
    assert live.view.mode == ""
    assert live.facts(s.FlowAgentEnded)[0].reason == "hung_up"


def test_a_call_that_ends_unheard_ends_the_conversation(open_: Callable[..., Live]) -> None:
    live = open_(ON).begin()
    live.seat.desk.phone_notice(link.CallChanged(call=ended()))
    live.until(lambda: live.facts(s.FlowAgentEnded))
    assert live.seat.at == "end"


HANDS = [
    ({"hold": "on"}, "on hold"),
    ({"conference": True}, "conference"),
    ({"transfer": "asked"}, "transferred"),
]


@pytest.mark.parametrize(("change", "words"), HANDS, ids=[words for _, words in HANDS])
def test_what_it_must_not_be_in_a_human_takes_over(
    change: dict[str, Any], words: str, open_: Callable[..., Live]
) -> None:
    live = open_(ON, Completion(text="There you are.")).begin()
    live.seat.desk.phone_notice(link.CallChanged(call=active(**change)))
    assert live.view.mode == "human"
    assert words in live.view.problem
    live.until(lambda: any(one.kind == "taken_over" for one in live.facts(s.FlowAgentActed)))
    assert words in live.facts(s.FlowAgentActed)[-1].words
    live.live.hand_back()
    assert words in live.view.problem, "not yet"
    live.seat.desk.phone_notice(link.CallChanged(call=active()))
    assert live.view.problem == "", "over"
    live.live.hand_back()
    live.until(lambda: live.view.mode == "agent")


def test_a_page_that_asks_for_a_card_shuts_it_out(open_: Callable[..., Live]) -> None:
    live = open_(ON)
    live.seat.to_payment()
    live.live.begin("test-agent")
    live.until(lambda: live.view.problem)
    assert "no flow agent may hear" in live.view.problem
    assert live.view.mode == ""
    assert not live.lines
    live.seat.do(c.Back())
    live.until(lambda: live.seat.mask == "none")
    live.live.begin("test-agent")
    live.until(lambda: live.view.phase == "listening")
    live.seat.do(c.Submit())
    assert live.seat.mask == "wanted"
    assert live.view.mode == "human"


def test_a_phone_that_dies_leaves_the_call_to_the_human_who_may_hand_back(open_: Callable[..., Live]) -> None:
    live = open_(ON, Completion(text="Back again.")).begin()
    desk, tags = live.seat.desk, {"local_tag": "ours", "remote_tag": "theirs"}
    desk.phone_notice(link.CallChanged(call=active(**tags)))
    live.line.away = True
    desk.phone_away(PhoneAwayError("The phone has ended."))
    assert live.view.mode == "human"
    assert "phone was lost" in live.view.problem
    live.until(lambda: live.view.phase == "human")
    live.live.hand_back()
    assert live.view.mode == "human", "there is no call yet"
    desk.phone_attached(link.Snapshot())
    live.line.away = False
    back = active(rescued_from="sip-1", **tags)
    desk.phone_notice(link.CallChanged(call=replace(back, sip_call_id="sip-9")))
    live.seat.still()
    assert live.line.did[-1] == "aside", "the new phone is asked to let it hear the caller"
    live.live.hand_back("We were cut off.")
    live.until(lambda: live.view.mode == "agent" and live.view.phase == "listening")
    assert live.line.did[-1] == "in"
    assert "phone was lost" in next(
        one.words for one in live.facts(s.FlowAgentActed) if one.kind == "taken_over"
    )


def test_a_phone_that_dies_with_its_call_ends_it(open_: Callable[..., Live]) -> None:
    live = open_(ON).begin()
    live.line.away = True
    live.seat.desk.phone_away(PhoneAwayError("The phone has ended."))
    live.until(lambda: live.facts(s.FlowAgentEnded))
    assert live.seat.at == "end"
    assert live.view.mode == ""


def test_a_tool_under_way_goes_on_while_a_human_has_taken_over(open_: Callable[..., Live]) -> None:
    asked, answer = threading.Event(), threading.Event()

    class Slow:
        async def call(self, request: ToolRequest) -> ToolAnswer:
            asked.set()
            await asyncio.to_thread(answer.wait, 10)
            return ToolAnswer(ok=True, value={"free": "noon"})

    document = agent(
        node("one", is_initial=True, tool_ids=["t-look"], to={"next": "bye"}),
        node("bye", is_terminal=True),
        tools=[msgspec.json.decode(msgspec.json.encode(sample_flow().source))["tools"][0]],
        greeting="Hello.",
    )
    look = Completion(calls=(Said(name="look", arguments={"day": "Monday"}),))
    live = open_(look, Completion(text="Noon is free."), document=document, tools=Slow()).begin()
    live.hear("What is free?")
    live.until(lambda: live.view.wish is not None)
    assert (live.view.wish.kind, live.view.wish.name) == ("tool", "look")
    live.live.take_over()
    live.until(lambda: live.view.phase == "human")
    answer.set()
    live.live.hand_back("Please tell them.")
    live.until(lambda: "Noon is free." in live.told())
    assert [one.name for one in live.facts(s.FlowAgentActed) if one.kind == "tool"] == ["look"]


def test_it_asks_for_a_human_who_comes(open_: Callable[..., Live]) -> None:
    live = open_(Completion(fail="refused"), manner=Manner(human_s=30)).begin()
    live.hear("Hello?")
    live.until(lambda: live.view.asks_for_human)
    assert live.wanted == ["test-agent"]
    assert live.view.wish.kind == "human"
    live.live.take_over()
    assert live.view.asks_for_human == ""
    live.until(lambda: live.view.phase == "human")


def test_nobody_comes_and_it_says_goodbye(open_: Callable[..., Live]) -> None:
    live = open_(Completion(fail="refused"), manner=Manner(human_s=0.01)).begin()
    live.hear("Hello?")
    live.until(lambda: live.view.reason == "no_human")
    assert "hang_up" in live.line.did


def test_what_cannot_be_is_said_and_nothing_else_happens(open_: Callable[..., Live]) -> None:
    live = open_(ON)
    live.live.begin("test-agent")
    live.until(lambda: live.view.problem)
    assert live.view.problem == "There is no connected call."
    live.live.begin("nobody")
    live.until(lambda: "nobody" in live.view.problem)
    live.seat.take()
    live.refuse = SettingsError("Nothing here speaks.", "Install a voice.")
    live.live.begin("test-agent")
    live.until(lambda: live.view.problem == "Nothing here speaks.")
    assert live.view.mode == ""
    assert any(notice.message == "Nothing here speaks." for notice in live.seat.desk.notices)
    assert live.facts(s.FlowAgentEnded)[0].reason == "broken"


def test_without_a_model_it_does_not_begin_unless_the_voice_brings_one(open_: Callable[..., Live]) -> None:
    live = open_(ON)
    live.live._run._open_models = tuple
    live.seat.take()
    live.live.begin("test-agent")
    live.until(lambda: live.view.problem)
    assert live.view.problem == "There is no model that could speak."
    assert live.line.did == ["close"]
    own = ScriptedLLM([Completion(text="I speak by myself.")])
    live.line_model = own
    live.live.begin("test-agent")
    live.until(lambda: live.view.phase == "listening" and live.told())
    live.hear("Hello?")
    live.until(lambda: "I speak by myself." in live.told())


def test_one_that_is_taken_over_before_its_first_word_is_gone(open_: Callable[..., Live]) -> None:
    live = open_(ON)
    live.ready.clear()
    live.seat.take()
    live.live.begin_with(live.document)
    live.live.take_over()
    live.seat.still()
    live.ready.set()
    live.until(lambda: live.facts(s.FlowAgentEnded))
    assert live.facts(s.FlowAgentEnded)[0].reason == "human_ended"
    assert live.view.mode == ""
    assert live.line.did == ["close"], "it never had the voice"


def test_a_step_has_its_own_document_and_hears_how_it_ended(open_: Callable[..., Live]) -> None:
    live = open_(Completion(text="Goodbye.", calls=(Said(name="end_call"),)))
    over: list[State] = []
    document: Document = loads(
        dumps(agent(node("only", is_initial=True, is_terminal=True), greeting="Hello {{who}}."))
    )
    live.live.begin_with(document, parameters={"who": "Ben"}, over=over.append)
    assert [state.began for state in over] == [False], "there is no call"
    live.seat.take()
    live.live.begin_with(document, parameters={"who": "Ben"}, over=over.append, keeps_call=True)
    live.until(lambda: live.view.phase == "terminal_wait" and live.told())
    assert live.told() == ["Hello Ben."]
    assert live.line.keeps_call
    live.live.begin_with(document, over=over.append)
    assert live.view.problem == "A flow agent is on the call already."
    assert len(over) == 2
    live.hear("Fine.")
    live.until(lambda: len(over) == 3)
    assert (over[-1].node, over[-1].ended) == ("only", True)


def test_the_next_one_waits_for_the_voice_and_has_keys_of_its_own(open_: Callable[..., Live]) -> None:
    live = open_(ON).begin()
    first = live.line
    over: list[State] = []
    live.live.dismiss()
    live.live.begin_with(live.document, over=over.append)
    live.until(lambda: len(live.lines) == 2 and live.view.phase == "listening")
    assert first.did[-1] == "close"
    live.live.dismiss()
    live.until(lambda: len(over) == 1)
    assert over[0].call.id.startswith("sip-1/")
    assert len(live.facts(s.FlowAgentBegan)) == 2


def test_another_customer_who_is_answered_leaves_the_first_to_the_human(open_: Callable[..., Live]) -> None:
    live = open_(ON).begin()
    desk = live.seat.desk
    second = {"key": "k2", "sip_call_id": "sip-2", "remote_number": "+12025550199"}
    desk.phone_notice(link.CallChanged(call=ringing(**second)))
    desk.phone_notice(link.CallChanged(call=active(hold="on")))
    desk.phone_notice(link.CallChanged(call=active(**second)))
    assert desk.call is not None
    assert (desk.call.key, live.view.mode) == ("k2", "human")
    live.live.hand_back()
    assert "on hold" in live.view.problem, "never on the call of another one"
    live.live.begin("test-agent")
    live.until(lambda: live.view.call == "k2" and live.view.phase == "listening")
    sessions = {row.session for row in live.seat.store.rows}
    kept = [one for session in sorted(sessions) for one in live.seat.store.events(session)]
    first = [one for one in kept if isinstance(one, s.FlowAgentEnded)]
    assert [one.reason for one in first] == ["human_ended"]
