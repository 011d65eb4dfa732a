"""A flow agent's voice over a real call: how soon it answers, how soon it is silent when interrupted.

A synthetic caller over the Asterisk lab, the offline ear and mouth, a model that takes no time. Both figures
are read from the caller's own recording, which has what it said and what it heard on one clock: end of
speech is the last of its own sound, the answer the first sound at its ear. Where the time goes is taken
from time stamps of the same turns; network, jitter buffers and both phones are the rest.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from halodesk.app import agent_call
from halodesk.app.speech import Speech, open_speech
from halodesk.demo.lab import SECRET, Lab
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import Account, CallInfo, HangUp, Register
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from halodesk.runtime.flow_agent_ports import STT, TTS, ChatRequest, Expected, Piece, ToolAnswer, ToolRequest
from halodesk.voice.call_duplex import CallDuplex
from halodesk.voice.offline_tts import OfflineTTS
from tests.bench.measure import Figure, figure, share
from tests.fakes.flow_agent import agent, node
from tests.lab.person import Person
from tests.lab.phones import RATE, Seat, read_stereo

HOST = "127.0.0.1"
ANSWER_MS, CUT_MS = 300.0, 200.0
LISTED = (
    *("Yes.", "Four.", "No thank you.", "Five.", "Call me back.", "Twenty five.", "Not interested."),
    *("Correct.", "Three.", "I am busy.", "Okay.", "Two hundred.", "Yes please.", "Nine.", "No."),
)
FREE = (
    "He was early and everything was fine.",
    "The water is warm again since yesterday.",
    "I would like to speak with somebody about my bill.",
    "It took a little longer than we had thought.",
    "My neighbour told me about your company.",
    "We have been waiting for the second part.",
    "They came on Monday and left in the evening.",
    "I am not sure whether that is the right number.",
    "The new one is much better than the old one.",
    "Could you tell me when they open in the morning?",
    "There was a problem with the key to the house.",
    "We moved here three years ago with our children.",
    "The letter came back from the post office.",
    "I will talk about it with my husband tonight.",
    "Please send it to my address in the country.",
)
STOP = "Excuse me."
CUTS = 20
REPLY = "Thank you, I have noted that. What would you like to tell me next?"
LONG = (
    "Our opening hours are long, from nine in the morning until half past five in the afternoon on every day"
    " of the week, and on Saturdays we are there from ten until two, and somebody will be glad to help you,"
    " with whatever you would like to know about your heating, and your water, and your account"
)
FLOOR_DB = -50.0
_BLOCK = RATE // 200
_GAP = 60
"""Blocks of 5 ms: so much silence parts two lines of the caller."""


def figures() -> Iterator[Figure]:
    """Two calls: one of answers, one of interruptions."""
    with tempfile.TemporaryDirectory(prefix="halodesk-voice-") as name:
        folder = Path(name)
        lab = Lab(folder / "pbx")
        lab.start()
        try:
            lines = [line for pair in zip(LISTED, FREE, strict=True) for line in pair]
            answers = asyncio.run(_Call(folder / "answers", lab).converse(tuple(lines)))
            listed, free = _latencies(answers, lines, LISTED), _latencies(answers, lines, FREE)
            yield from _answers(listed, free, answers)
            cuts = asyncio.run(_Call(folder / "cuts", lab).interrupt())
            yield from _cut(cuts)
        finally:
            lab.stop()


def _answers(listed: list[float], free: list[float], call: _Taken) -> Iterator[Figure]:
    yield figure(
        "flow agent: end of speech to first sound, listed words",
        listed,
        "ms",
        goal=f"<= {ANSWER_MS:.0f}",
        met=lambda value: value <= ANSWER_MS,
        note=f"p95 {share(listed, 0.95):.0f} of {len(listed)}",
    )
    parts = call.parts()
    middle = {part: statistics.median(values) for part, values in parts.items()}
    rest = statistics.median([*listed, *free]) - sum(middle.values())
    told = ", ".join(f"{part} {value:.0f}" for part, value in middle.items())
    yield figure(
        "flow agent: end of speech to first sound, free words",
        free,
        "ms",
        note=f"p95 {share(free, 0.95):.0f} of {len(free)}; of both: {told}, network and buffers {rest:.0f}",
    )


def _cut(call: _Taken) -> Iterator[Figure]:
    found = call.silences()
    yield figure(
        "flow agent: caller's first sound to silence, interrupted",
        found,
        "ms",
        goal=f"<= {CUT_MS:.0f}",
        met=lambda value: value <= CUT_MS,
        note=f"p95 {share(found, 0.95):.0f} of {len(found)}",
    )


def _latencies(call: _Taken, lines: list[str], wanted: tuple[str, ...]) -> list[float]:
    return [value for line, value in call.answers(lines) if line in wanted]


class _Turn:
    """Time stamps of one turn; 0: not seen."""

    def __init__(self) -> None:
        self.spoke = self.heard = self.asked = self.made = self.out = 0.0


class _Stamps:
    """Takes the time at each station of a turn."""

    def __init__(self) -> None:
        self.turns: list[_Turn] = []
        self._loud = 0.0

    def sound(self, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, dtype="<i2") / 32768
        if len(samples) and 20 * np.log10(np.sqrt(np.mean(samples**2)) + 1e-9) > FLOOR_DB:
            self._loud = time.monotonic()

    def heard(self) -> None:
        turn = _Turn()
        turn.spoke, turn.heard = self._loud, time.monotonic()
        self.turns.append(turn)

    def mark(self, station: str) -> None:
        if self.turns and not getattr(self.turns[-1], station):
            setattr(self.turns[-1], station, time.monotonic())


class _Ear:
    """The ear, with a time stamp for what goes in and what comes out."""

    def __init__(self, ear: STT, stamps: _Stamps) -> None:
        self._ear, self._stamps = ear, stamps
        self.expect: Callable[[Expected], None] = ear.expect
        self.final, self.close = ear.final, ear.close

    def feed(self, pcm: bytes) -> None:
        self._stamps.sound(pcm)
        self._ear.feed(pcm)

    async def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        async for news in self._ear.news():
            if isinstance(news, i.Heard) and news.final and news.text:
                self._stamps.heard()
            yield news


class _Mouth:
    """The mouth, likewise."""

    def __init__(self, mouth: TTS, stamps: _Stamps) -> None:
        self._mouth, self._stamps, self.close = mouth, stamps, mouth.close
        self.spoke: Callable[[], None] = lambda: None

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        self._stamps.mark("asked")
        async for pcm in self._mouth.stream(text):
            self._stamps.mark("made")
            self.spoke()
            yield pcm


def _duplex(stamps: _Stamps) -> type[CallDuplex]:
    class Stamped(CallDuplex):
        async def news(self) -> AsyncIterator[i.AnyNews]:
            async for news in super().news():
                if isinstance(news, i.SpeechBegan):
                    stamps.mark("out")
                yield news

    return Stamped


class _Always(ScriptedLLM):
    """Says the same to everything."""

    def __init__(self, text: str) -> None:
        super().__init__(())
        self._text = text

    async def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        async for piece in ScriptedLLM([Completion(text=self._text)]).stream(request):
            yield piece


class _NoTools:
    async def call(self, request: ToolRequest) -> ToolAnswer:
        return ToolAnswer(ok=False, error="There are none.")


class _Taken:
    """What a call left: the caller's recording and the time stamps."""

    def __init__(self, call: CallInfo, stamps: _Stamps) -> None:
        sound = read_stereo(call)
        self._said, self._heard = _sounds(sound[:, 0]), _sounds(sound[:, 1])
        self._stamps = stamps

    def answers(self, lines: list[str]) -> list[tuple[str, float]]:
        """Each line with the milliseconds from its end to the first sound of the answer."""
        spoken = _runs(self._said)
        if len(spoken) != len(lines):
            raise RuntimeError(f"{len(spoken)} lines in the recording, {len(lines)} were said")
        found = []
        for number, (_, end) in enumerate(spoken):
            until = spoken[number + 1][0] if number + 1 < len(spoken) else len(self._heard)
            after = np.flatnonzero(self._heard[end:until])
            if len(after):
                found.append((lines[number], 1000 * int(after[0]) * _BLOCK / RATE))
        return found

    def silences(self) -> list[float]:
        """Milliseconds from the first sound of each interruption to the last of what it interrupted."""
        found = []
        for begin, _ in _runs(self._said):
            for first, last in _runs(self._heard):
                if first < begin - _GAP and begin < last:
                    found.append(1000 * (last - begin) * _BLOCK / RATE)
        return found

    def parts(self) -> dict[str, list[float]]:
        """Milliseconds of each station, over all turns."""
        whole = [turn for turn in self._stamps.turns if turn.out]
        return {
            "ear": [1e3 * (turn.heard - turn.spoke) for turn in whole],
            "decision": [1e3 * (turn.asked - turn.heard) for turn in whole],
            "mouth": [1e3 * (turn.made - turn.asked) for turn in whole],
            "frame queue": [1e3 * (turn.out - turn.made) for turn in whole],
        }


