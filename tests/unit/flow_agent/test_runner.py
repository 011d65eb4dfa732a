"""The runner in virtual time: what is asked, when, and what a caller hears meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.log import Head, Line, encode, read, replay
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.flow_agent.runner import Runner
from halodesk.runtime.flow_agent.sentences import Sentences
from halodesk.runtime.flow_agent.text import TextDuplex
from halodesk.runtime.flow_agent_ports import (
    CallPiece,
    ChatLLM,
    ChatRequest,
    EndPiece,
    Piece,
    TextPiece,
    ToolAnswer,
    ToolRequest,
)
from tests.fakes.flow_agent import CALL, agent, node, tool
from tests.fakes.virtual_time import run

FLOW = agent(
    node("one", is_initial=True, to={"next": "two"}, tool_ids=["t-look"]),
    node("two", is_terminal=True, pre_actions=[{"tool_id": "t-slow", "timeout_s": 3}, {"tool_id": "t-look"}]),
    tools=[
        tool("look", {"day": {"type": "string"}}, webhook_url="https://example.com/{{day}}/x"),
        tool("slow"),
    ],
    greeting="Hello.",
)


class Timed:
    """A model whose pieces come after so many seconds each."""

    name = "timed"

    def __init__(self, *completions: Sequence[tuple[float, Piece]]) -> None:
        self.left = list(completions)
        self.asked: list[float] = []
        self.closed = 0

    async def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        self.asked.append(asyncio.get_running_loop().time())
        try:
            for seconds, piece in self.left.pop(0):
                await asyncio.sleep(seconds)
                yield piece
        finally:
            self.closed += 1

    async def close(self) -> None: ...


class Tools:
    """Answers after so many seconds."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.seen: list[ToolRequest] = []
        self.done: list[str] = []

    async def call(self, request: ToolRequest) -> ToolAnswer:
        self.seen.append(request)
        await asyncio.sleep(self.seconds.get(request.name, 0))
        self.done.append(request.name)
        return ToolAnswer(ok=True, value={"seen": request.arguments})


class Kept:
    """All that was shown, with its time."""

    def __init__(self) -> None:
        self.data = b""
        self.lines: list[Line] = []

    def __call__(self, line: Head | Line, state: State) -> None:
        self.data += encode(line)
        if isinstance(line, Line):
            self.lines.append(line)

    def of(self, kind: type[Any]) -> list[tuple[float, Any]]:
        return [(line.at, line.event) for line in self.lines if isinstance(line.event, kind)]


def said(text: str, after: float = 0.0) -> list[tuple[float, Piece]]:
    return [(after, TextPiece(text=text)), (0.0, EndPiece())]


def called(name: str, arguments: str = "{}", text: str = "") -> list[tuple[float, Piece]]:
    words: list[tuple[float, Piece]] = [(0.0, TextPiece(text=text))] if text else []
    return [*words, (0.0, CallPiece(index=0, id="a", name=name, arguments=arguments)), (0.0, EndPiece())]


def talk(
    *words: str,
    models: Sequence[ChatLLM],
    tools: Any = None,
    document: Document = FLOW,
    gap: float = 30.0,
    **more: Any,
) -> tuple[Kept, State]:
    """A conversation in which the caller says these words, so many seconds apart, and hangs up."""
    kept = Kept()

    async def work() -> State:
        duplex = TextDuplex()
        runner = Runner(
            document, models=models, duplex=duplex, tools=tools or Tools(), call=CALL, watch=[kept], **more
        )

        async def caller() -> None:
            for text in words:
                await asyncio.sleep(gap)
                duplex.type(text)
            await asyncio.sleep(gap)
            duplex.leave()

        speaking = asyncio.create_task(caller())
        state = await runner.run()
        speaking.cancel()
        return state

    return kept, run(work())


def test_a_conversation_from_greeting_to_hang_up() -> None:
    llm = Timed(
        called("look", '{"day": "Mon day"}'), called("next", text="One moment. Right"), called("end_call")
    )
    tools = Tools()
    kept, state = talk("Yes.", models=[llm], tools=tools)
    assert state.ended
    assert kept.of(e.Ended)[-1][1].reason == "end_call"
    assert tools.seen[0].url == "https://example.com/Mon%20day/x"
    assert tools.seen[0].key
    assert [event.text for _, event in kept.of(e.SpeechQueued)] == ["Hello.", "One moment.", "Right"]
    first, lines = read(kept.data)
    _, differs = replay(FLOW, first.manner, lines)
    assert differs is None


