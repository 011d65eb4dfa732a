"""What the caller hears and may interrupt, and how a conversation ends: barge-in, mute, terminal nodes."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.prompt import request_for
from tests.fakes.flow_agent import Talk, agent, call, node, sample_flow


def begun(**fields: Any) -> Talk:
    return Talk(sample_flow(), parameters={"name": "Ann"}, **fields)


@pytest.mark.parametrize(
    "heard", [{"text": ""}, {"text": " ... "}, {"text": "Yes.", "echo": True}, {"text": "ye", "final": False}]
)
def test_noise_echo_and_half_words_unlock_nothing(heard: dict[str, Any]) -> None:
    talk = begun()
    talk.hear(**heard)
    assert talk.is_("locked")
    assert talk.asked == []


def test_keys_count_as_words_even_while_muted() -> None:
    talk = begun(plays=False)
    assert talk.is_("muted")
    talk.hear("Stop!")
    assert talk.is_("locked")
    assert talk.of(e.Ignored)[-1].why == "muted"
    talk.hear("1", kind="dtmf")
    assert not talk.is_("locked")
    assert len(talk.asked) == 1


def test_barge_in_cuts_and_the_transcript_says_what_was_heard() -> None:
    talk = begun(plays=False)
    talk.tell(i.SpeechOver(speech=1, played=talk.spoken[0]))
    talk.hear("Yes.")
    request = talk.asked[-1].request
    talk.tell(i.ModelSaid(request=request, text="We have small and large."))
    talk.tell(i.ModelSaid(request=request, text="Which one do you want?"))
    one, two = (queued.id for queued in talk.state.queue)
    talk.tell(i.VoiceBegan())
    assert talk.of(e.ModelCancelled)[-1].why == "barge_in"
    assert talk.of(e.SpeechCut)[-1].speeches == (one, two)
    talk.tell(i.SpeechOver(speech=one, played="We have small", whole=False))
    talk.tell(i.SpeechOver(speech=two, played="", whole=False))
    talk.tell(i.ModelDone(request=request, calls=(call("next"),)))
    assert talk.state.node == "one"
    talk.hear("Small.")
    messages, _ = request_for(talk.document, talk.state)
    assert messages[-2].content == "We have small"
    assert messages[-1].content == "Small."


def test_a_cut_for_nothing_gives_the_agent_the_word_back() -> None:
    talk = begun(plays=False)
    talk.tell(i.SpeechOver(speech=1, played=talk.spoken[0]))
    talk.hear("Yes.")
    talk.tell(i.ModelSaid(request=talk.asked[-1].request, text="We have small and large."))
    speech = talk.state.queue[0].id
    talk.tell(i.VoiceBegan())
    talk.tell(i.SpeechOver(speech=speech, played="We have small", whole=False))
    talk.tell(i.VoiceEnded())
    talk.fire("resume")
    assert talk.spoken[-1] == "and large."


def test_without_allow_interrupt_the_voice_is_muted_while_the_agent_speaks() -> None:
    talk = Talk(sample_flow(allow_interrupt=False), plays=False)
    talk.tell(i.SpeechOver(speech=1, played=talk.spoken[0]))
    assert not talk.is_("muted")
    talk.hear("Yes.")
    talk.tell(i.ModelSaid(request=talk.asked[-1].request, text="By law this call is recorded."))
    assert talk.is_("muted")
    talk.tell(i.VoiceBegan())
    assert talk.of(e.SpeechCut) == []


def test_a_running_tool_survives_a_barge_in() -> None:
    talk = begun(answers=lambda name, arguments: None)
    talk.hear("Yes.")
    talk.model("", call("next"))
    (asked,) = talk.of(e.ActionAsked)
    talk.tell(i.ActionDone(epoch=asked.epoch, call=asked.call, ok=True, value=1))
    talk.model("", call("look", {"day": "Monday"}))
    (tool_asked,) = talk.of(e.ToolAsked)
    talk.tell(i.VoiceBegan())
    talk.hear("And on Friday?")
    talk.tell(i.ToolDone(call=tool_asked.call, ok=True, value=["10:00"]))
    messages, _ = request_for(talk.document, talk.state)
    assert any("10:00" in one.content for one in messages if one.role == "tool")
    assert messages[-1].content == "And on Friday?"
    assert talk.state.request is not None


def terminal(**fields: Any) -> Talk:
    document = agent(
        node("one", is_initial=True, to={"on": "bye"}), node("bye", is_terminal=True), greeting="Hello."
    )
    talk = Talk(document, **fields)
    if not talk.plays:
        talk.tell(i.SpeechOver(speech=1, played="Hello."))
    talk.hear("Yes.")
    talk.model("", call("on"))
    return talk


def test_the_terminal_net_counts_from_the_end_of_what_is_played() -> None:
    talk = terminal(plays=False)
    talk.model("Goodbye then.")
    assert [one.name for one in talk.state.timers] == []
    talk.tell(i.SpeechOver(speech=talk.state.queue[0].id, played="Goodbye then."))
    assert {one.name for one in talk.state.timers} == {"terminal", "cap"}
    talk.fire("terminal")
    assert talk.of(e.HangUpAsked)
    assert talk.spoken.count("Goodbye then.") == 1


def test_the_caller_restarts_the_terminal_net_but_not_the_cap() -> None:
    talk = terminal()
    talk.model("Goodbye then.")
    before = {one.name: one.id for one in talk.state.timers}
    talk.hear("Wait, one more thing.")
    talk.model("Yes?")
    after = {one.name: one.id for one in talk.state.timers}
    assert before["terminal"] != after["terminal"]
    assert before["cap"] == after["cap"]
    talk.fire("cap")
    assert talk.of(e.Ended)[-1].reason == "terminal_net"


def test_a_terminal_node_has_end_call_and_a_strong_instruction() -> None:
    talk = terminal()
    messages, frame = request_for(talk.document, talk.state)
    assert [one.name for one in frame.tools] == ["end_call"]
    assert "You must call end_call" in messages[0].content
    talk.model("Goodbye.", call("end_call"))
    assert talk.is_("ended")
