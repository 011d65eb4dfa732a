"""Carries out orders to erase that a seat has signed; jobs on the database.

The lines of the events stay with payload and salt empty, as at the seat, so that the chain and all
signatures over it hold. The order is kept, and the audit says who wanted it and why.
"""

from __future__ import annotations

from msgspec.structs import replace
from sqlalchemy import Connection, insert, select, update

from halodesk.crypto.signing import ERASE_TAG, holds
from halodesk.engine.errors import SessionFileError
from halodesk.protocol import erasure as orders
from halodesk.protocol import log_lines
from halodesk.protocol.erasure import ErasureOrder, SignedErasure
from halodesk.server import audit
from halodesk.server import audit_tables as a
from halodesk.server import tables as t
from halodesk.server.access import Holder, refused


def checked(asked: SignedErasure, holder: Holder, public: bytes) -> ErasureOrder:
    """The order, if the seat that asks has signed it. Raises `RefusedError` 403, 422."""
    if not holds(public, asked.signature, ERASE_TAG, asked.order):
        raise refused(422, "signature", "The seat's signature does not fit this order to erase.", "Tell IT.")
    try:
        order = orders.decode(asked.order)
    except SessionFileError as error:
        raise refused(422, "order", error.message, error.todo) from None
    if order.seat != holder.subject:
        raise refused(403, "not_yours", "This order to erase is of another seat.")
    return order


def erase(connection: Connection, holder: Holder, asked: SignedErasure, order: ErasureOrder) -> int:
    """Erase what the order names; how many events had content. The same order twice is one.

    Raises `RefusedError` (403) for a session of another seat.
    """
    s = t.session.c
    owner = connection.execute(
        select(s.seat).where(s.tenant == holder.tenant, s.id == order.session)
    ).scalar()
    if owner is not None and owner != holder.subject:
        raise refused(403, "not_yours", "This session belongs to another seat.")
    done = _empty(connection, holder.tenant, order)
    known = a.erasure.c.tenant == holder.tenant, a.erasure.c.id == order.id
    if connection.execute(select(a.erasure.c.id).where(*known)).first() is not None:
        return done
    connection.execute(
        insert(a.erasure).values(
            tenant=holder.tenant,
            id=order.id,
            session=order.session,
            seat=holder.subject,
            at=order.at,
            signed=asked.order,
            signature=asked.signature,
        )
    )
    what = f'field "{order.field}"' if order.field else "all"
    who = f"{order.by} ({order.role})" if order.role else order.by
    audit.write(
        connection,
        holder.tenant,
        actor=holder.subject,
        action="erase",
        subject=order.session[:64],
        detail=f"{who}: {order.reason} [{what}, {done} events]"[:1000].replace("\0", ""),
    )
    return done


def _empty(connection: Connection, tenant: str, order: ErasureOrder) -> int:
    chunk, wanted, done = t.session_chunk.c, set(order.seqs), 0
    mine = chunk.tenant == tenant, chunk.session == order.session
    rows = connection.execute(select(chunk.first_seq, chunk.last_seq, chunk.body).where(*mine)).all()
    for row in rows:
        if not wanted.intersection(range(row.first_seq, row.last_seq + 1)):
            continue
        events = [event for _, event in log_lines.read(bytes(row.body))]
        hit = [event for event in events if event.seq in wanted and event.payload is not None]
        if not hit:
            continue
        done += len(hit)
        kept = [replace(event, payload=None, salt=None) if event in hit else event for event in events]
        change = update(t.session_chunk).where(*mine, chunk.first_seq == row.first_seq)
        connection.execute(change.values(body=log_lines.write(kept)))
    return done
