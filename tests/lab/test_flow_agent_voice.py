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
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent import callers, simulate
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.paths import resources_dir
from tests.lab.pbx import HOST, SECRET, Pbx
from tests.lab.person import InStep, Person
from tests.lab.phones import Seat

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
AGENTS = resources_dir() / "flow_agents"
CALLERS = sorted(path.relative_to(AGENTS / "callers") for path in (AGENTS / "callers").glob("*/*.json"))
FIRST = [path for path in CALLERS if path.stem == "gives_up_late"]


async def converse(pbx: Pbx, seat: Seat, folder: Path, path: Path) -> tuple[Talked, simulate.Talked, str]:
    script = callers.load(AGENTS / "callers" / path)
    document = loads((AGENTS / f"{path.parent.name}.json").read_bytes())
    account = s.SipAccount(
        uri=f"sip:1003@{HOST}:{pbx.sip_port}",
        registrar=f"sip:{HOST}:{pbx.sip_port}",
        username="1003",
        password=SECRET,
    )
    # The recogniser's model knows wideband sound.
    network = s.Network(codecs=("g722", "pcma"))
    settings = s.Settings(account=account, sip_bind=HOST, sound=s.Sound(devices="none"), network=network)
    person = Person(seat, script.says)
    lines: list[Line] = []
    last = State()

    def watch(line: Head | Line, state: State) -> None:
        nonlocal last
        last = state
        if isinstance(line, Line):
            lines.append(line)
        person.watch(line, state)

    living = asyncio.create_task(person.live())
    try:
        async with asyncio.timeout(220):
            talked = await talk(
                settings,
                folder,
                document,
                to="1004",
                models=[InStep(script.model, lambda: person.lines)],
                tools=MockTools(document, script.tools),
                parameters=script.parameters,
                watch=[watch],
            )
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
    said = [line.event.text for line in lines if isinstance(line.event, e.CallerSaid)]
    told = f"{len(script.says)} lines, {person.pressed} by a key in their place, heard: {said}"
    return talked, simulate.judged(script, last, lines), told


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "path",
    [*FIRST, *(pytest.param(path, marks=pytest.mark.slow) for path in CALLERS if path not in FIRST)],
    ids=str,
)
def test_a_caller_who_speaks_reaches_the_end(path: Path, pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> None:
    far = seats("far", "--codecs", "g722,pcma")
    far.register(pbx, "1004")
    talked, run, told = asyncio.run(converse(pbx, far, tmp_path / "seat", path))
    assert talked.answered
    print(f" [{path}: {run.node}: {told}]")
    assert not run.problems, told
    assert run.visits[-1] == talked.node
    assert Path(talked.recording).stat().st_size > 0
