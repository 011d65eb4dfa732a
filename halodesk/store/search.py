"""Searching the sessions of a seat: by caller, agent, disposition, answers, notes and date.

Rules:
- The words of a session stand in `session_search`, made from its events on the reader's thread.
  Secrets are in no event, so they are in no index.
- A row goes with every change of the session's events (triggers of migration 0003), and the
  entry of a session that changed meanwhile is not kept: the index never says what the log does not.
- Sessions without a row are found by their line (caller, agent, disposition) alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.sql import ColumnElement

from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.engine import flow as flows
from halodesk.engine.errors import HaloDeskError
from halodesk.engine.events import AnyEvent
from halodesk.engine.flow import Flow
from halodesk.engine.registry import field_types
from halodesk.engine.sealed import is_sealed
from halodesk.runtime.review import SessionLine, SessionList, SessionQuery
from halodesk.store import tables as t

_NUMBER = re.compile(r"[\d\s()+.\-/]*\d[\d\s()+.\-/]*")
_BREAKS = re.compile(r"\D+")
_JOINED = (t.session.c.id == t.session_search.c.session,)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one session. `events` and `erased`: the log it was made from."""

    session: str
    events: int
    erased: int
    incidents: int
    flow_name: str
    words: str


def keep(connection: Connection, entries: Sequence[Entry]) -> None:
    """Writes entries whose session has not changed since."""
    for entry in entries:
        now = connection.execute(_state(entry.session)).one()
        if tuple(now) != (entry.events, entry.erased):
            continue
        connection.execute(delete(t.session_search).where(t.session_search.c.session == entry.session))
        connection.execute(
            insert(t.session_search).values(
                session=entry.session,
                incidents=entry.incidents,
                flow_name=entry.flow_name,
                words=entry.words,
            )
        )


class Search:
    """Reading, from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._flows: dict[str, Flow | None] = {}

    def find(self, query: SessionQuery) -> SessionList:
        """Sessions that have every word of the query, newest first."""
        s, x = t.session.c, t.session_search.c
        line = func.lower(s.caller + " " + s.agent + " " + s.disposition + " " + s.flow)
        wanted = select(
            s.id, s.number, s.flow, s.agent, s.caller, s.started_at, s.ended_at, s.disposition, s.status,
            func.coalesce(x.incidents, 0), func.coalesce(x.flow_name, s.flow),
        ).select_from(t.session.outerjoin(t.session_search, *_JOINED))  # fmt: skip
        tests: list[ColumnElement[bool]] = [
            func.instr(func.coalesce(x.words, line), term) > 0 for term in terms(query.text)
        ]
        if query.since is not None:
            tests.append(s.started_at >= query.since)
        if query.until is not None:
            tests.append(s.started_at < query.until)
        if query.agent is not None:
            tests.append(s.agent == query.agent)
        if query.incidents_only:
            tests.append(x.incidents > 0)
        with self._engine.connect() as connection:
            rows = connection.execute(wanted.where(*tests).order_by(s.number.desc())).all()
            mine = [s.agent == query.agent] if query.agent is not None else []
            total = connection.execute(select(func.count()).select_from(t.session).where(*mine)).scalar_one()
            waiting = connection.execute(
                select(func.count()).select_from(_unindexed().subquery())
            ).scalar_one()
        found = tuple(
            SessionLine(
                id=row[0], number=row[1], flow=row[10], agent=row[3], caller=row[4], started_at=row[5],
                ended_at=row[6], disposition=row[7], status=row[8], incidents=row[9],
            )
            for row in rows
        )  # fmt: skip
        return SessionList(lines=found, total=total, unindexed=waiting)

    def unindexed(self, limit: int) -> list[Entry]:
        """Entries of sessions that have none yet, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(_unindexed().limit(limit)).all()
            return [self._entry(connection, *row) for row in rows]

    def _entry(self, connection: Connection, session: str, flow_hash: str, *line: object) -> Entry:
        events, erased = connection.execute(_state(session)).one()
        payloads = connection.execute(
            select(t.event.c.payload)
            .where(t.event.c.session == session, t.event.c.payload.is_not(None))
            .order_by(t.event.c.seq)
        ).scalars()
        known = list(_decoded(payloads))
        began = next((found for found in known if isinstance(found, e.SessionStarted)), None)
        said = [*map(str, line), *_said(known, self._flow(connection, flow_hash))]
        return Entry(
            session=session,
            events=events,
            erased=erased,
            incidents=sum(isinstance(found, e.Incident) for found in known),
            flow_name=f"{began.flow_name} v{began.version}" if began is not None else str(line[0]),
            words="\n".join(dict.fromkeys(filter(None, map(_folded, _with_digits(said))))),
        )

    def _flow(self, connection: Connection, content_hash: str) -> Flow | None:
        """The flow of a session; None where it cannot be read: values are then indexed as they are."""
        if content_hash not in self._flows:
            query = select(t.flow_version.c.document).where(t.flow_version.c.hash == content_hash)
            document = connection.execute(query).scalar()
            try:
                self._flows[content_hash] = flows.load(bytes(document or b""))
            except HaloDeskError:
                self._flows[content_hash] = None
        return self._flows[content_hash]


def terms(text: str) -> list[str]:
    """The words to look for; a number is looked for by its digits, however it was written."""
    if _NUMBER.fullmatch(text) and len(_BREAKS.sub("", text)) >= 5:
        return [_BREAKS.sub("", text)]
    return [_folded(word) for word in text.split()]


def _state(session: str) -> Any:
    """How many events a session has, and how many are erased."""
    return select(func.count(), func.count() - func.count(t.event.c.payload)).where(
        t.event.c.session == session
    )


def _unindexed() -> Any:
    s = t.session.c
    return (
        select(s.id, s.flow_hash, s.flow, s.agent, s.caller, s.disposition, s.status)
        .where(s.id.not_in(select(t.session_search.c.session)))
        .order_by(s.number.desc())
    )


def _decoded(payloads: Iterable[bytes]) -> Iterator[AnyEvent]:
    for payload in payloads:
        try:
            yield codec.decode(payload)
        except HaloDeskError:
            continue  # of a newer HaloDesk, or damaged: what can be read is still to be found


def _said(events: Iterable[AnyEvent], flow: Flow | None) -> Iterator[str]:
    for event in events:
        match event:
            case e.SessionStarted():
                yield from (event.call.name, event.call.called, event.flow_name)
            case e.AnswerGiven() if event.value is not None:
                field = flow.field(event.field) if flow is not None else None
                if field is not None and field.type in field_types():
                    yield field_types()[field.type].show(field, event.value)
                if not is_sealed(event.value):
                    yield from _plain(event.value)
            case e.NoteAdded():
                yield event.text
            case e.Incident():
                yield event.message
            case e.FlowAgentTalk():
                yield event.text
            case e.FlowAgentBegan():
                yield event.agent
            case e.FlowAgentEnded():
                yield from _plain(event.collected)


def _plain(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _plain(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _plain(part)


def _with_digits(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield text
        if _NUMBER.fullmatch(text) and not text.isdigit():
            yield _BREAKS.sub("", text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
