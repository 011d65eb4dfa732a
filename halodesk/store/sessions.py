"""Sessions on disk: what the writer's jobs do, and what is read back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.envelope import Envelope, StoredEvent
from halodesk.store import seals
from halodesk.store import tables as t
from halodesk.store.unsettled import unsettled


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the session list. Times are Unix seconds."""

    id: str
    number: int
    flow: str
    version: int
    flow_hash: str
    agent: str
    caller: str
    started_at: float
    ended_at: float | None
    disposition: str
    status: str
    recording: str


def ensure_seat(connection: Connection, new_id: str) -> str:
    """The id of this seat; `new_id` becomes it on the first start."""
    found = connection.execute(select(t.seat.c.id)).scalar()
    if found is None:
        connection.execute(insert(t.seat).values(id=new_id, sessions=0))
        return new_id
    return str(found)


def keep_flow(connection: Connection, *, content_hash: str, key: str, version: int, document: bytes) -> None:
    """Keep a flow document; the same one twice is one."""
    connection.execute(
        upsert(t.flow_version)
        .values(hash=content_hash, key=key, version=version, document=document)
        .on_conflict_do_nothing()
    )


def append(connection: Connection, rows: Sequence[StoredEvent]) -> None:
    """Append stamped events and bring the session's line up to date."""
    for row in rows:
        stamped = envelopes.decode(row.envelope)
        event = codec.decode(row.payload) if row.payload is not None else None
        if isinstance(event, e.SessionStarted):
            _begin(connection, row.session, event, stamped)
        connection.execute(
            insert(t.event).values(
                session=row.session,
                seq=row.seq,
                envelope=row.envelope,
                leaf=row.leaf,
                head=row.head,
                salt=row.salt,
                payload=row.payload,
            )
        )
        values: dict[str, Any] = {}
        if isinstance(event, e.SessionEnded):
            values = {"status": "ended", "ended_at": stamped.wall, "disposition": event.disposition}
            connection.execute(delete(t.draft).where(t.draft.c.session == row.session))
        elif isinstance(event, e.RecordingKept):
            values = {"recording": event.path}
        elif isinstance(event, e.StepEntered):
            connection.execute(delete(t.draft).where(t.draft.c.session == row.session))
        elif isinstance(event, e.AnswerGiven):
            connection.execute(
                delete(t.draft).where(
                    t.draft.c.session == row.session,
                    t.draft.c.step == event.step,
                    t.draft.c.field == event.field,
                )
            )
        if values:
            connection.execute(update(t.session).where(t.session.c.id == row.session).values(**values))
    for session in {row.session for row in rows}:
        seals.seal_if_closed(connection, session)


def _begin(connection: Connection, session: str, event: e.SessionStarted, stamped: Envelope) -> None:
    begun = connection.execute(select(t.seat.c.sessions)).scalar_one()
    number = stamped.number or begun + 1
    connection.execute(update(t.seat).values(sessions=max(begun, number)))
    connection.execute(
        insert(t.session).values(
            id=session,
            number=number,
            flow=event.flow,
            version=event.version,
            flow_hash=event.flow_hash,
            agent=event.agent,
            caller=event.call.number,
            started_at=stamped.wall,
            status="open",
        )
    )


def keep_draft(connection: Connection, *, session: str, step: str, field: str, raw: Any) -> None:
    """Keep half-typed input; None removes it."""
    key = (t.draft.c.session == session, t.draft.c.step == step, t.draft.c.field == field)
    if raw is None:
        connection.execute(delete(t.draft).where(*key))
        return
    data = msgspec.json.encode(raw)
    connection.execute(
        upsert(t.draft)
        .values(session=session, step=step, field=field, raw=data)
        .on_conflict_do_update(index_elements=["session", "step", "field"], set_={"raw": data})
    )


class Sessions:
    """Reading, from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, *, status: str | None = None, limit: int = 200) -> list[SessionRow]:
        """Sessions, newest first."""
        query = select(t.session).order_by(t.session.c.number.desc()).limit(limit)
        if status is not None:
            query = query.where(t.session.c.status == status)
        with self._engine.connect() as connection:
            return [SessionRow(**row) for row in connection.execute(query).mappings()]

    def find(self, session: str) -> SessionRow:
        """By its number, by id, or by the first characters of that. Raises `SessionFileError`."""
        number = int(session) if session.isdecimal() and len(session) < 9 else -1
        with self._engine.connect() as connection:
            rows = connection.execute(select(t.session).where(t.session.c.number == number)).mappings().all()
            if not rows:
                by_id = t.session.c.id.startswith(session, autoescape=True)
                rows = connection.execute(select(t.session).where(by_id)).mappings().all()
        if len(rows) != 1:
            words = "There is no session" if not rows else "Several sessions begin with"
            raise SessionFileError(f'{words} "{session}".', "See `halodesk session list` for the ids.")
        return SessionRow(**rows[0])

    def events(self, session: str) -> list[StoredEvent]:
        """The log of one session, in order."""
        query = select(t.event).where(t.event.c.session == session).order_by(t.event.c.seq)
        with self._engine.connect() as connection:
            return [StoredEvent(**_exact(row)) for row in connection.execute(query).mappings()]

    def flow_document(self, content_hash: str) -> bytes:
        """The document a session ran on. Raises `SessionFileError`."""
        query = select(t.flow_version.c.document).where(t.flow_version.c.hash == content_hash)
        with self._engine.connect() as connection:
            document = connection.execute(query).scalar()
        if document is None:
            raise SessionFileError(
                "The flow version of this session is not on this seat.", "Fetch it from the server."
            )
        return bytes(document)

    def drafts(self, session: str) -> dict[tuple[str, str], Any]:
        """Half-typed input by step and field."""
        query = select(t.draft.c.step, t.draft.c.field, t.draft.c.raw).where(t.draft.c.session == session)
        with self._engine.connect() as connection:
            return {(row.step, row.field): msgspec.json.decode(row.raw) for row in connection.execute(query)}

    def unsettled(self, kinds: Collection[str], since: float) -> list[str]:
        """Ended sessions with a request of these kinds that has no last answer (`store.unsettled`)."""
        return unsettled(self._engine, kinds, since)

    def seat(self) -> str:
        """The id of this seat; empty before its first start."""
        with self._engine.connect() as connection:
            return str(connection.execute(select(t.seat.c.id)).scalar() or "")

    def count(self) -> tuple[int, int]:
        """Sessions ever begun, and sessions there: a difference is a deletion."""
        with self._engine.connect() as connection:
            begun = connection.execute(select(t.seat.c.sessions)).scalar() or 0
            there = connection.execute(select(func.count()).select_from(t.session)).scalar() or 0
        return int(begun), int(there)

    def missing(self) -> list[int]:
        """Numbers of sessions that were begun here and are not there any more."""
        begun, _ = self.count()
        with self._engine.connect() as connection:
            there = set(connection.execute(select(t.session.c.number)).scalars())
        return [number for number in range(1, begun + 1) if number not in there]


def _exact(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The bytes of each column: somebody who wrote into the file may have left text in their place."""
    return {
        name: value.encode() if isinstance(value, str) and name != "session" else value
        for name, value in row.items()
    }
