"""The server erases what a seat has signed an order for, and nothing else."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from halodesk.crypto.signing import ERASE_TAG, SigningKey
from halodesk.protocol import erasure as orders
from halodesk.protocol import log_lines
from halodesk.protocol.erasure import ErasureOrder, SignedErasure
from halodesk.protocol.sync import RefusedError
from halodesk.runtime.log import verify
from halodesk.server import audit, erasing, tenants
from halodesk.server import tables as t
from halodesk.server.database import Database
from halodesk.server.ingest import accept
from tests.server.pieces import Maker


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def order(maker: Maker, session: str, *seqs: int, **changes: Any) -> SignedErasure:
    values: dict[str, Any] = {
        "id": "order-1",
        "seat": maker.holder.subject,
        "session": session,
        "seqs": seqs,
        "reason": "The caller asked.",
        "by": "Sam",
        "role": "supervisor",
        "at": 7,
    }
    data = orders.encode(ErasureOrder(**(values | changes)))
    return SignedErasure(order=data, signature=maker.key.sign(ERASE_TAG, data))


def erase(database: Database, maker: Maker, asked: SignedErasure) -> int:
    checked = erasing.checked(asked, maker.holder, maker.key.public)
    job = partial(erasing.erase, holder=maker.holder, asked=asked, order=checked)
    return int(run(database.write(job)))


@pytest.fixture
def held(database: Database) -> tuple[Database, Maker, str]:
    """A session in two pieces."""
    run(database.write(partial(tenants.ensure_tenant, tenant="main")))
    maker = Maker()
    rows = maker.session(6, ended=True)
    for first, last in ((1, 3), (4, 6)):
        run(accept(database, maker.holder, maker.piece(rows, first, last)))
    return database, maker, rows[0].session


def body(database: Database) -> bytes:
    query = select(t.session_chunk.c.body).order_by(t.session_chunk.c.first_seq)
    return b"".join(bytes(row.body) for row in run(database.read(lambda c: c.execute(query).all())))


def test_content_goes_and_the_chain_holds(held: tuple[Database, Maker, str]) -> None:
    database, maker, session = held
    assert "Grüße 1".encode() in body(database)
    assert erase(database, maker, order(maker, session, 3, 4)) == 2
    left = body(database)
    assert "Grüße 1".encode() not in left
    assert "Grüße 0".encode() in left
    rows = [row for _, row in log_lines.read(left)]
    verdict = verify(session, rows, closed=True)
    assert (verdict.ok, verdict.erased) == (True, 2)
    entry = run(database.read(lambda c: audit.entries(c, "main")))[-1]
    assert (entry.actor, entry.action, entry.subject) == (maker.holder.subject, "erase", session)
    assert entry.detail.startswith("Sam (supervisor): The caller asked.")
    assert erase(database, maker, order(maker, session, 3, 4)) == 0, "twice is once"
    entries = run(database.read(lambda c: audit.entries(c, "main")))
    assert sum(one.action == "erase" for one in entries) == 1


def test_a_session_that_has_not_come_yet(held: tuple[Database, Maker, str]) -> None:
    database, maker, _ = held
    assert erase(database, maker, order(maker, "not-here", 1, id="order-2")) == 0


@pytest.mark.parametrize("forged", ["signature", "key", "seat", "bytes"])
def test_what_the_seat_did_not_sign(held: tuple[Database, Maker, str], forged: str) -> None:
    database, maker, session = held
    before = body(database)
    asked = order(maker, session, 2)
    if forged == "signature":
        asked = SignedErasure(order=asked.order.replace(b"Sam", b"Tom"), signature=asked.signature)
    elif forged == "key":
        asked = SignedErasure(order=asked.order, signature=SigningKey.new().sign(ERASE_TAG, asked.order))
    elif forged == "seat":
        asked = order(maker, session, 2, seat="seat-two")
    else:
        asked = SignedErasure(order=b"{}", signature=maker.key.sign(ERASE_TAG, b"{}"))
    with pytest.raises(RefusedError) as refused:
        erase(database, maker, asked)
    assert refused.value.status == (403 if forged == "seat" else 422)
    assert body(database) == before


def test_a_session_of_another_seat(held: tuple[Database, Maker, str]) -> None:
    database, _, session = held
    other = Maker("seat-two")
    before = body(database)
    with pytest.raises(RefusedError) as refused:
        erase(database, other, order(other, session, 2))
    assert refused.value.status == 403
    assert body(database) == before