def test_pre_actions_run_side_by_side_and_a_late_one_is_a_result() -> None:
    tools = Tools(slow=60)
    kept, _ = talk("Yes.", models=[Timed(called("next"), called("end_call", text="Bye."))], tools=tools)
    asked = [at for at, _ in kept.of(e.ActionAsked)]
    assert asked[0] == asked[1]
    (entered,) = [at for at, event in kept.of(e.NodeEntered) if event.node == "two"]
    assert entered == pytest.approx(asked[0] + 3)
    results = {event.tool: event.result["ok"] for _, event in kept.of(e.ActionSettled)}
    assert sorted(results.values()) == [False, True]
    assert tools.done == ["look", "slow"], "a request that is out is not taken back"


def test_a_filler_after_two_seconds_then_the_deadline_the_retry_and_the_next_model() -> None:
    first = Timed(said("Too late.", after=9), said("Too late.", after=9))
    second = Timed(said("Here I am."))
    kept, _ = talk("Yes.", models=[first, second])
    spoken = [(at, event.text, event.kind) for at, event in kept.of(e.SpeechQueued)]
    assert spoken[1] == (32.0, "One moment, please.", "filler")
    assert spoken[-1] == (35.0, "Here I am.", "reply")
    assert first.asked == [30.0, 32.5]
    assert first.closed == 2
    gaps = [later - sooner for (sooner, *_), (later, *_) in itertools.pairwise(spoken[1:])]
    assert max(gaps) <= 3


def test_never_silent_for_three_seconds_while_a_tool_is_slow() -> None:
    llm = Timed(called("look", '{"day": "Monday"}'), said("At ten."))
    kept, _ = talk("Yes.", models=[llm], tools=Tools(look=7.5))
    times = [at for at, _ in kept.of(e.SpeechQueued) if at >= 30]
    assert max(later - sooner for sooner, later in itertools.pairwise([30.0, *times])) <= 3


def test_a_stream_that_stalls_goes_on() -> None:
    stalled: list[tuple[float, Piece]] = [(0.0, TextPiece(text="We have two sizes. And")), (60.0, EndPiece())]
    kept, _ = talk("Yes.", models=[Timed(stalled, said("small and large."))])
    assert [event.failure for _, event in kept.of(e.ModelLost)] == ["stalled"]
    assert [event.text for _, event in kept.of(e.SpeechQueued) if event.kind == "reply"] == [
        "We have two sizes.",
        "small and large.",
    ]


def test_more_words_end_the_completion_under_way() -> None:
    slow = Timed(said("Never heard.", after=2.0), said("To both."))
    kept, _ = talk("Yes.", "And one more thing.", models=[slow], gap=1.0)
    assert [event.why for _, event in kept.of(e.ModelCancelled)] == ["more_words"]
    assert slow.closed == 2
    assert "Never heard." not in [event.text for _, event in kept.of(e.SpeechQueued)]


def test_the_terminal_net_hangs_up_after_ten_seconds() -> None:
    kept, _ = talk("Yes.", models=[Timed(called("next"), said("Goodbye then."))])
    ((at, event),) = kept.of(e.Ended)
    assert event.reason == "terminal_net"
    assert at == pytest.approx(40.0)


def test_a_model_that_breaks_is_a_lost_completion() -> None:
    class Broken:
        name = "broken"

        def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
            raise RuntimeError("boom")

        async def close(self) -> None: ...

    kept, state = talk("Yes.", models=[Broken(), Timed(said("Here."))])
    assert [event.failure for _, event in kept.of(e.ModelLost)] == ["malformed", "malformed"]
    assert kept.of(e.SpeechQueued)[-1][1].text == "Here."
    assert state.ended


def test_a_model_that_runs_wild_is_cut() -> None:
    wild: list[tuple[float, Piece]] = [(0.0, CallPiece(index=0, arguments="x" * 9_000)) for _ in range(99)]
    kept, _ = talk("Yes.", models=[Timed(wild, said("Sorry."))])
    assert [event.failure for _, event in kept.of(e.ModelLost)] == ["malformed"]


def test_a_card_number_is_in_no_line_of_the_log() -> None:
    kept, _ = talk("It is 4111111111111111.", models=[Timed(said("I see."))])
    assert b"4111" not in kept.data


def test_sentences_are_given_as_they_are_whole() -> None:
    one = Sentences()
    assert one.feed("Dr. Sharma has time at 10.30 a.m. on Mon") == []
    assert one.feed("day. Shall I") == ["Dr. Sharma has time at 10.30 a.m. on Monday."]
    assert one.feed(" book it? ") == ["Shall I book it?"]
    assert one.feed("word " * 80)
    assert len(one.flush()) < 280
