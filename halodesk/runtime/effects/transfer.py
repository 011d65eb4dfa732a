"""Asks the phone to hand the caller over."""

from __future__ import annotations

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import TransferCall
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (TransferCall.kind,)


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """Handed over or not; after a restart nobody is transferred late."""
    if ports.transfers is None:
        return job.answer("failed", reason="The phone of this seat cannot transfer calls.")
    if job.again:
        return job.answer("failed", reason="HaloDesk was restarted during the transfer.")
    call = msgspec.convert(job.ask.args, TransferCall)
    answer = await ports.transfers.transfer(call, session=job.session)
    if answer.done:
        return job.answer("ok")
    return job.answer("failed", reason=answer.reason or "The call could not be transferred.")
