"""Recorded sessions of this seat on a candidate version of their flow."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from halodesk.engine.errors import DocumentError, SessionFileError
from halodesk.engine.flow import Flow
from halodesk.engine.rehearse import Divergence, rehearse
from halodesk.engine.simulate import FunctionPort
from halodesk.store.record import read
from halodesk.store.sessions import SessionRow, Sessions

MOST = 100_000


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """One session. `problem`: why it could not be compared; `divergence` None: it goes the same way."""

    session: str
    number: int
    version: int
    divergence: Divergence | None = None
    problem: str = ""


def on_candidate(
    sessions: Sessions,
    candidate: Flow,
    functions: FunctionPort,
    *,
    told: Callable[[SessionRow], None] = lambda row: None,
) -> list[Rehearsed]:
    """Every session of that flow, the newest first. `told`: before each."""
    found = []
    for row in sessions.rows(limit=MOST):
        if row.flow != candidate.key:
            continue
        told(row)
        found.append(_one(sessions, row, candidate, functions))
    return found


def _one(sessions: Sessions, row: SessionRow, candidate: Flow, functions: FunctionPort) -> Rehearsed:
    known = Rehearsed(session=row.id, number=row.number, version=row.version)
    try:
        record = read(sessions, row.id)
    except (SessionFileError, DocumentError) as error:
        return msgspec.structs.replace(known, problem=error.message)
    if record.erased:
        return msgspec.structs.replace(known, problem="Part of it was erased.")
    parted = rehearse(record.flow, candidate, record.events, functions, now=record.began)
    return msgspec.structs.replace(known, divergence=parted)
