"""The log of one session on its way to disk: stamps events and links the chain; reads it back.

Rules:
- The order of `stamp` calls is the order of the chain; one writer a session.
- `verify` trusts nothing but the bytes: sequence, chain, payload against leaf, tag against
  payload. It names the first broken link.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import msgspec

from halodesk.crypto import chain
from halodesk.engine import codec
from halodesk.engine.errors import SessionFileError
from halodesk.engine.events import AnyEvent
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.envelope import Envelope, StoredEvent
from halodesk.runtime.ports import Clock


class SessionLog:
    """Stamps the events of one session."""

    def __init__(
        self, *, session: str, seat: str, clock: Clock, seq: int = 0, head: bytes | None = None
    ) -> None:
        self.session = session
        self.seq = seq
        self.head = head if head is not None else chain.genesis(session)
        self._seat = seat
        self._clock = clock

    def stamp(self, events: Sequence[AnyEvent], *, flow: str, version: int) -> list[StoredEvent]:
        """Rows of these events, linked to all before."""
        wall, mono = self._clock.wall(), self._clock.mono()
        rows = []
        for event in events:
            seq = self.seq + 1
            stamped = envelopes.encode(
                Envelope(
                    session=self.session,
                    seq=seq,
                    id=secrets.token_hex(16),
                    seat=self._seat,
                    wall=wall,
                    mono=mono,
                    flow=flow,
                    version=version,
                    event=str(type(event).__struct_config__.tag),
                )
            )
            payload, salt = codec.encode(event), chain.new_salt()
            committed = chain.leaf(salt, payload)
            self.head = chain.link(self.head, seq, stamped, committed)
            self.seq = seq
            rows.append(
                StoredEvent(
                    session=self.session,
                    seq=seq,
                    envelope=stamped,
                    leaf=committed,
                    head=self.head,
                    salt=salt,
                    payload=payload,
                )
            )
        return rows


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of a log proved."""

    ok: bool
    events: int
    erased: int
    head: str
    """Hex of the last head."""
    broken_at: int | None = None
    """Sequence number of the first broken link."""
    message: str = ""


def verify(session: str, rows: Sequence[StoredEvent]) -> Verdict:
    """Checks the whole chain of one session."""
    head, erased = chain.genesis(session), 0
    for index, row in enumerate(rows, start=1):
        problem = _problem(session, index, row)
        linked = chain.link(head, row.seq, row.envelope, row.leaf)
        if not problem and linked != row.head:
            problem = "its link to the event before does not hold"
        if problem:
            return Verdict(
                ok=False,
                events=len(rows),
                erased=erased,
                head=head.hex(),
                broken_at=index,
                message=f"Event {index}: {problem}. Events 1 to {index - 1} are intact.",
            )
        erased += row.payload is None
        head = linked
    return Verdict(ok=True, events=len(rows), erased=erased, head=head.hex(), message="The chain holds.")


def _problem(session: str, index: int, row: StoredEvent) -> str:
    if row.seq != index or row.session != session:
        return "it is missing or out of order"
    try:
        stamped = envelopes.decode(row.envelope)
    except SessionFileError as error:
        return error.message
    if (stamped.session, stamped.seq) != (session, index):
        return "its envelope belongs to another event"
    if row.payload is None or row.salt is None:
        return "" if row.payload is None and row.salt is None else "it is erased only in part"
    if chain.leaf(row.salt, row.payload) != row.leaf:
        return "its content was changed"
    if str(type(codec.decode(row.payload)).__struct_config__.tag) != stamped.event:
        return "its content is of another kind than its envelope says"
    return ""
