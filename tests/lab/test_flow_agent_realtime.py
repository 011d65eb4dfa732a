"""A whole conversation over the PBX where a Realtime server hears, thinks and speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halodesk.app.agent_call import Talked, talk
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from halodesk.runtime.flow_agent.scripted import Said as ScriptedCall
from tests.fakes.flow_agent import agent, node
from tests.fakes.realtime_server import Read, RealtimeServer, Said, realtime_server
from tests.lab.pbx import HOST, SECRET, Pbx
from tests.lab.person import Person
from tests.lab.phones import Seat, read_stereo

pytestmark = [pytest.mark.lab, pytest.mark.slow]

OpenSeat = Callable[..., Seat]
DOCUMENT = agent(
    node("greet", is_initial=True, to={"wants_it": "end"}),
    node("end", is_terminal=True),
    greeting="Hello, do you want one?",
)


async def converse(
    pbx: Pbx, seat: Seat, folder: Path, server: RealtimeServer, spare: ScriptedLLM, dies_at: int = 0
) -> tuple[Talked, State]:
    """The caller says two lines. `dies_at`: the server hangs up when the caller has said so many."""
    account = s.SipAccount(
        uri=f"sip:1003@{HOST}:{pbx.sip_port}",
        registrar=f"sip:{HOST}:{pbx.sip_port}",
        username="1003",
        password=SECRET,
    )
    settings = s.Settings(
        account=account,
        sip_bind=HOST,
        sound=s.Sound(devices="none"),
        network=s.Network(codecs=("g722", "pcma")),
        speech={"realtime": {"provider": "openai", "url": server.url}},
    )
    person = Person(seat, ("Yes, please.", "Thank you."))
    last, dying = State(), list[asyncio.Task[None]]()

    def watch(line: Head | Line, state: State) -> None:
        nonlocal last
        last = state
        person.watch(line, state)
        if dies_at and state.turn == dies_at and not dying:
            dying.append(asyncio.create_task(server.hang_up()))

    living = asyncio.create_task(person.live())
    try:
        async with asyncio.timeout(100):
            talked = await talk(
                settings,
                folder,
                DOCUMENT,
                to="1004",
                models=[spare],
                tools=MockTools(DOCUMENT, {}),
                watch=[watch],
            )
    finally:
        living.cancel()
        await asyncio.gather(living, *dying, return_exceptions=True)
    return talked, last


def ended(far: Seat) -> CallInfo:
    return far.call("ended")


def test_it_hears_speaks_and_moves_on_by_our_rules(pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> None:
    async def run() -> tuple[Talked, State, RealtimeServer]:
        async with realtime_server() as server:
            server.texts = [Read("Yes, please."), Read("Thank you.")]
            server.responses = [
                Said(calls=(("wants_it", "{}"),)),
                Said("It is yours. Anything else?", ms=300),
                Said("Goodbye.", calls=(("end_call", "{}"),)),
            ]
            return *await converse(pbx, far, tmp_path / "seat", server, ScriptedLLM(())), server

    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    talked, state, server = asyncio.run(run())
    assert (talked.answered, talked.node, talked.reason) == (True, "end", "end_call")
    assert next(message.text for message in state.messages if message.who == "caller") == "Yes, please."
    assert server.errors == []
    assert len(server.committed) >= 2, "the caller's sound arrived"
    heard = np.abs(read_stereo(ended(far))[:, 1])
    assert heard.max() > 0.1, "its voice came over the call"


def test_a_line_lost_in_mid_call_ends_the_call_by_the_spares(
    pbx: Pbx, seats: OpenSeat, tmp_path: Path
) -> None:
    async def run() -> tuple[Talked, State, ScriptedLLM]:
        spare = ScriptedLLM([Completion(text="Goodbye then.", calls=(ScriptedCall(name="end_call"),))])
        async with realtime_server() as server:
            server.texts, server.responses = [Read("Yes, please.")], [Said("Let me see", fault="hang")]
            return *await converse(pbx, far, tmp_path / "seat", server, spare, dies_at=1), spare

    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    talked, _, spare = asyncio.run(run())
    assert (talked.answered, talked.reason) == (True, "end_call")
    assert spare.requests, "the next model of the chain went on"
    told = [message.content for message in spare.requests[0].messages]
    assert "Yes, please." in told, "with what was said before"
