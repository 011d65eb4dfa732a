"""Notices that a session of a seat never came: each seat numbers its sessions without a gap.

Rules:
- The number stands in the envelope of a session's first event, so the chain and the seat's signature
  cover it. A seat cannot give one number to two sessions: the second is refused as a fork.
- A gap is noticed with the session after it, and is an alarm once it is a quarter of an hour old:
  sessions may overtake each other on their way. The alarm stands in the audit, once for each number;
  so does a session that came after all.
- A seat that was at work before sessions were numbered is counted from its first number on.
"""

from __future__ import annotations

import structlog
from sqlalchemy import Connection, delete, insert, select, update

from halodesk.server import audit
from halodesk.server import audit_tables as a
from halodesk.server import tables as t

GRACE_S = 900.0
MOST = 10_000
"""Gaps that one step may leave; a greater one is noticed by its last ones."""

_log = structlog.get_logger("server")


def count(connection: Connection, tenant: str, seat: str, number: int, now: float) -> None:
    """A session of that number has come; the same one twice is one."""
    mine = a.seat_count.c.tenant == tenant, a.seat_count.c.seat == seat
    highest = connection.execute(select(a.seat_count.c.highest).where(*mine)).scalar()
    if highest is None:
        highest = _before(connection, tenant, seat, number)
        connection.execute(insert(a.seat_count).values(tenant=tenant, seat=seat, highest=highest))
    if number <= highest:
        _filled(connection, tenant, seat, number)
        return
    connection.execute(update(a.seat_count).where(*mine).values(highest=number))
    gaps = [
        {"tenant": tenant, "seat": seat, "number": missing, "noticed_at": now}
        for missing in range(max(highest + 1, number - MOST), number)
    ]
    if gaps:
        connection.execute(insert(a.session_gap), gaps)


def sweep(connection: Connection, now: float) -> int:
    """Raise the alarms that are due; how many there were."""
    gap = a.session_gap.c
    due = connection.execute(
        select(gap.tenant, gap.seat, gap.number)
        .where(gap.told == 0, gap.noticed_at <= now - GRACE_S)
        .order_by(gap.tenant, gap.seat, gap.number)
        .limit(1000)
    ).all()
    for row in due:
        mine = gap.tenant == row.tenant, gap.seat == row.seat, gap.number == row.number
        connection.execute(update(a.session_gap).where(*mine).values(told=1))
        audit.once(
            connection,
            row.tenant,
            actor=row.seat,
            action="session_missing",
            subject=str(row.number),
            detail=f"Session {row.number} of this seat never came, later ones did: it may have been deleted.",
        )
        _log.warning("session_missing", seat=row.seat, events=row.number)
    return len(due)


def _filled(connection: Connection, tenant: str, seat: str, number: int) -> None:
    gap = a.session_gap.c
    mine = gap.tenant == tenant, gap.seat == seat, gap.number == number
    told = connection.execute(delete(a.session_gap).where(*mine).returning(gap.told)).scalar()
    if told:
        audit.write(
            connection,
            tenant,
            actor=seat,
            action="session_found",
            subject=str(number),
            detail="The session that was missing has come.",
        )


def _before(connection: Connection, tenant: str, seat: str, number: int) -> int:
    """Where counting begins: before the first session, or here at a seat that did not number them before."""
    s = t.session.c
    older = select(s.id).where(s.tenant == tenant, s.seat == seat, s.number.is_(None)).limit(1)
    return number - 1 if connection.execute(older).first() is not None else 0
