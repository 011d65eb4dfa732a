"""Which accounts of a PBX belong to which seat: jobs on the database.

An account belongs to one seat at most; giving it to another takes it from the first. IT says so at the
server's console: a seat that could name its own account could name anybody's.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, insert, select

from halodesk.protocol.sync import SyncError
from halodesk.server import audit, tenants
from halodesk.server import tables as t

LONGEST = 80
"""Characters of an account: the longest endpoint name Asterisk can put into a channel's."""


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one seat."""

    pbx: str
    account: str
    seat: str


def bind(connection: Connection, tenant: str, *, seat: str, account: str, pbx: str = "main") -> None:
    """Give an account to a seat. Raises `SyncError`: no such seat, or a malformed name."""
    tenants.check_name(pbx, "PBX")
    if not 0 < len(account) <= LONGEST or not account.isprintable() or account != account.strip():
        raise SyncError(
            "This is no account of a PBX.", "Name the endpoint as the PBX knows it, such as 1001."
        )
    known = select(t.seat.c.id).where(
        t.seat.c.tenant == tenant, t.seat.c.id == seat, t.seat.c.revoked_at.is_(None)
    )
    if connection.execute(known).first() is None:
        raise SyncError(
            f"{tenant} has no seat {seat}.", "The seat's id is what `halodesk seat status` shows."
        )
    _take(connection, tenant, account, pbx)
    connection.execute(insert(t.seat_account).values(tenant=tenant, pbx=pbx, account=account, seat=seat))
    audit.write(
        connection, tenant, actor="console", action="account", subject=seat, detail=f"{pbx}/{account}"
    )


def unbind(connection: Connection, tenant: str, *, account: str, pbx: str = "main") -> None:
    """Take an account from whoever has it. Raises `SyncError` where nobody does."""
    if not _take(connection, tenant, account, pbx):
        raise SyncError(f"{pbx}/{account} belongs to no seat.")
    audit.write(
        connection,
        tenant,
        actor="console",
        action="account_taken",
        subject=account,
        detail=f"{pbx}/{account}",
    )


def of_seat(connection: Connection, tenant: str, seat: str) -> dict[str, frozenset[str]]:
    """The seat's accounts by PBX; none for a seat that is shut out."""
    query = (
        select(t.seat_account.c.pbx, t.seat_account.c.account)
        .join(t.seat, (t.seat.c.tenant == t.seat_account.c.tenant) & (t.seat.c.id == t.seat_account.c.seat))
        .where(
            t.seat_account.c.tenant == tenant, t.seat_account.c.seat == seat, t.seat.c.revoked_at.is_(None)
        )
    )
    found: dict[str, set[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.pbx, set()).add(row.account)
    return {pbx: frozenset(accounts) for pbx, accounts in found.items()}


def listed(connection: Connection, tenant: str) -> list[Bound]:
    """Every account that belongs to a seat."""
    rows = t.seat_account
    query = select(rows.c.pbx, rows.c.account, rows.c.seat).where(rows.c.tenant == tenant)
    found = connection.execute(query.order_by(rows.c.pbx, rows.c.account)).mappings()
    return [Bound(**row) for row in found]


def _take(connection: Connection, tenant: str, account: str, pbx: str) -> bool:
    rows = t.seat_account.c
    mine = delete(t.seat_account).where(rows.tenant == tenant, rows.pbx == pbx, rows.account == account)
    return connection.execute(mine).rowcount > 0
