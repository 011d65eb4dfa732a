"""The seat's own signature over each session it has closed; jobs on the database.

Rules:
- A seal is written in the transaction of the event that closed the session, and anew in that of each
  late fact: there is no moment at which a closed session lies unsealed on disk.
- The key is made once and stays: a seat that enrols with a server later enrols with this key, so
  that what it sealed before can be checked against what the server knows of it.
- A seal proves that whoever held this seat's key closed the session so. Who can open the database
  holds that key: only the server's receipt proves it against them.
"""

from __future__ import annotations

import time

import msgspec
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from halodesk.crypto.signing import SEAL_TAG, SigningKey, holds
from halodesk.store import audit_tables as a
from halodesk.store import sync_tables as s
from halodesk.store import tables as t


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """`number`: which session of the seat it is; `at`: Unix seconds; `key`: the public one."""

    number: int
    last_seq: int
    head: bytes
    at: int
    key: bytes
    signature: bytes

    def fits(self, seat: str, session: str) -> bool:
        """Whether its own key has signed it for that session."""
        parts = (seat, session, self.number, self.last_seq, self.head, self.at)
        return holds(self.key, self.signature, SEAL_TAG, *parts)


def ensure_key(connection: Connection) -> SigningKey:
    """The seat's key, made on first use; a seat that enrolled before it was kept here keeps that one."""
    kept = connection.execute(select(a.seat_key.c.sign_seed)).scalar()
    if kept is None:
        enrolled = connection.execute(select(s.server_link.c.sign_seed)).scalar()
        kept = bytes(enrolled) if enrolled is not None else SigningKey.new().seed
        connection.execute(insert(a.seat_key).values(one=1, sign_seed=kept))
    return SigningKey(bytes(kept))


def seal(connection: Connection, session: str) -> None:
    """Sign the session as it is now."""
    number = connection.execute(select(t.session.c.number).where(t.session.c.id == session)).scalar_one()
    last = connection.execute(
        select(t.event.c.seq, t.event.c.head)
        .where(t.event.c.session == session)
        .order_by(t.event.c.seq.desc())
        .limit(1)
    ).one()
    seat = str(connection.execute(select(t.seat.c.id)).scalar() or "")
    key, at = ensure_key(connection), int(time.time())
    signature = key.sign(SEAL_TAG, seat, session, number, last.seq, last.head, at)
    values = {
        "number": number,
        "last_seq": last.seq,
        "head": last.head,
        "at": at,
        "key": key.public,
        "signature": signature,
    }
    connection.execute(
        upsert(a.session_seal)
        .values(session=session, **values)
        .on_conflict_do_update(index_elements=["session"], set_=values)
    )


def seal_if_closed(connection: Connection, session: str) -> None:
    """Sign a session that has ended."""
    if connection.execute(select(t.session.c.status).where(t.session.c.id == session)).scalar() == "ended":
        seal(connection, session)


def find(connection: Connection, session: str) -> Seal | None:
    """The seal of a session."""
    columns = [column for column in a.session_seal.c if column.name != "session"]
    row = connection.execute(select(*columns).where(a.session_seal.c.session == session)).mappings().first()
    return Seal(**row) if row is not None else None
