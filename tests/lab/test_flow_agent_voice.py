"""Whole conversations of a flow agent over the PBX: a caller who speaks, the offline recogniser and voice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from halodesk.app.agent_call import Talked, talk
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.document import loads
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import AnswerCall, CallChanged, LendVoice, Notice, Request, SendDtmf, Speak
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent import callers
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.scripted import ScriptedLLM
from halodesk.runtime.paths import resources_dir
from halodesk.voice.offline_tts import OfflineTTS
from tests.lab.pbx import HOST, SECRET, Pbx
from tests.lab.phones import Seat

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
AGENTS = resources_dir() / "flow_agents"
CALLERS = sorted(path.relative_to(AGENTS / "callers") for path in (AGENTS / "callers").glob("*/*.json"))
FIRST = [path for path in CALLERS if path.parent.name == "service_survey"][:1]


class Person:
    """The far end: answers, and speaks its lines when the agent gives it the word."""

    def __init__(self, seat: Seat, lines: list[str]) -> None:
        self._seat, self._lines = seat, lines
        self._voice = OfflineTTS()
        self._key = ""
        self._speech = 0
        self.word = asyncio.Event()
        self.heard: list[str] = []

    async def ask(self, *requests: Request) -> None:
        for request in requests:
            await asyncio.to_thread(self._seat.ask, request)

    async def answer(self) -> None:
        def incoming(notice: Notice) -> str | None:
            match notice:
                case CallChanged(call=call) if call.state == "incoming":
                    return call.key
            return None

        self._key = await asyncio.to_thread(self._seat.wait, "call", incoming, 20.0)
        await self.ask(AnswerCall(call=self._key))
        await asyncio.to_thread(self._seat.call, "active", self._key)
        await self.ask(LendVoice(call=self._key))

    async def live(self) -> None:
        await self.answer()
        for line in self._lines:
            await self.word.wait()
            self.word.clear()
            if line.startswith("dtmf:"):
                await self.ask(SendDtmf(call=self._key, digits=line.removeprefix("dtmf:")))
            else:
                await self.say(line)

    async def say(self, text: str) -> None:
        self._speech += 1
        async for pcm in self._voice.stream(text):
            await self.ask(Speak(call=self._key, speech=self._speech, pcm=pcm))
        await self.ask(Speak(call=self._key, speech=self._speech, last=True))


async def converse(pbx: Pbx, seat: Seat, folder: Path, path: Path) -> tuple[Talked, list[e.AnyEvent]]:
    script = callers.load(AGENTS / "callers" / path)
    document = loads((AGENTS / f"{path.parent.name}.json").read_bytes())
    account = s.SipAccount(
        uri=f"sip:1003@{HOST}:{pbx.sip_port}",
        registrar=f"sip:{HOST}:{pbx.sip_port}",
        username="1003",
        password=SECRET,
    )
    # The recogniser's model knows wideband sound; over 8 kHz it hears three words of ten wrongly.
    network = s.Network(codecs=("g722", "pcma"))
    settings = s.Settings(account=account, sip_bind=HOST, sound=s.Sound(devices="none"), network=network)
    person = Person(seat, list(script.says))
    events: list[e.AnyEvent] = []

    def watch(line: Head | Line, state: State) -> None:
        if isinstance(line, Line) and line.event is not None:
            events.append(line.event)
            # A caller who waits for the end of what is said to him.
            if isinstance(line.event, e.SpeechPlayed) and state.phase in ("listening", "terminal_wait"):
                person.word.set()

    living = asyncio.create_task(person.live())
    try:
        async with asyncio.timeout(110):
            talked = await talk(
                settings,
                folder,
                document,
                to="1004",
                models=[ScriptedLLM(script.model)],
                tools=MockTools(document, script.tools),
                parameters=script.parameters,
                watch=[watch],
            )
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    return talked, events


@pytest.mark.parametrize(
    "path",
    [*FIRST, *(pytest.param(path, marks=pytest.mark.slow) for path in CALLERS if path not in FIRST)],
    ids=str,
)
def test_a_caller_who_speaks_reaches_the_end(path: Path, pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> None:
    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    expect = callers.load(AGENTS / "callers" / path).expect
    assert expect is not None
    talked, events = asyncio.run(converse(pbx, far, tmp_path / "seat", path))
    assert talked.answered
    said = [event.text for event in events if isinstance(event, e.CallerSaid)]
    assert talked.node == (expect.node or expect.visits[-1]), said
    script = callers.load(AGENTS / "callers" / path).says
    heard = sum(words.lower().strip(".,") in " ".join(said).lower() for words in " ".join(script).split())
    print(f" [{heard} of {len(' '.join(script).split())} words: {said}]")
    assert Path(talked.recording).stat().st_size > 0
