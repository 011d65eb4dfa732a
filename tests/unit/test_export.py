"""The three exports of a session: exact, safe to open in a spreadsheet, honest about what was erased."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError
from halodesk.runtime.log import verify
from halodesk.store.export import COLUMNS, export, harmless, table
from halodesk.store.record import read
from halodesk.store.seat_store import SeatStore
from tests.fakes.records import keep, new_store, order_events

EVIL = "=cmd|'/c calc'!A1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    opened = new_store(tmp_path)
    timed = order_events()
    keep(opened, "order", [*timed[:-1], (160.0, e.NoteAdded(text=EVIL)), timed[-1]])
    yield opened
    opened.close()


def cells(content: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content, newline="")))


def erase(store: SeatStore, session: str, kind: str) -> int:
    """Empties salt and payload of all events of a kind, as an erasure does."""
    job = text(
        "UPDATE event SET salt = NULL, payload = NULL "
        "WHERE session = :session AND instr(CAST(envelope AS TEXT), :kind) > 0"
    )

    def run(connection: object) -> int:
        done = connection.execute(job, {"session": session, "kind": f'"event":"{kind}"'})  # type: ignore[attr-defined]
        return int(done.rowcount)

    return int(store._writer.submit(run).result(10))


def test_a_table_has_one_line_an_event(store: SeatStore) -> None:
    rows = cells(table(read(store.sessions, "order")))
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["event"]) for row in rows] == list(range(1, len(store.sessions.events("order")) + 1))
    phone = next(row for row in rows if row["what"] == "Answer: Phone: (202) 555-0143")
    assert (phone["seconds"], phone["step"], phone["kind"]) == ("34.000", "gather", "answer_given")
    assert phone["time_utc"].endswith("+00:00")


def test_no_cell_is_a_formula(store: SeatStore) -> None:
    content = table(read(store.sessions, "order"))
    for row in cells(content):
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@")), cell
    assert cells(content)[0]["caller"] == "'+12025550143"
    assert f"Note: {EVIL}" in content, "in the middle of a cell it is text"


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+1 202", "'+1 202"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\t'=1"),
        ("\r=1", "\r'=1"),
        ("  =1", "  '=1"),
        ("＝1", "'＝1"),
        ("a;=1", "a;'=1"),
        ("a\n=1", "a\n'=1"),
        ("a,-1", "a,'-1"),
        ("plain - text = fine", "plain - text = fine"),
        ("", ""),
        ("nul\0", "nul"),
    ],
)
def test_harmless(cell: str, safe: str) -> None:
    assert harmless(cell) == safe


@given(st.text(alphabet="=+-@;,\t\r\n \"'ab1＝", max_size=12))
def test_no_text_becomes_a_formula_for_any_separator(cell: str) -> None:
    for part in harmless(cell).replace(";", "\n").replace(",", "\n").replace("\t", "\n").split("\n"):
        assert not part.strip(" \r").startswith(("=", "+", "-", "@", "＝")), part


def test_a_file_for_spreadsheets_is_marked_as_utf8(store: SeatStore) -> None:
    content = export(store.sessions, "order", "csv")
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content


def test_the_exact_record_verifies_again(store: SeatStore) -> None:
    lines = [json.loads(line) for line in export(store.sessions, "order", "jsonl").splitlines()]
    rows = store.sessions.events("order")
    assert [bytes.fromhex(line["head"]) for line in lines] == [row.head for row in rows]
    assert verify("order", rows, closed=True).ok


def test_what_was_erased_is_said(store: SeatStore) -> None:
    gone = erase(store, "order", "answer_given")
    assert gone == 10
    rows = cells(export(store.sessions, "order", "csv").decode("utf-8-sig"))
    assert sum(row["what"] == "Erased: answer given" for row in rows) == gone
    page = export(store.sessions, "order", "html").decode()
    assert page.count("Erased: answer given") == gone
    assert "Ocean View" not in page
    assert "chain holds" in page


@pytest.mark.parametrize("kind", ["session_started", "step_entered", "cart_changed", "submitted"])
def test_every_export_survives_an_erasure(store: SeatStore, kind: str) -> None:
    assert erase(store, "order", kind)
    for form in ("jsonl", "csv", "html"):
        assert export(store.sessions, "order", form)


def test_a_page_shows_markup_as_text(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    keep(store, "one", [*order_events()[:3], (5.0, e.NoteAdded(text="<script>alert(1)</script>"))])
    assert b"<script>" not in export(store.sessions, "one", "html")
    store.close()


def test_no_such_session(store: SeatStore) -> None:
    for form in ("jsonl", "csv", "html"):
        with pytest.raises(SessionFileError):
            export(store.sessions, "nobody", form)


@pytest.mark.parametrize(
    ("options", "begins"),
    [
        ((), b'{"envelope":'),
        (("--format", "jsonl"), b'{"envelope":'),
        (("--format", "csv"), b'\xef\xbb\xbf"session",'),
        (("--format", "html"), b"<!doctype html>"),
    ],
)
def test_the_command_writes_each(
    store: SeatStore, tmp_path: Path, options: tuple[str, ...], begins: bytes
) -> None:
    store.close()
    out = tmp_path / "out"
    data = ("--data", str(tmp_path))
    done = CliRunner().invoke(app, ["session", "export", "order", *options, "--out", str(out), *data])
    assert done.exit_code == 0, done.output
    assert out.read_bytes().startswith(begins)
    printed = CliRunner().invoke(app, ["session", "export", "order", *options, *data])
    assert printed.stdout_bytes == out.read_bytes()


def test_the_command_refuses_other_formats(store: SeatStore, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["session", "export", "1", "--format", "pdf", "--data", str(tmp_path)])
    assert done.exit_code == 2


def test_a_folder_that_is_not_there_is_said_in_words(store: SeatStore, tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "out.csv"
    done = CliRunner().invoke(
        app, ["session", "export", "1", "--format", "csv", "--out", str(out), "--data", str(tmp_path)]
    )
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr
