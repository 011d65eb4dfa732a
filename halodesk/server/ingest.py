"""Takes pieces of sessions in, exactly once in effect.

Rules:
- One conditional change decides: a session begins with event 1, and goes on only from the event
  and the head it has. In PostgreSQL it is one statement, in SQLite the same steps under the
  writer's lock; both give the same answers (`tests/server/test_contract.py`).
- Where nothing changed, the piece is compared with what is kept: the same head at the last
  event in common means that it is here already, another one that the session has two histories
  (a cloned or tampered seat), and none in common that something before it is missing.
- A seat numbers its sessions: a second one of the same number shows a copied seat just so.
- A session belongs to the seat that began it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from sqlalchemy import Connection, TextClause, select, text

from halodesk.crypto import chain
from halodesk.protocol import log_lines
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.sync import Have, HaveAnswer, Held, Problem, RefusedError, ServerAwayError
from halodesk.server import audit
from halodesk.server import tables as t
from halodesk.server.access import Holder, refused
from halodesk.server.chunks import Checked
from halodesk.server.database import Database

_TRIES = 3
_BATCH = 500

_BEGIN = """
INSERT INTO session (tenant, id, seat, team, last_seq, head, flow, version, agent, started_at,
                     ended_at, disposition, status, number)
SELECT :tenant, :sid, :seat, :team, :last, :head, :flow, :version, :agent, :started_at,
       CAST(:ended_at AS double precision), :disposition, :status, CAST(:number AS bigint)
WHERE :first = 1
ON CONFLICT DO NOTHING
RETURNING 1
"""
_GO_ON = """
UPDATE session
SET last_seq = :last, head = :head, ended_at = COALESCE(CAST(:ended_at AS double precision), ended_at),
    disposition = CASE WHEN :status = 'ended' THEN :disposition ELSE disposition END,
    status = CASE WHEN :status = 'ended' THEN :status ELSE status END
