"""The server's audit: a chained, append-only list of what was done and what was refused for good.

    h_i = SHA-256(statement("HDAUDIT1", h_{i-1}, seq, at, actor, action, subject, detail))

`at` is Unix seconds. A row that is changed, lost from the middle or moved breaks the chain.
"""

from __future__ import annotations

import hashlib
import time

import msgspec
from sqlalchemy import Connection, insert, select, update

from halodesk.crypto.signing import statement
from halodesk.server import tables as t


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row."""

    seq: int
    at: int
    actor: str
    action: str
    subject: str
    detail: str
    head: bytes


def write(
    connection: Connection, tenant: str, *, actor: str, action: str, subject: str, detail: str = ""
) -> None:
    """Append a row in the transaction of what it tells of; the tenant's row is the lock."""
    raised = update(t.tenant).where(t.tenant.c.id == tenant).values(audited=t.tenant.c.audited + 1)
    row = connection.execute(raised.returning(t.tenant.c.audited, t.tenant.c.audit_head)).one()
    at = int(time.time())
    head = _link(row.audit_head or b"", row.audited, at, actor, action, subject, detail)
    connection.execute(
        insert(t.audit).values(
            tenant=tenant,
            seq=row.audited,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            head=head,
        )
    )
    connection.execute(update(t.tenant).where(t.tenant.c.id == tenant).values(audit_head=head))


def once(
    connection: Connection, tenant: str, *, actor: str, action: str, subject: str, detail: str = ""
) -> None:
    """As `write`, unless the same was said before: a seat that asks again must not fill the list."""
    same = select(t.audit.c.seq).where(
        t.audit.c.tenant == tenant,
        t.audit.c.actor == actor,
        t.audit.c.action == action,
        t.audit.c.subject == subject,
    )
    if connection.execute(same.limit(1)).first() is None:
        write(connection, tenant, actor=actor, action=action, subject=subject, detail=detail)


def entries(connection: Connection, tenant: str) -> list[Entry]:
    """All rows of a tenant, oldest first."""
    columns = [column for column in t.audit.c if column.name != "tenant"]
    rows = connection.execute(select(*columns).where(t.audit.c.tenant == tenant).order_by(t.audit.c.seq))
    return [Entry(**row) for row in rows.mappings()]


def broken_at(connection: Connection, tenant: str) -> int | None:
    """Number of the first row whose link does not hold, or None."""
    head, last = b"", 0
    for entry in entries(connection, tenant):
        said = (entry.at, entry.actor, entry.action, entry.subject, entry.detail)
        if entry.seq != last + 1 or entry.head != _link(head, entry.seq, *said):
            return last + 1
        head, last = entry.head, entry.seq
    kept = connection.execute(select(t.tenant.c.audit_head).where(t.tenant.c.id == tenant)).scalar()
    return None if (kept or b"") == head else last + 1


def _link(head: bytes, seq: int, at: int, *words: str) -> bytes:
    return hashlib.sha256(statement("HDAUDIT1", head, seq, at, *words)).digest()
