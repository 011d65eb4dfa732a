"""A flow agent on a real call of a real window: watched, whispered to, taken over from, given back.

The caller's own recording says who was heard: speech of the flow agent, or the tone that stands for the
human at the microphone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot

from halodesk.app.parts import phone_argv
from halodesk.cli.flow_agent_window import by_window
from halodesk.engine import events as e
from halodesk.engine.flow_agent import events as f
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.protocol.phone_link import LendVoice, SendDtmf, Speak
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent.library import Library
from halodesk.store.record import Moment, timeline
from halodesk.voice.offline_tts import OfflineTTS
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.e2e.test_sealed_field import ssn_flow
from tests.fakes.flow_agent import agent, node
from tests.fakes.llm_server import LlmServer, Reply
from tests.lab.pbx import Pbx
from tests.lab.phones import FRAME, RATE, Seat, Sound, read_stereo, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
HUMAN_HZ = 1000.0
LOUD_DB = -40
WITHIN = 0.2
"""Seconds in which a flow agent must be silent."""
LONG = "Let me explain all of this to you, from the very beginning, in every detail, as slowly as I can."
DOCUMENT = agent(
    node("one", is_initial=True, to={"next": "two"}),
    node("two"),
    greeting="Hello.",
)


def rest_levels(sound: Sound) -> Sound:
    """Level in dB of each 20 ms frame without the human's tone."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    steps = np.arange(FRAME) / RATE
    waves = np.stack([np.sin(2 * np.pi * HUMAN_HZ * steps), np.cos(2 * np.pi * HUMAN_HZ * steps)])
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    rest = frames - (frames @ waves.T) @ waves
    return np.asarray(20 * np.log10(np.maximum(np.sqrt((rest**2).mean(axis=1)), 1e-6)))


def said(desk: DeskSeat, who: str) -> list[str]:
    return [one.text for one in desk.seat.live.view.said if one.who == who]


def answer(body: dict[str, Any]) -> Reply:
    """By what it is asked, so that a busy machine may ask twice."""
    asked = str(body["messages"])
    if "Agreed on Monday." in asked:
        return Reply(text="Goodbye then.", calls=(("end_call", "{}"),))
    return Reply(calls=(("next", "{}"),)) if "Task of one" in asked else Reply(text=LONG)


@pytest.fixture
def model() -> Iterator[LlmServer]:
    server = LlmServer(answer)
    yield server
    server.stop()