WHERE tenant = :tenant AND id = :sid AND seat = :seat AND last_seq = :first - 1 AND head = :prev
RETURNING 1
"""
_KEEP = """
INSERT INTO session_chunk (tenant, session, first_seq, last_seq, head, signature, received_at, body)
SELECT :tenant, :sid, :first, :last, :head, :signature, :received_at, :body
"""
_ONE: TextClause = text(
    f"WITH begun AS ({_BEGIN}), gone_on AS ({_GO_ON}) "
    f"{_KEEP} FROM (TABLE begun UNION ALL TABLE gone_on) changed RETURNING 1"
)
_STEPS: tuple[TextClause, TextClause, TextClause] = (text(_BEGIN), text(_GO_ON), text(_KEEP))


async def accept(database: Database, holder: Holder, piece: Checked) -> bool:
    """Keep a piece; True: it was here already.

    Raises `RefusedError` 403 (another seat's), 409 (expects another event), 422 (fork),
    `ServerAwayError` when the database is away.
    """
    store = _store_at_once if database.dialect == "postgresql" else _store_in_steps
    values = _values(holder, piece)
    for _ in range(_TRIES):
        if await database.write(partial(store, values=values), single=True):
            return False
        # Beside another upload of the same session the answer may be outdated already: look again.
        here = await database.read(partial(_compare, holder=holder, piece=piece))
        if here is not None:
            return here
    raise ServerAwayError("This session is being uploaded twice at once.", retry_after=1.0)


async def quarantine(database: Database, holder: Holder, session: str, why: RefusedError) -> None:
    """Tell IT: a session of this seat was refused for good."""
    await database.write(
        partial(
            audit.once,
            tenant=holder.tenant,
            actor=holder.subject,
            action=f"refused {why.problem.code}",
            subject=session[:64],
            detail=why.problem.message,
        )
    )


def behind(connection: Connection, holder: Holder, have: Have) -> HaveAnswer:
    """Which sessions the seat believes to be here are not, or not as far; `epoch` is left empty."""
    found: dict[str, Held] = {}
    names = list(have.sessions)
    for start in range(0, len(names), _BATCH):
        query = select(t.session.c.id, t.session.c.last_seq, t.session.c.head).where(
            t.session.c.tenant == holder.tenant,
            t.session.c.seat == holder.subject,
            t.session.c.id.in_(names[start : start + _BATCH]),
        )
        found |= {row.id: Held(row.last_seq, bytes(row.head)) for row in connection.execute(query)}
    lacking = {}
    for session, held in have.sessions.items():
        here = found.get(session, Held(0, b""))
        if here.last < held.last or (here.last == held.last and here.head != held.head):
            lacking[session] = here
    return HaveAnswer(behind=lacking, epoch="")


def held(connection: Connection, tenant: str, session: str) -> Held:
    """How far a session is here; event 0 with an empty head when nothing of it is."""
    query = select(t.session.c.last_seq, t.session.c.head).where(
        t.session.c.tenant == tenant, t.session.c.id == session
    )
    row = connection.execute(query).first()
    return Held(row.last_seq, bytes(row.head)) if row else Held(0, b"")


def _values(holder: Holder, piece: Checked) -> dict[str, Any]:
    return {
        "tenant": holder.tenant,
        "seat": holder.subject,
        "team": holder.team,
        "sid": piece.sid,
        "first": piece.first,
        "last": piece.last,
        "prev": piece.prev,
        "head": piece.head,
        "signature": piece.signature,
        "body": piece.body,
        "flow": piece.flow,
        "version": piece.version,
        "agent": piece.agent,
        "started_at": piece.started_at,
        "ended_at": piece.ended_at,
        "disposition": piece.disposition,
        "status": "open" if piece.ended_at is None else "ended",
        "number": piece.number or None,
        "received_at": int(time.time()),
    }


def _store_at_once(connection: Connection, values: dict[str, Any]) -> bool:
    return connection.execute(_ONE, values).first() is not None


def _store_in_steps(connection: Connection, values: dict[str, Any]) -> bool:
    begin, go_on, keep = _STEPS
    changed = connection.execute(begin if values["first"] == 1 else go_on, values).first() is not None
    if changed:
        connection.execute(keep, values)
    return changed


def _compare(connection: Connection, holder: Holder, piece: Checked) -> bool | None:
    """True: it is here. None: it could be stored now. Raises `RefusedError` for all else."""
    query = select(t.session.c.seat, t.session.c.last_seq, t.session.c.head)
    row = connection.execute(
        query.where(t.session.c.tenant == holder.tenant, t.session.c.id == piece.sid)
    ).first()
    if row is None:
        if piece.first == 1:
            _number_free(connection, holder, piece)
            return None
        raise _expects(1, chain.genesis(piece.sid))
    if row.seat != holder.subject:
        raise refused(403, "not_yours", "This session belongs to another seat.")
    if piece.first > row.last_seq + 1:
        raise _expects(row.last_seq + 1, bytes(row.head))
    if piece.first == row.last_seq + 1:
        if piece.prev == bytes(row.head):
            return None
        raise _fork(piece.first)
    common = min(piece.last, row.last_seq)
    if _head_at(connection, holder.tenant, piece.sid, common) != piece.heads[common - piece.first]:
        raise _fork(common)
    if piece.last <= row.last_seq:
        return True
    raise _expects(row.last_seq + 1, bytes(row.head))


def _number_free(connection: Connection, holder: Holder, piece: Checked) -> None:
    """Raises `RefusedError` (422) where another session of the seat has that number."""
    s = t.session.c
    same = select(s.id).where(s.tenant == holder.tenant, s.seat == holder.subject, s.number == piece.number)
    if piece.number and connection.execute(same).first() is not None:
        raise refused(
            422,
            "fork",
            f"The server has another session {piece.number} of this seat.",
            "The seat was copied, restored or tampered with: keep it as it is and tell IT.",
        )


def _head_at(connection: Connection, tenant: str, session: str, seq: int) -> bytes:
    chunk = t.session_chunk
    row = connection.execute(
        select(chunk.c.first_seq, chunk.c.body).where(
            chunk.c.tenant == tenant,
            chunk.c.session == session,
            chunk.c.first_seq <= seq,
            chunk.c.last_seq >= seq,
        )
    ).one()
    events = [event for _, event in log_lines.read(bytes(row.body))]
    found: StoredEvent = events[seq - row.first_seq]
    return found.head


def _expects(seq: int, head: bytes) -> RefusedError:
    message = f"The server expects event {seq} of this session next."
    return RefusedError(409, Problem(code="expect", message=message, expect=seq, head=head))


def _fork(seq: int) -> RefusedError:
    return refused(
        422,
        "fork",
        f"The server has another history of this session from event {seq} or before.",
        "The seat was copied, restored or tampered with: keep it as it is and tell IT.",
    )
