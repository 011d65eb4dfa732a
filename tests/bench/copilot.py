"""The co-pilot: from the end of the caller's words to the proposal, with a model that takes no time.

The limit is the recogniser itself: an utterance is over when it has been silent for the endpointer's window.
What its words take from there to the proposal is ours. Sound is fed at the pace of a call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import numpy as np

from halodesk.app.speech import open_ear
from halodesk.protocol.phone_link import FarSound
from halodesk.runtime.flow_agent.copilot_ear import Ear
from halodesk.runtime.flow_agent.scripted import Completion, Said, ScriptedLLM
from halodesk.voice.offline_tts import OfflineTTS
from tests.bench.measure import Figure, figure
from tests.fakes.copilot import Room, order_desk

RUNS = 5
BEFORE = "Good morning. I would like to order something from you, please."
"""A recogniser learns the line by the first words; nobody answers with those."""
SAID = "Extra large."
QUOTE = "large"
MOST_MS = 300.0
_FRAME_BYTES, _FRAME_S = 640, 0.02
_LOUD = 300
"""Amplitude from which a sample is no silence."""
_SILENCE = [bytes(_FRAME_BYTES)] * 150


def figures() -> Iterator[Figure]:
    """From the last loud frame of an utterance; runs that were not understood are told, not counted."""
    before, frames = asyncio.run(_spoken(BEFORE)), asyncio.run(_spoken(SAID))
    runs = [found for _ in range(RUNS) if (found := _run(before, frames)) is not None]
    if not runs:
        return
    yield figure(
        "co-pilot: end of the caller's words to the proposal shown",
        [shown * 1e3 for shown, _ in runs],
        "ms",
        goal=f"<= {MOST_MS:.0f}",
        met=lambda value: value <= MOST_MS,
        note=f"offline recogniser, zero-latency model; {len(runs)} of {RUNS} understood",
    )
    yield figure(
        "co-pilot: of it after the recogniser's words",
        [(shown - words) * 1e3 for shown, words in runs],
        "ms",
        note="model asked, answer checked, proposal in the view",
    )


async def _spoken(text: str) -> list[bytes]:
    pcm = b"".join([piece async for piece in OfflineTTS().stream(text)])
    return [pcm[at : at + _FRAME_BYTES].ljust(_FRAME_BYTES, b"\0") for at in range(0, len(pcm), _FRAME_BYTES)]


class _Listening(Room):
    """With the recogniser of the product."""

    async def _open(self) -> Ear:
        return await open_ear({})


def _run(before: list[bytes], frames: list[bytes]) -> tuple[float, float] | None:
    """Seconds from the end of the words to the proposal, and to the text of them; None: not understood."""
    call = Said(name="note_answers", arguments={"name": "Robin", "caller_words": QUOTE})
    answers = [Completion(calls=(call,))] * 8  # void before these words are said
    room = _Listening(order_desk(), models=lambda: [ScriptedLLM(answers)])
    try:
        room.begin()
        room.io.submit(_speak(room, [*before, *_SILENCE])).result(60)
        room.settle()
        known = len(room.copilot.view.said)
        loud = max(at for at, frame in enumerate(frames) if np.abs(np.frombuffer(frame, "<i2")).max() > _LOUD)
        room.io.submit(_speak(room, frames[: loud + 1])).result(60)
        ended = time.monotonic()
        silence = room.io.submit(_speak(room, [*frames[loud + 1 :], *_SILENCE]))
        room.until(lambda: len(room.copilot.view.said) > known or silence.done())
        words = time.monotonic()
        room.until(lambda: _understood(room) or silence.done())
        shown = time.monotonic()
        silence.result(10)
        return (shown - ended, words - ended) if _understood(room) else None
    finally:
        room.copilot.stop()
        room.io.submit(asyncio.sleep(1.0)).result(5)  # its recognisers end
        room.close()


def _understood(room: Room) -> bool:
    return any(one.name == "name" for one in room.proposals)


async def _speak(room: Room, frames: list[bytes]) -> None:
    begun = time.monotonic()
    for at, frame in enumerate(frames):
        room.hearings[-1].give(FarSound(call="call-1", pcm=frame))
        await asyncio.sleep(max(0.0, begun + (at + 1) * _FRAME_S - time.monotonic()))