def test_a_human_takes_over_and_hands_back(
    qtbot: QtBot,
    tmp_path: Path,
    pbx: Pbx,
    seats: OpenSeat,
    model: LlmServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tone = write_tone(tmp_path / "human.wav", HUMAN_HZ)
    monkeypatch.setattr(
        "halodesk.app.seat.phone_argv",
        lambda *given, **more: [*phone_argv(*given, **more), "--microphone", str(tone)],
    )
    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    settings = seat_with(pbx, tmp_path, model)
    Library(tmp_path / "seat").add(DOCUMENT)
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        live = desk.seat.live
        desk.registered()
        far.dial("1003", key="far", account="1004")
        desk.answer()
        far.call("active", "far")
        desk.until("a flow agent", lambda: desk.hands.can_use("put_on_call"))
        desk.hands.click("put_on_call")
        desk.until("the greeting", lambda: live.view.node == "one" and live.view.phase == "listening", 30_000)

        far.ask(SendDtmf(call="far", digits="#"))
        desk.until("the long speech", lambda: live.view.phase == "speaking" and LONG in said(desk, "agent"))
        qtbot.wait(1500)  # calls run in real time: so long it speaks
        desk.hands.click("live_take_over")
        desk.until("the human", lambda: live.view.phase == "human")
        desk.until("what was heard of it", lambda: said(desk, "agent")[-1] != LONG)

        say(far, "Yes, that is right, thank you.")
        desk.until("the caller's words", lambda: len(said(desk, "caller")) > 1)
        qtbot.wait(1500)  # and so long the human
        desk.hands.type("live_whisper_line", "They know the price.")
        desk.hands.click("live_whisper")
        desk.hands.type("live_whisper_line", "Agreed on Monday.")
        desk.hands.click("live_hand_back")
        desk.until("the end", lambda: live.view.reason == "end_call")
        ended = far.call("ended", "far")
        desk.until("the record", lambda: any(one.kind == "flow_agent_ended" for one in moments(desk)))
        words = "\n".join(one.words for one in moments(desk))
        events = desk.records.record().events

    prompt = str(model.seen[-1]["messages"])
    for told in (said_by_caller(events)[1], "Agreed on Monday.", "They know the price."):
        assert told in prompt
    nodes = [one.name for one in events if isinstance(one, e.FlowAgentActed) and one.kind == "node"]
    assert nodes == ["one", "two", "two"], "it goes on where it was"
    for told in (
        "Flow agent test-agent put on the call by Kim Larsen",
        "Kim Larsen took over from the flow agent",
        "Whispered to the flow agent by Kim Larsen: They know the price.",
        "Kim Larsen handed back to the flow agent: Agreed on Monday.",
        "Flow agent: Goodbye then.",
        "Flow agent off the call: it ended the call",
    ):
        assert told in words
    left = next(one for one in events if isinstance(one, e.CallLeft))
    assert left.by == "agent", "who sits there is not said to have been hung up on"

    sound = read_stereo(ended)[:, 1]
    human = tone_levels(sound, HUMAN_HZ) > LOUD_DB
    speech = (rest_levels(sound) > LOUD_DB) & ~human
    taken, given = held(human, after=first_run(speech))
    assert given - taken > 50, "the human was heard"
    assert human[taken:given].mean() > 0.8
    silent = speech[taken + round(WITHIN / 0.02) : given - 8]
    assert not (np.convolve(silent, np.ones(5), "valid") == 5).any(), "and the flow agent was not"
    assert speech[given:].any(), "then it spoke again"


@pytest.mark.slow
def test_a_call_is_answered_by_a_flow_agent_and_ended_by_the_human(
    qtbot: QtBot, tmp_path: Path, pbx: Pbx, seats: OpenSeat, model: LlmServer
) -> None:
    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    settings = seat_with(pbx, tmp_path, model)
    account = settings.account
    assert account is not None
    rule = s.FlowAgentLine(answers="test-agent", when="always")
    settings = replace(settings, account=replace(account, flow_agent=rule))
    Library(tmp_path / "seat").add(agent(node("one", is_initial=True), greeting="Hello {{phone_number}}."))
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        live = desk.seat.live
        desk.registered()
        far.dial("1003", key="far", account="1004")
        desk.until("the answer and the greeting", lambda: bool(said(desk, "agent")), 40_000)
        assert said(desk, "agent") == ["Hello 1004."]
        desk.at("start")
        desk.until("the caller's turn", lambda: live.view.phase == "listening" and live.view.node == "one")
        desk.hands.click("hang_up")
        desk.until("the end", lambda: live.view.reason == "human_ended")
        far.call("ended", "far")
        began = next(one for one in desk.records.record().events if isinstance(one, e.FlowAgentBegan))
        assert (began.agent, began.by) == ("test-agent", "")
        left = next(one for one in desk.records.record().events if isinstance(one, e.CallLeft))
        assert left.by == "agent"


@pytest.mark.slow
def test_a_command_has_the_open_window_call(
    qtbot: QtBot, tmp_path: Path, pbx: Pbx, seats: OpenSeat, model: LlmServer
) -> None:
    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    document = agent(
        node("one", is_initial=True, is_terminal=True),
        greeting="Hello {{who}}.",
        context_variables={"who": {"type": "string", "description": "Their name."}},
    )
    shown: list[Head | Line] = []
    with desk_seat(qtbot, seat_with(pbx, tmp_path, model), tmp_path / "seat") as desk:
        desk.registered()
        with ThreadPoolExecutor(1) as beside:
            told = beside.submit(
                lambda: asyncio.run(
                    by_window(
                        tmp_path / "seat",
                        document,
                        "1004",
                        {"who": "Ben"},
                        lambda line, _: shown.append(line),
                    )
                )
            )
            desk.until("the call", lambda: desk.seat.desk.call is not None)
            key = far.answer().key
            desk.until("the greeting", lambda: said(desk, "agent") == ["Hello Ben."], 40_000)
            assert desk.hands.can_use("live_take_over")
            far.hang_up(key)
            desk.until("the outcome", told.done)
        talked = told.result()
    assert talked is not None
    assert (talked.answered, talked.reason, talked.node) == (True, "hung_up", "one")
    assert Path(talked.recording).stat().st_size > 0
    assert any(isinstance(line.event, f.Ended) for line in shown if isinstance(line, Line))


def seat_with(pbx: Pbx, folder: Path, model: LlmServer) -> s.Settings:
    """A seat on a wideband line, with a scripted model."""
    settings = seat_settings(pbx, "1003", "http://127.0.0.1:1", flow=ssn_flow(folder / "flow.json"))
    return replace(
        settings,
        network=s.Network(codecs=("g722", "pcma")),
        llm=({"provider": "openai", "model": "scripted", "url": model.url, "api_key": "k"},),
    )


def held(human: Any, *, after: int) -> tuple[int, int]:
    """First and last frame of the half seconds that are mostly the human's; sound may drop out in between."""
    mostly = np.flatnonzero(np.convolve(human[after:], np.ones(25), "valid") > 17) + after
    frames = np.flatnonzero(human)
    return int(frames[frames >= mostly[0]][0]), int(frames[frames < mostly[-1] + 25][-1])


def first_run(found: Any, *, after: int = 0, length: int = 8) -> int:
    """Where the first `length` frames in a row are, from a frame on."""
    runs = np.convolve(found[after:], np.ones(length), "valid")
    return after + int(np.flatnonzero(runs == length)[0])


def say(seat: Seat, text: str) -> None:
    """The caller speaks."""

    async def sound() -> list[bytes]:
        return [pcm async for pcm in OfflineTTS().stream(text)]

    seat.ask(LendVoice(call="far"))
    for pcm in asyncio.run(sound()):
        seat.ask(Speak(call="far", speech=1, pcm=pcm))
    seat.ask(Speak(call="far", speech=1, last=True))


def moments(desk: DeskSeat) -> list[Moment]:
    return timeline(desk.records.record())


def said_by_caller(events: Sequence[e.AnyEvent]) -> list[str]:
    return [one.text for one in events if isinstance(one, e.FlowAgentTalk) and one.who == "caller"]
