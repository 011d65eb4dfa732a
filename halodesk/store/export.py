"""The three exports of a session: the exact record, a table, a page."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path

from halodesk.engine.errors import SessionFileError
from halodesk.runtime.review import ExportFormat
from halodesk.store.record import Record, json_lines, read, walk
from halodesk.store.replay_page import render
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


def write(sessions: Sessions, name: str, kind: ExportFormat, path: Path) -> Path:
    """The export as a file. Raises `SessionFileError`."""
    content = export(sessions, name, kind)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SessionFileError(
            f"{path} cannot be written: {error.strerror}.", "Choose another folder."
        ) from None
    return path


def export(sessions: Sessions, name: str, kind: ExportFormat) -> bytes:
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
