"""`halodesk session`: the records of this seat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halodesk.cli import session_proof
from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.runtime.review import ExportFormat
    from halodesk.store.seat_store import SeatStore

app = typer.Typer(help="List, check, replay and export recorded sessions.", no_args_is_help=True)

app.command()(session_proof.verify)
app.command()(session_proof.erase)
app.command("import")(session_proof.import_session)

Data = Annotated[Path | None, typer.Option("--data", help="Data folder of the seat.")]
Session = Annotated[str, typer.Argument(help="Id, its first characters, or its number.")]


@contextmanager
def open_store(data: Path | None) -> Iterator[SeatStore]:
    """The store of a seat that is there. Raises `StoreError`."""
    from halodesk.engine.errors import StoreError
    from halodesk.runtime.paths import data_dir
    from halodesk.store.seat_store import FILE, SeatStore

    folder = data_dir(data, make=False)
    if not (folder / FILE).exists():
        raise StoreError(f"There is no seat in {folder}.", "Name its folder with --data.")
    store = SeatStore(folder)
    try:
        yield store
    finally:
        store.close()


def _when(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else "-"


@app.command("list")
def list_sessions(data: Data = None, as_json: Json = False) -> None:
    """Sessions of this seat, newest first. Times are UTC."""
    with failing(as_json), open_store(data) as store:
        rows = store.sessions.rows()

    def words() -> str:
        lines = [
            f"{row.number:>5}  {row.id}  {_when(row.started_at)}  {row.status:6}  "
            f"{row.disposition or '-':12}  {row.caller or '-':16}  {row.flow} v{row.version}"
            for row in rows
        ]
        return "\n".join(lines) or "No sessions yet."

    show(rows, as_json=as_json, words=words)


@app.command("show")
def show_session(session: Session, data: Data = None, as_json: Json = False) -> None:
    """Answers, path and cart of one session."""
    with failing(as_json), open_store(data) as store:
        from halodesk.store.record import read

        record = read(store.sessions, session)
    page = record.last_page
    result: dict[str, Any] = {
        "id": record.row.id,
        "flow": record.row.flow,
        "version": record.row.version,
        "status": record.row.status,
        "disposition": record.row.disposition,
        "events": len(record.rows),
        "answers": page.answers,
        "path": page.path,
        "cart": page.cart,
    }

    def words() -> str:
        lines = [f"{record.row.id}  {record.flow.name}, version {record.row.version}, {record.row.status}"]
        lines += [f"  {answer.label}: {answer.value}" for answer in page.answers]
        lines += [f"  {line.quantity} x {line.name}  {line.total}" for line in page.cart.lines]
        lines += [f"  Total {page.cart.total}{' (paid)' if page.cart.paid else ''}"]
        lines += [f"  Disposition: {record.row.disposition or '-'}"]
        return "\n".join(lines)

    show(result, as_json=as_json, words=words)


@app.command()
def replay(
    session: Session,
    out: Annotated[Path | None, typer.Option(help="Write an HTML page here instead.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """What the agent saw and entered, step by step, with times."""
    with failing(as_json), open_store(data) as store:
        from halodesk.store.record import read, timeline
        from halodesk.store.replay_page import render

        record = read(store.sessions, session)
        moments = timeline(record)
        if out is not None:
            out.write_text(render(record), encoding="utf-8")
            typer.echo(f"Written: {out}")
            return
    show(moments, as_json=as_json, words=lambda: "\n".join(f"{m.at_s:8.1f} s  {m.words}" for m in moments))


class Format(StrEnum):
    """See `halodesk.runtime.review.ExportFormat`."""

    JSONL = "jsonl"
    CSV = "csv"
    HTML = "html"
    FLAC = "flac"


@app.command()
def export(
    session: Session,
    out: Annotated[Path | None, typer.Option(help="File to write (default: standard output).")] = None,
    kind: Annotated[
        Format,
        typer.Option(
            "--format",
            help="jsonl: the exact record (envelope, payload, salt, leaf and head of each event); "
            "csv: one line an event, for a spreadsheet; html: a page for reading; "
            "flac: the recording, not encrypted (needs --out).",
        ),
    ] = Format.JSONL,
    data: Data = None,
) -> None:
    """One session as a file."""
    with failing(), open_store(data) as store:
        from halodesk.store import export as exports

        wanted: ExportFormat = kind.value
        if wanted == "flac":
            if out is None:
                raise typer.BadParameter("A recording is no text: name a file with --out.")
            exports.write_sound_of(store, session, out)
        elif out is None:
            typer.echo(exports.export(store.sessions, session, wanted), nl=False)
        else:
            exports.write(store.sessions, session, wanted, out)
