"""Looks a postal code up in the seat's zip table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import ZipSearch
from halodesk.runtime.effect_ports import ZipPlace
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (ZipSearch.kind,)
_PARTS = (
    "code", "city", "state", "county", "country", "latitude", "longitude", "timezone", "dma", "dma_source",
    "tax_rate", "tax_source", "tax_label",
)  # fmt: skip


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """All places of the code."""
    if ports.zips is None:
        return job.answer("failed", reason="This seat has no table of postal codes.")
    code = msgspec.convert(job.ask.args, ZipSearch).code
    return job.answer("ok", places=[_plain(place) for place in ports.zips.lookup(code)])


def _plain(place: ZipPlace) -> dict[str, Any]:
    found = {name: getattr(place, name, None) for name in _PARTS}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in found.items()}
