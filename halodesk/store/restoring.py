"""Takes a session back in from its exported record.

Rules:
- The file is believed in nothing: each link, each payload and the order of events are checked, and the
  first broken link is named. Then nothing of it is taken.
- Only a session that this seat recorded, that is not here any more, and whose number is free: the
  chain names seat and number. The records of other seats are checked with `session verify --file`.
- The flow version it ran on must be here, or it could not be replayed.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection, Engine, select

from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError
from halodesk.protocol import log_lines
from halodesk.protocol.envelope import Envelope, StoredEvent
from halodesk.store import sessions
from halodesk.store import tables as t
from halodesk.store.proofs import check_rows
from halodesk.store.sessions import Sessions
from halodesk.store.writer import Writer


def read_file(data: bytes) -> tuple[list[Envelope], list[StoredEvent]]:
    """Events of an exported record whose chain holds. Raises `SessionFileError`: the first broken link."""
    found = log_lines.read(data)
    if not found:
        raise SessionFileError("There is no event in this file.", "Name a record exported as jsonl.")
    stamps, rows = [stamp for stamp, _ in found], [row for _, row in found]
    check_rows(rows[0].session, rows)
    return stamps, rows


def restore(engine: Engine, writer: Writer, data: bytes) -> str:
    """Put the session of that record back; its id. Blocks. Raises `SessionFileError`."""
    stamps, rows = read_file(data)
    store = Sessions(engine)
    if any(stamp.seat != store.seat() for stamp in stamps):
        raise SessionFileError(
            "This was recorded at another seat.", "Check it with: halodesk session verify --file FILE"
        )
    if rows[0].payload is None:
        raise SessionFileError("The beginning of this record was erased: it cannot be put back.")
    began = codec.decode(rows[0].payload)
    if not isinstance(began, e.SessionStarted):
        raise SessionFileError("Event 1: it does not begin a session. Nothing before it.")
    store.flow_document(began.flow_hash)
    writer.submit(partial(_put, rows=rows, number=stamps[0].number)).result(30)
    return rows[0].session


def _put(connection: Connection, *, rows: list[StoredEvent], number: int) -> None:
    s = t.session.c
    known = connection.execute(select(s.id).where((s.id == rows[0].session) | (s.number == number))).first()
    if known is not None:
        raise SessionFileError(f"Session {known.id} is here already.", "There is nothing to put back.")
    sessions.append(connection, rows)
