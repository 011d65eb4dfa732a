"""Finds ended sessions in which a request about money has no last answer."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, func, select

from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.store import tables as t

_MARK = b'"event":"effect_re'
"""What stands in the payload of a request and of its answer (`engine.codec`); decoding says for sure."""


def unsettled(engine: Engine, kinds: Collection[str], since: float) -> list[str]:
    """Sessions that ended after `since` (Unix seconds), oldest first.

    Reads every request and answer of those sessions, so call it off the main thread.
    """
    query = (
        select(t.event.c.session, t.event.c.payload)
        .join(t.session, t.session.c.id == t.event.c.session)
        .where(
            t.session.c.status == "ended",
            t.session.c.ended_at >= since,
            func.instr(t.event.c.payload, _MARK) > 0,
        )
        .order_by(t.session.c.number, t.event.c.seq)
    )
    waiting: dict[str, set[str]] = {}
    with engine.connect() as connection:
        for session, payload in connection.execute(query):
            event = codec.decode(payload)
            if isinstance(event, e.EffectRequested) and event.kind in kinds:
                waiting.setdefault(session, set()).add(event.id)
            elif isinstance(event, e.EffectResolved) and event.outcome != "unknown":
                waiting.get(session, set()).discard(event.id)
    return [session for session, open_ in waiting.items() if open_]
