"""The exports of a session: the exact record, a table, a page; and its sound, in clear."""

from __future__ import annotations

import csv
import io
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from halodesk.engine import codec
from halodesk.engine.errors import SessionFileError
from halodesk.engine.events import RecordingKept
from halodesk.runtime.review import RecordFormat
from halodesk.store.record import Record, json_lines, read, walk
from halodesk.store.replay_page import render
from halodesk.store.seat_store import SeatStore
from halodesk.store.sessions import Sessions

COLUMNS = (
    "session",
    "number",
    "flow",
    "version",
    "agent",
    "caller",
    "event",
    "time_utc",
    "seconds",
    "kind",
    "step",
    "what",
)

_FORMULA = re.compile(r"(^|[;,|\t\r\n])(\s*)(?=[=+\-@＝＋－＠])")
"""What a spreadsheet may take for a formula: at the start of a cell, and behind each sign that a
program with other settings takes for the end of one."""


def write(sessions: Sessions, name: str, kind: RecordFormat, path: Path) -> Path:
    """The export as a file. Raises `SessionFileError`."""
    content = export(sessions, name, kind)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SessionFileError(
            f"{path} cannot be written: {error.strerror}.", "Choose another folder."
        ) from None
    return path


def write_sound(store: SeatStore, recording: Path, path: Path) -> Path:
    """A recording as a plain sound file (FLAC), which anybody can play. Raises `SessionFileError`."""
    try:
        with store.open_recording(recording) as sound, path.open("wb") as out:
            shutil.copyfileobj(sound, out)
    except OSError as error:
        raise SessionFileError(
            f"The sound cannot be written to {path}: {error.strerror}.", "Choose another folder."
        ) from None
    return path


def write_sound_of(store: SeatStore, name: str, path: Path) -> Path:
    """The last recording of a session as a plain sound file. Raises `SessionFileError`."""
    return write_sound(store, last_recording(store, store.sessions.find(name).id)[0], path)


def last_recording(store: SeatStore, session: str) -> tuple[Path, str]:
    """File and SHA-256 (hex) of the last recording of a session. Raises `SessionFileError`."""
    events = [codec.decode(row.payload) for row in store.sessions.events(session) if row.payload is not None]
    kept = [event for event in events if isinstance(event, RecordingKept)]
    if not kept:
        raise SessionFileError("There is no recording of this session.")
    if not kept[-1].path:
        raise SessionFileError("There is no recording of this session any more, or it had no sound.")
    return Path(kept[-1].path), kept[-1].sha256


def export(sessions: Sessions, name: str, kind: RecordFormat) -> bytes:
    """The file of a session by id, beginning of it, or number. Raises `SessionFileError`."""
    if kind == "jsonl":
        return json_lines(sessions.events(sessions.find(name).id)).encode()
    record = read(sessions, name)
    if kind == "html":
        return render(record).encode()
    # The mark at the beginning tells spreadsheet programs that it is UTF-8.
    return table(record).encode("utf-8-sig")


def table(record: Record) -> str:
    """One line an event (RFC 4180). Cells can be opened in a spreadsheet: none is a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    row, began = record.row, record.began
    for number, (_, moment) in enumerate(walk(record), start=1):
        when = datetime.fromtimestamp(began + moment.at_s, UTC).isoformat(timespec="milliseconds")
        cells = (
            *(row.id, row.number, row.flow, row.version, row.agent, row.caller),
            *(number, when, f"{max(moment.at_s, 0):.3f}", moment.kind, moment.step, moment.words),
        )
        writer.writerow([harmless(str(cell)) for cell in cells])
    return out.getvalue()


def harmless(cell: str) -> str:
    """The cell with an apostrophe before all that a spreadsheet would run."""
    return _FORMULA.sub(r"\1\2'", cell.replace("\0", ""))
