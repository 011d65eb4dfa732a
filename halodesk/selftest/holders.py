"""The doctor's line about key holders: whether the sealed fields of this seat's flows can be kept."""

from __future__ import annotations

import time
from pathlib import Path

from halodesk.crypto import holders as h
from halodesk.engine import flow as flows
from halodesk.engine.flow import Flow
from halodesk.runtime import settings as s
from halodesk.runtime.flow_files import load_all
from halodesk.runtime.sealer import Sealer
from halodesk.runtime.threads import SystemClock
from halodesk.selftest.checks import Check, not_checked, ok, problem, warning
from halodesk.store.holder_store import KeptList
from halodesk.store.seat_store import FILE, SeatStore

SOON_S = 30 * 86_400.0


def holders(folder: Path, given: s.Settings) -> Check:
    """Whom this seat seals to, where a flow of its own asks for that."""
    kept, published = _kept(folder)
    found = {flow.key: flow for flow in load_all(given.flows)} | {flow.key: flow for flow in published}
    sealing = sorted(flow.name for flow in found.values() if _seals(flow))
    if kept is None and not sealing:
        return not_checked("holders", "No flow of this seat has sealed fields.")
    sealer = Sealer(SystemClock())
    if kept is not None:
        sealer.use(kept.data, root=kept.root, tenant=kept.tenant)
    why = sealer.why_not()
    if why or kept is None:
        where = f"Sealed fields of {', '.join(sealing)} take nothing. " if sealing else ""
        return problem("holders", f"{where}{why}", "See docs/it.md: key holders.")
    listed = h.open_list(kept.data, root=kept.root, tenant=kept.tenant)
    names = " and ".join(f"{one.name} ({one.owner})" for one in listed.holders if one.kid in listed.pair)
    if listed.expires_at - time.time() < SOON_S:
        when = time.strftime("%Y-%m-%d", time.gmtime(listed.expires_at))
        return warning(
            "holders",
            f"The list of key holders ends on {when}; then nothing can be sealed.",
            "Have a new one signed: halodesk keys pair",
        )
    return ok("holders", f"Values are sealed to {names}, list {listed.version}.")


def _kept(folder: Path) -> tuple[KeptList | None, list[Flow]]:
    path = folder / FILE
    if not path.exists() or not path.stat().st_size:
        return None, []
    opened = SeatStore(folder, as_it_is=True)
    try:
        health = opened.health(pages=False)
        if health.schema != health.newest:  # told in the store's own line
            return None, []
        return opened.holders.current(), [flows.load(data) for data in opened.sync.documents()]
    finally:
        opened.close()


def _seals(flow: Flow) -> bool:
    return any(field.retention == "sealed" for step in flow.every_step() for field in step.fields)
