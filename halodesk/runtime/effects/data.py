"""Fetches the rows of a flow's data source."""

from __future__ import annotations

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.effects import DataQuery
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (DataQuery.kind,)


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """The rows."""
    query = msgspec.convert(job.ask.args, DataQuery)
    if ports.data is None:
        return job.answer("failed", reason=f'This seat has no data source "{query.source}".')
    answer = await ports.data.rows(query)
    if answer.rows is None:
        return job.answer("failed", reason=answer.reason or "The list could not be fetched.")
    return job.answer("ok", rows=[dict(row) for row in answer.rows[: query.limit]])