class _Call:
    """One call between a flow agent and a synthetic person."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        folder.mkdir()
        self._folder, self._address = folder, f"{HOST}:{lab.sip_port}"
        self._stamps = _Stamps()

    async def converse(self, lines: tuple[str, ...]) -> _Taken:
        """Each line is said when the agent has ended, and a moment after."""
        return await self._run(REPLY, lambda person, _mouth: self._answer(person, lines))

    async def interrupt(self) -> _Taken:
        """The agent is interrupted a second into each of its speeches."""
        return await self._run(LONG, self._interrupt)

    async def _answer(self, person: Person, lines: tuple[str, ...]) -> None:
        for line in lines:
            async with asyncio.timeout(30):
                await person.word.wait()
            person.word.clear()
            await asyncio.sleep(0.4)
            await person.say(line)
        async with asyncio.timeout(30):
            await person.word.wait()

    async def _interrupt(self, person: Person, mouth: _Mouth) -> None:
        speaks = asyncio.Event()
        mouth.spoke = speaks.set
        sound = [pcm async for pcm in OfflineTTS().stream(STOP)]
        async with asyncio.timeout(30):  # the greeting is not interrupted
            await person.word.wait()
        await person.press("1#")
        for number in range(CUTS):
            speaks.clear()
            if number:
                await person.play(sound)
            async with asyncio.timeout(30):
                await speaks.wait()
            await asyncio.sleep(1.5 + 0.013 * number)

    async def _run(self, text: str, act: Callable[[Person, _Mouth], Any]) -> _Taken:
        seat = await asyncio.to_thread(Seat, self._folder / "far", "--codecs", "g722,pcma")
        try:
            account = Account(
                key="far", uri=f"sip:1004@{HOST}", registrar=self._address, username="1004", password=SECRET
            )
            await asyncio.to_thread(seat.ask, Register(account=account))
            await asyncio.to_thread(seat.registration, "far", "registered")
            return await self._talk(seat, text, act)
        finally:
            await asyncio.to_thread(seat.quit)

    async def _talk(self, seat: Seat, text: str, act: Callable[[Person, _Mouth], Any]) -> _Taken:
        person = Person(seat, ())
        speech = await open_speech({})
        mouth = _Mouth(speech.tts, self._stamps)
        tapped = Speech(stt=_Ear(speech.stt, self._stamps), tts=mouth)

        async def live() -> str:
            key = await person.answer()
            await act(person, mouth)
            await person.ask(HangUp(call=key))
            return key

        def watch(line: Head | Line, state: State) -> None:
            person.watch(line, state)

        living = asyncio.create_task(live())
        with mock.patch.object(agent_call, "CallDuplex", _duplex(self._stamps)):
            talking = asyncio.create_task(
                agent_call.talk(
                    self._settings(),
                    self._folder / "seat",
                    _document(),
                    to="1004",
                    models=[_Always(text)],
                    tools=_NoTools(),
                    speech=tapped,
                    watch=[watch],
                )
            )
            done, _ = await asyncio.wait({living, talking}, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        call = await asyncio.to_thread(seat.call, "ended", living.result())
        return _Taken(call, self._stamps)

    def _settings(self) -> s.Settings:
        account = s.SipAccount(
            uri=f"sip:1003@{self._address}",
            registrar=f"sip:{self._address}",
            username="1003",
            password=SECRET,
        )
        network = s.Network(codecs=("g722", "pcma"))
        return s.Settings(account=account, sip_bind=HOST, sound=s.Sound(devices="none"), network=network)


def _document() -> Document:
    rate = {
        "name": "told",
        "description": "Call it at the end.",
        "next_node_key": "ask",
        "properties": {
            "rating": {"type": "integer", "description": "Of ten", "minimum": 1, "maximum": 10},
            "amount": {"type": "integer", "description": "In dollars", "minimum": 0},
            "answer": {"type": "string", "enum": ["correct", "wrong"], "description": "Their word"},
            "reason": {"type": "string", "description": "Why, in their words"},
        },
        "required": [],
    }
    asking = node("ask", is_initial=True, functions=[rate])
    return agent(asking, greeting="Hello, this is the office. May I ask you something?")


def _sounds(channel: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether there is sound in each block of 5 ms."""
    blocks = channel[: len(channel) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    level = np.sqrt(np.mean(blocks**2, axis=1))
    found: npt.NDArray[np.bool_] = level > 10 ** (FLOOR_DB / 20)
    return found


def _runs(sounds: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First block of each stretch of sound, and the one after its last."""
    at = np.flatnonzero(sounds)
    if not len(at):
        return []
    ends = np.flatnonzero(np.diff(at) > _GAP)
    firsts = [int(at[0]), *(int(at[end + 1]) for end in ends)]
    lasts = [*(int(at[end]) + 1 for end in ends), int(at[-1]) + 1]
    return list(zip(firsts, lasts, strict=True))


if __name__ == "__main__":
    for one in figures():
        print(f"{one.name:58} {one.value:8.4g} {one.unit:6} {one.low:.4g} to {one.high:.4g} {one.note}")
