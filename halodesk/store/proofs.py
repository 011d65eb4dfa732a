"""What is proven of a recorded session, and what is not.

Rules:
- Four things are looked at, each said by itself: the chain of events, the seat's seal over its end,
  the server's receipt, the seat's count of its sessions. Only `broken` is a finding; `not_proven`
  says what nobody can vouch for (a seat without a server, a session that is still open).
- Nothing is believed for standing in a row: heads are linked anew, signatures are checked.
- Content that is gone must be covered by a signed order to erase it, or it is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from sqlalchemy import Engine, select

from halodesk.crypto.signing import ERASE_TAG, SEEN_TAG, SigningKey, holds, key_id
from halodesk.engine.errors import SessionFileError
from halodesk.protocol import envelope as envelopes
from halodesk.protocol import erasure as orders
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.erasure import ErasureOrder
from halodesk.runtime.log import Verdict, verify
from halodesk.store import audit_tables as a
from halodesk.store import seals
from halodesk.store import sync_tables as s
from halodesk.store.seals import Seal
from halodesk.store.sessions import SessionRow, Sessions

State = Literal["proven", "not_proven", "broken"]
Name = Literal["chain", "seal", "receipt", "counter", "erasure"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at, in words."""

    name: Name
    state: State
    message: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one session. `ok`: nothing of it is broken. `broken_at`: the first broken event."""

    ok: bool
    session: str
    number: int
    events: int
    erased: int
    head: str
    broken_at: int | None
    message: str
    parts: tuple[Part, ...]

    @property
    def proven(self) -> bool:
        """Whether nothing is left open, either."""
        return all(part.state == "proven" for part in self.parts)


class Proofs:
    """Reading, from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)

    def prove(self, session: str) -> Proof:
        """By id, beginning of it, or number. Raises `SessionFileError`."""
        row = self._sessions.find(session)
        rows = self._sessions.events(row.id)
        verdict = verify(row.id, rows, closed=row.status == "ended")
        chain = Part(name="chain", state="proven" if verdict.ok else "broken", message=verdict.message)
        parts = [chain]
        if verdict.ok:
            parts += [self._seal(row, rows), self._receipt(row, rows), self._counter(row, rows)]
            if verdict.erased:
                parts.append(self._erased(row, rows))
        return _summed(row, verdict, parts)

    def orders(self, session: str) -> list[ErasureOrder]:
        """Orders to erase something of a session that the seat has signed. Raises `SessionFileError`."""
        seat, key = self._seat()
        query = select(a.erasure.c.signed, a.erasure.c.signature).where(a.erasure.c.session == session)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        good = [row.signed for row in rows if holds(key, row.signature, ERASE_TAG, row.signed)]
        found = map(orders.decode, good)
        return [order for order in found if (order.seat, order.session) == (seat, session)]

    def seal_of(self, session: str) -> Seal | None:
        """The seat's signature over the end of a session."""
        with self._engine.connect() as connection:
            return seals.find(connection, session)

    def _seat(self) -> tuple[str, bytes]:
        """Id and public key of this seat; an empty key where it has none yet."""
        with self._engine.connect() as connection:
            seed = connection.execute(select(a.seat_key.c.sign_seed)).scalar()
        return self._sessions.seat(), SigningKey(bytes(seed)).public if seed is not None else b""

    def _seal(self, row: SessionRow, rows: Sequence[StoredEvent]) -> Part:
        found, (seat, key) = self.seal_of(row.id), self._seat()
        stamped = envelopes.decode(rows[0].envelope).number
        if found is None:
            if row.status != "ended":
                return _open("seal", "The session is open: it is signed when it ends.")
            if stamped:
                return _broken("seal", "The seat's signature over the end of this session is missing.")
            return _open("seal", "It was recorded before this HaloDesk signed sessions.")
        if not found.fits(seat, row.id) or found.key != key:
            return _broken("seal", "The seat's signature over the end of this session does not fit.")
        if found.last_seq > rows[-1].seq:
            return _broken(
                "seal",
                f"It was signed with {found.last_seq} events, and it ends after {rows[-1].seq}: cut off.",
            )
        if (found.last_seq, found.head) != (rows[-1].seq, rows[-1].head):
            return _broken("seal", f"It was signed with another end than event {rows[-1].seq}.")
        if found.number != row.number:
            return _broken(
                "seal", f"It was signed as session {found.number} of the seat, not as {row.number}."
            )
        return Part(
            name="seal", state="proven", message=f"The seat signed its end (key {key_id(found.key)[:16]})."
        )

    def _receipt(self, row: SessionRow, rows: Sequence[StoredEvent]) -> Part:
        with self._engine.connect() as connection:
            link = connection.execute(select(s.server_link).where(s.server_link.c.enrolled == 1)).first()
            sent = connection.execute(select(s.outbox).where(s.outbox.c.session == row.id)).first()
        if link is None:
            return _open("receipt", "This seat has no server: nobody else vouches for its records.")
        if sent is None or not sent.acked_seq:
            return _open("receipt", "The server has not countersigned any of it yet.")
        if sent.acked_seq > len(rows):
            return _broken(
                "receipt",
                f"The server holds {sent.acked_seq} events; those after {len(rows)} were cut off here.",
            )
        if not sent.receipt:
            return _open("receipt", f"The server has {sent.acked_seq} events, and its receipt is not here.")
        head = rows[sent.acked_seq - 1].head
        parts = (link.tenant, self._sessions.seat(), row.id, sent.acked_seq, head, sent.acked_at)
        if not holds(bytes(link.server_key), bytes(sent.receipt), SEEN_TAG, *parts):
            return _broken(
                "receipt", f"The server's receipt is for another history of events 1 to {sent.acked_seq}."
            )
        if sent.acked_seq < len(rows):
            words = f"The server countersigned events 1 to {sent.acked_seq} of {len(rows)} so far."
            return _open("receipt", words)
        return Part(name="receipt", state="proven", message="The server countersigned all of it.")

    def _counter(self, row: SessionRow, rows: Sequence[StoredEvent]) -> Part:
        stamped = envelopes.decode(rows[0].envelope).number
        if stamped and stamped != row.number:
            return _broken("counter", f"The chain says session {stamped} of the seat, the list {row.number}.")
        before = [number for number in self._sessions.missing() if number < row.number]
        if before and before[-1] == row.number - 1:
            return _open("counter", f"Session {before[-1]} of this seat, the one before it, is missing.")
        if not stamped:
            return _open("counter", "Its number is not in the chain: it was recorded before that was done.")
        return Part(
            name="counter",
            state="proven",
            message=f"It is session {row.number}; the one before is there.",
        )

    def _erased(self, row: SessionRow, rows: Sequence[StoredEvent]) -> Part:
        found = self.orders(row.id)
        ordered = {seq for order in found for seq in order.seqs}
        gone = [event.seq for event in rows if event.payload is None]
        stray = [seq for seq in gone if seq not in ordered]
        if stray:
            return _broken("erasure", f"Event {stray[0]} was emptied, and no signed order says so.")
        words = "; ".join(f"{order.by}: {order.reason}" for order in found)
        return Part(name="erasure", state="proven", message=f"{len(gone)} events were erased ({words}).")


def check_rows(session: str, rows: Sequence[StoredEvent]) -> Verdict:
    """The chain of a record from elsewhere. Raises `SessionFileError` that names the first broken link."""
    verdict = verify(session, rows)
    if not verdict.ok:
        raise SessionFileError(f"This record was changed. {verdict.message}", "Do not rely on it.")
    return verdict


def _summed(row: SessionRow, verdict: Verdict, parts: Sequence[Part]) -> Proof:
    worst = next((part for part in parts if part.state == "broken"), None)
    lacking = [part.message for part in parts if part.state == "not_proven"]
    message = worst.message if worst is not None else " ".join([verdict.message, *lacking])
    return Proof(
        ok=worst is None,
        session=row.id,
        number=row.number,
        events=verdict.events,
        erased=verdict.erased,
        head=verdict.head,
        broken_at=verdict.broken_at,
        message=message,
        parts=tuple(parts),
    )


def _open(name: Name, message: str) -> Part:
    return Part(name=name, state="not_proven", message=message)


def _broken(name: Name, message: str) -> Part:
    return Part(name=name, state="broken", message=message)
