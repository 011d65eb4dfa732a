"""The co-pilot on a real call of a real window: the caller answers, a key takes what is proposed.

The caller's own recording says that the microphone, a tone here, was never shut out.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.exceptions import TimeoutError
from pytestqt.qtbot import QtBot

from halodesk.app.parts import phone_argv
from halodesk.engine import events as e
from halodesk.protocol.phone_link import LendVoice, Speak, SpeechEnded
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.store.record import timeline
from halodesk.voice.offline_tts import OfflineTTS
from tests.e2e.conftest import seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat
from tests.fakes.copilot import FLOW
from tests.fakes.llm_server import Reply, llm_server
from tests.lab.pbx import Pbx
from tests.lab.phones import RATE, Seat, read_stereo, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
AGENT_HZ = 1000.0
LOUD_DB = -40
_PATIENT, _WORDS_MS = 6, 6_000


def test_the_caller_answers_and_a_key_fills_it_in(
    qtbot: QtBot, tmp_path: Path, pbx: Pbx, seats: OpenSeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    tone = write_tone(tmp_path / "agent.wav", AGENT_HZ)
    monkeypatch.setattr(
        "halodesk.app.seat.phone_argv",
        lambda *given, **more: [*phone_argv(*given, **more), "--microphone", str(tone)],
    )
    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    flow = tmp_path / "order.flow.json"
    flow.write_text(json.dumps(listed(FLOW)), encoding="utf-8")
    settings = msgspec.structs.replace(
        seat_settings(pbx, "1003", "http://127.0.0.1:1", flow=flow),
        network=s.Network(codecs=("g722", "pcma")),
        copilot=True,
    )
    with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
        live = desk.seat.live
        desk.registered()
        far.dial("1003", key="far", account="1004")
        desk.until("a ringing call", lambda: desk.hands.can_use("answer_call"))
        desk.hands.click("answer_call")
        desk.at("ask")
        far.call("active", "far")
        desk.until("a co-pilot that listens", lambda: live.view.copilot.listening == "here", 30_000)

        answer(desk, far, "Three.", "Boxes: 3")
        assert (live.view.proposals[0].title, live.view.proposals[0].value) == ("Boxes", 3), live.view.said
        assert desk.page.fields[0].value is None
        press(desk, Qt.Key.Key_Return)
        desk.until("the field filled", lambda: desk.page.fields[0].value == 3)

        QTest.keyClick(desk.seat.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        desk.at("sure")
        answer(desk, far, "Yes.", "Yes, order")
        assert [one.kind for one in live.view.proposals] == ["transition"]
        press(desk, Qt.Key.Key_Return)
        desk.at("secret")
        assert live.view.copilot.paused
        heard = len(live.view.said)
        say(far, "Three.")
        desk.until("a sign of it", lambda: desk.page.mask.phase != "none")
        assert len(live.view.said) == heard
        desk.hands.click("hang_up")
        ended = far.call("ended", "far")
        desk.until("the end of the call", lambda: desk.page.call_left != "")
        record = desk.records.record()
        words = [one.words for one in timeline(record)]

    taken = [one for one in record.events if isinstance(one, e.ProposalSettled) and one.accepted]
    assert [(one.accepted, one.by, one.source) for one in taken] == [(True, "Kim Larsen", "words")] * 2
    assert any(
        "Proposed by the recogniser: Boxes: 3" in one and "accepted by Kim Larsen" in one for one in words
    )
    levels = tone_levels(read_stereo(ended)[:, 1], AGENT_HZ) > LOUD_DB
    first = int(np.flatnonzero(levels)[0])
    assert levels[first:-10].mean() > 0.97, "the caller hears the microphone all the time"


@pytest.mark.slow
def test_a_model_reads_both_speakers_of_the_call(
    qtbot: QtBot, tmp_path: Path, pbx: Pbx, seats: OpenSeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "agent.wav"
    pause = np.zeros(2 * RATE, dtype=np.int16)
    said = np.frombuffer(asyncio.run(spoken("Good morning. How many boxes do you want?")), dtype="<i2")
    soundfile.write(asked, np.concatenate([said, pause]), RATE, subtype="PCM_16")
    monkeypatch.setattr(
        "halodesk.app.seat.phone_argv",
        lambda *given, **more: [*phone_argv(*given, **more), "--microphone", str(asked)],
    )
    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    flow = tmp_path / "order.flow.json"
    flow.write_text(json.dumps(FLOW), encoding="utf-8")

    def answer_of(body: dict[str, Any]) -> Reply:
        heard = re.findall(r'Caller: \\?"(.*?)\\?"', body["messages"][1]["content"])
        words = heard[-1] if heard else "nothing"
        return Reply(calls=(("note_answers", json.dumps({"name": "Robin", "caller_words": words})),))

    with llm_server(answer=answer_of) as model:
        settings = msgspec.structs.replace(
            seat_settings(pbx, "1003", "http://127.0.0.1:1", flow=flow),
            network=s.Network(codecs=("g722", "pcma")),
            llm=({"provider": "openai", "model": "m-1", "url": model.url, "api_key": "k"},),
        )
        with desk_seat(qtbot, settings, tmp_path / "seat") as desk:
            live = desk.seat.live
            desk.registered()
            far.dial("1003", key="far", account="1004")
            desk.until("a ringing call", lambda: desk.hands.can_use("answer_call"))
            desk.hands.click("answer_call")
            desk.at("ask")
            far.call("active", "far")
            desk.until("the switch", lambda: desk.hands.can_use("toggle_copilot"))
            press(desk, Qt.Key.Key_C)
            desk.until("a co-pilot that listens", lambda: live.view.copilot.listening == "here", 30_000)
            desk.until("the agent's words", lambda: any(one.who == "human" for one in live.view.said))
            answer(desk, far, "My name is Robin.", "Name: Robin")
            desk.until("a proposal", lambda: bool(live.view.proposals))
            assert (live.view.proposals[0].shown, live.view.proposals[0].source) == ("Robin", "openai/m-1")
            press(desk, Qt.Key.Key_Return)
            desk.until("the name", lambda: desk.page.fields[2].value == "Robin")
            assert live.view.tokens > 0
        prompt = model.seen[-1]["messages"][1]["content"]
        assert "Agent: " in prompt
        assert "Caller: " in prompt


def listed(flow: dict[str, Any]) -> dict[str, Any]:
    """The flow without its fields for free words: the recogniser may stick to what is listed."""
    steps = [
        {**step, "fields": [one for one in step.get("fields", ()) if one["type"] != "text"]}
        for step in flow["steps"]
    ]
    return {**flow, "steps": steps}


def press(desk: DeskSeat, key: Qt.Key) -> None:
    """With Alt, wherever the focus is."""
    QTest.keyClick(desk.seat.window, key, Qt.KeyboardModifier.AltModifier)


def answer(desk: DeskSeat, far: Seat, text: str, right: str) -> None:
    """The caller says it, and again where it was not understood; what is proposed wrongly is turned down."""
    live = desk.seat.live
    for _ in range(_PATIENT):
        heard = len(live.view.said)
        say(far, text)
        try:
            desk.until("words", partial(_more, live, heard), _WORDS_MS)
        except TimeoutError:
            continue  # a sound that was no answer
        desk.until("no thought", lambda: not live.view.copilot.thinks)
        for proposal in live.view.proposals:
            if f"{proposal.title}: {proposal.shown}" == right or proposal.title == right:
                return
            live.turn_down(proposal.id)
    raise AssertionError(f"never understood: {live.view.said}")


def _more(live: LiveAgents, heard: int) -> bool:
    return any(one.who == "caller" for one in live.view.said[heard:])


def say(far: Seat, text: str) -> None:
    """The caller speaks; until the last of it has gone out."""

    number = 1 + sum(isinstance(notice, SpeechEnded) for notice in far.notices)
    if number == 1:
        far.ask(LendVoice(call="far"))
    pcm = asyncio.run(spoken(text))
    for at in range(0, len(pcm), RATE):
        far.ask(Speak(call="far", speech=number, pcm=pcm[at : at + RATE]))
    far.ask(Speak(call="far", speech=number, last=True))
    far.wait("its end", lambda n: n if isinstance(n, SpeechEnded) and n.speech == number else None)


async def spoken(text: str) -> bytes:
    """The sound of it."""
    return b"".join([pcm async for pcm in OfflineTTS().stream(text)])
