"""`halodesk flow-agent call` where a window is open: it makes the call, the command waits and prints."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from halodesk.app.agent_call import Talked
from halodesk.app.parts import seat_runs
from halodesk.engine.errors import PhoneAwayError, PhoneRefusedError
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.log import Line
from halodesk.engine.flow_agent.machine import evolve
from halodesk.engine.flow_agent.state import State
from halodesk.runtime.agent_order import Order, OrderFiles, Outcome
from halodesk.runtime.door import hand_over
from halodesk.runtime.flow_agent.runner import Watch

LOOK_S = 0.05
_ALIVE_EVERY = 40
"""Looks after which it is asked whether the window is still there."""


async def by_window(
    folder: Path, document: Document, to: str, parameters: dict[str, Any], watch: Watch
) -> Talked | None:
    """How it went; None where no window is open. Raises `HaloDeskError` where it refuses, or goes away."""
    if not (folder / "door.json").exists():
        return None
    order = Order(document=dict(document.source), to=to, parameters=parameters)
    files = await asyncio.to_thread(OrderFiles.place, folder, order)
    try:
        if not await asyncio.to_thread(hand_over, folder, "", files.path.name):
            return None
        return _talked(await _follow(folder, files, watch))
    finally:
        files.remove()


async def _follow(folder: Path, files: OrderFiles, watch: Watch) -> Outcome:
    state, looks = State(), 0
    while True:
        outcome = files.outcome()  # before the log: what came before it is there then
        for line in files.lines():
            if isinstance(line, Line) and line.event is not None:
                state = evolve(state, line.event)
            watch(line, state)
        if outcome is not None:
            return outcome
        looks += 1
        if looks % _ALIVE_EVERY == 0 and not seat_runs(folder):
            raise PhoneAwayError("HaloDesk's window has ended.", "Whoever sat there had the call.")
        await asyncio.sleep(LOOK_S)


def _talked(outcome: Outcome) -> Talked:
    if outcome.problem:
        raise PhoneRefusedError(outcome.problem, outcome.todo)
    return Talked(
        answered=outcome.answered,
        reason=outcome.reason,
        node=outcome.node,
        turns=outcome.turns,
        recording=outcome.recording,
    )
