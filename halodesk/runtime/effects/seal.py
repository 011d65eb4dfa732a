"""Turns digits of sealed fields into envelopes.

Digits go from the vault into the envelope and nowhere else; what was sealed is wiped at once. Where
one of them cannot be sealed, none is handed on, and all stay in the vault for another try.
"""

from __future__ import annotations

import base64

from halodesk.engine import sealed
from halodesk.engine.commands import Resolve
from halodesk.engine.errors import HaloDeskError
from halodesk.runtime.effects.base import Job, Ports, Tell
from halodesk.runtime.secret_entry import vault_handle

KINDS = (sealed.KIND,)


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """The envelopes, or why there are none."""
    args = job.ask.args
    made: dict[str, str] = {}
    holders: tuple[str, ...] = ()
    if ports.sealer is None:
        return job.answer("failed", reason="This seat cannot seal anything.")
    handles = {entry["field"]: vault_handle(job.session, entry["handle"]) for entry in args["fields"]}
    try:
        for field, handle in handles.items():
            with ports.vault.view(handle) as digits:
                if not digits:
                    return job.answer("failed", reason="What was typed is no longer in memory. Ask again.")
                one = ports.sealer.seal(
                    digits,
                    session=job.session,
                    field=field,
                    flow_hash=args["flow_hash"],
                    version=args["version"],
                )
            made[field] = base64.b64encode(one.envelope).decode()
            holders = one.holders
    except HaloDeskError as error:
        return job.answer("failed", reason=str(error))
    for handle in handles.values():
        ports.vault.wipe(handle, "used")
    return job.answer("ok", sealed=made, holders=list(holders))
