"""Sessions without a seat: stamped events and the pieces they are uploaded in."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from halodesk.crypto import chain
from halodesk.crypto.signing import HEAD_TAG, SigningKey
from halodesk.engine import events as e
from halodesk.engine.cart import Cart
from halodesk.engine.events import AnyEvent
from halodesk.protocol import log_lines
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.sync import LOG_SCHEMA, Chunk
from halodesk.runtime.log import SessionLog
from halodesk.runtime.threads import SystemClock
from halodesk.server.access import Holder
from halodesk.server.chunks import Checked, check


def some_events(
    count: int, *, agent: str = "Kim", ended: bool = False, flow_hash: str = "0" * 64
) -> list[AnyEvent]:
    """A session's beginning, notes, and its end when wanted."""
    started = e.SessionStarted(
        flow="flow",
        flow_name="Flow",
        version=3,
        flow_hash=flow_hash,
        agent=agent,
        call=e.CallFacts(),
        variables={},
        cart=Cart(),
    )
    facts: list[AnyEvent] = [started]
    facts += [e.NoteAdded(text=f"Grüße {number} \x00 “‘") for number in range(count - 1 - ended)]
    facts += [e.SessionEnded(disposition="sale", reason="completed")] if ended else []
    return facts


class Maker:
    """A seat's key and the sessions it records."""

    def __init__(self, seat: str = "seat-one", tenant: str = "main") -> None:
        self.key = SigningKey.new()
        self.holder = Holder(tenant=tenant, role="seat", subject=seat, team="red")

    def session(
        self, count: int, *, ended: bool = False, name: str = "", agent: str = "Kim"
    ) -> list[StoredEvent]:
        """Stored rows of a new session."""
        log = SessionLog(session=name or secrets.token_hex(12), seat=self.holder.subject, clock=SystemClock())
        return log.stamp(some_events(count, agent=agent, ended=ended), flow="flow", version=3)

    def chunk(self, rows: Sequence[StoredEvent], first: int, last: int, **changes: object) -> Chunk:
        """The events `first` to `last` as they are uploaded; `changes` replace fields."""
        part = rows[first - 1 : last]
        sid = rows[0].session
        values: dict[str, object] = {
            "tenant": self.holder.tenant,
            "sid": sid,
            "first": first,
            "last": last,
            "prev": rows[first - 2].head if first > 1 else chain.genesis(sid),
            "head": part[-1].head,
            "schema": LOG_SCHEMA,
            "epoch": "",
            "body": log_lines.write(part).decode(),
            "signature": self.key.sign(HEAD_TAG, self.holder.tenant, sid, last, part[-1].head),
        }
        return Chunk(**(values | changes))  # type: ignore[arg-type]

    def piece(self, rows: Sequence[StoredEvent], first: int, last: int) -> Checked:
        """The same, checked."""
        return check(self.chunk(rows, first, last), self.holder, self.key.public)
