"""Waits for a point in time.

The wall clock is looked at every few seconds: a loop's own clock stands still while the seat sleeps.
"""

from __future__ import annotations

import asyncio

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import Timer
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (Timer.kind,)
LOOK_S = 5.0


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """Until then."""
    until = msgspec.convert(job.ask.args, Timer).until
    while True:
        left = until - ports.clock.wall()
        if left <= 0:
            return job.answer("ok", now=ports.clock.wall())
        await asyncio.sleep(min(left, LOOK_S))
