"""Which recordings there are, and which may go.

Rules:
- That a recording was deleted is a fact of its session: `RecordingKept` once more, with the digest of the
  file and no path. Digest and chain stay for ever, so that a copy can still be told from a forgery.
- The fact is on disk before the file goes. A crash in between leaves a row that is `deleted_at` and not
  `gone`: the next run deletes the file then. A file is never deleted without its fact.
- A session under legal hold keeps its recordings, however old they are.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, and_, delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from halodesk.engine import events as e
from halodesk.store import tables as t


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that is there, with what decides how long. Times are Unix seconds."""

    path: str
    session: str
    sha256: str
    flow: str
    disposition: str
    ended_at: float


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why and by whom a session's recordings are kept."""

    session: str
    reason: str
    who: str
    at: float


def note(connection: Connection, session: str, event: e.RecordingKept, wall: float) -> str:
    """Keeps up with one event; returns the path of the session's latest recording that is left."""
    table = t.recording
    if event.path:
        row = {"path": event.path, "session": session, "sha256": event.sha256}
        connection.execute(upsert(table).values(**row).on_conflict_do_nothing())
        return event.path
    mine = and_(table.c.session == session, table.c.deleted_at.is_(None))
    if event.sha256:
        deleted = update(table).where(mine, table.c.sha256 == event.sha256)
        connection.execute(deleted.values(deleted_at=wall))
    left = select(table.c.path).where(mine).order_by(table.c.path.desc()).limit(1)
    return str(connection.execute(left).scalar() or "")


def hold(connection: Connection, found: Hold) -> None:
    """Keep the recordings of a session; a second hold replaces the first."""
    values = msgspec.structs.asdict(found)
    connection.execute(
        upsert(t.recording_hold)
        .values(**values)
        .on_conflict_do_update(index_elements=["session"], set_=values)
    )


def release(connection: Connection, session: str) -> None:
    """Let time decide again."""
    connection.execute(delete(t.recording_hold).where(t.recording_hold.c.session == session))


def gone(connection: Connection, paths: Sequence[str]) -> None:
    """These files have been deleted."""
    connection.execute(update(t.recording).where(t.recording.c.path.in_(paths)).values(gone=True))


class Recordings:
    """Reading, from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def old(self, ended_before: float) -> list[KeptFile]:
        """Recordings of sessions that ended before then, and are under no hold."""
        query = (
            select(
                t.recording.c.path,
                t.recording.c.session,
                t.recording.c.sha256,
                t.session.c.flow,
                t.session.c.disposition,
                t.session.c.ended_at,
            )
            .join(t.session, t.session.c.id == t.recording.c.session)
            .outerjoin(t.recording_hold, t.recording_hold.c.session == t.recording.c.session)
            .where(
                t.recording.c.deleted_at.is_(None),
                t.recording_hold.c.session.is_(None),
                t.session.c.status == "ended",
                t.session.c.ended_at < ended_before,
            )
            .order_by(t.session.c.number)
        )
        with self._engine.connect() as connection:
            return [KeptFile(**row) for row in connection.execute(query).mappings()]

    def doomed(self) -> list[str]:
        """Files whose deletion is a fact, and which may still be there."""
        query = select(t.recording.c.path).where(
            t.recording.c.deleted_at.is_not(None), t.recording.c.gone.is_(False)
        )
        with self._engine.connect() as connection:
            return [str(path) for path in connection.execute(query).scalars()]

    def known(self) -> set[Path]:
        """Every file that belongs, or belonged, to a session."""
        with self._engine.connect() as connection:
            return {Path(path) for path in connection.execute(select(t.recording.c.path)).scalars()}

    def holds(self) -> list[Hold]:
        """All holds, the oldest first."""
        query = select(t.recording_hold).order_by(t.recording_hold.c.at)
        with self._engine.connect() as connection:
            return [Hold(**row) for row in connection.execute(query).mappings()]


def new_hold(session: str, reason: str, who: str) -> Hold:
    """A hold that begins now."""
    return Hold(session=session, reason=reason, who=who, at=time.time())
