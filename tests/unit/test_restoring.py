"""Putting a session back from its export: what was changed is refused at its first broken link."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.engine.errors import SessionFileError
from halodesk.runtime.log import SessionLog
from halodesk.store.export import export
from halodesk.store.restoring import read_file
from halodesk.store.seat_store import SeatStore
from tests.fakes.keys import cheap_keys  # noqa: F401  # a fixture
from tests.fakes.order import Run
from tests.unit.test_session_live import Still


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    opened = SeatStore(tmp_path)
    opened.seat()
    yield opened
    opened.close()


def lost(store: SeatStore) -> bytes:
    """The export of a session that is not in the database any more."""
    run = Run().to_step("end").answer(disposition="sale").submit()
    store.keep_flow(run.flow)
    log = SessionLog(session="s1", seat=store.seat(), clock=Still(), number=store.next_number)
    store.append(log.stamp(run.events, flow=run.flow.key, version=run.flow.version)).result(10)
    data = export(store.sessions, "s1", "jsonl")

    def job(connection: object) -> None:
        for table in ("event", "session_seal", "session"):
            column = "id" if table == "session" else "session"
            connection.execute(text(f"DELETE FROM {table} WHERE {column} = 's1'"))  # type: ignore[attr-defined]  # noqa: S608  # a connection; our own names

    store._writer.submit(job).result(10)
    return data


def test_it_comes_back_with_its_number_and_is_sealed_anew(store: SeatStore) -> None:
    data = lost(store)
    assert store.sessions.missing() == [1]
    assert store.restore(data) == "s1"
    assert store.sessions.missing() == []
    proof = store.proofs.prove("s1")
    assert proof.ok, proof.message
    assert store.sessions.find("s1").disposition == "sale"
    assert export(store.sessions, "s1", "jsonl") == data
    with pytest.raises(SessionFileError, match="here already"):
        store.restore(data)


def change(data: bytes, at: int, what: Callable[[dict[str, object]], None]) -> bytes:
    lines = data.splitlines(keepends=True)
    found = json.loads(lines[at])
    what(found)
    lines[at] = json.dumps(found, separators=(",", ":")).encode() + b"\n"
    return b"".join(lines)


def answer(found: dict[str, object]) -> None:
    payload = found["payload"]
    assert isinstance(payload, dict)
    payload["step"] = "elsewhere"


def head(found: dict[str, object]) -> None:
    found["head"] = "00" * 32


def salt(found: dict[str, object]) -> None:
    found["salt"] = None


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda d: change(d, 4, answer), "Event 5: its content was changed. Events 1 to 4 are intact."),
        (lambda d: change(d, 4, head), "Event 5: its link to the event before does not hold."),
        (lambda d: change(d, 4, salt), "Event 5: it is erased only in part."),
        (lambda d: b"".join(d.splitlines(keepends=True)[1:]), "Event 1: it is missing or out of order."),
        (lambda d: d[: len(d) // 2], "The last line is cut off."),
        (lambda d: d.replace(b"\n", b"\nrubbish\n", 1), "Line 2 is no stored event."),
        (lambda d: b"", "The last line is cut off."),
        (lambda d: b"\x00\xff\n", "Line 1 is no stored event."),
    ],
)
def test_what_was_changed_is_refused_and_nothing_of_it_taken(
    store: SeatStore, tamper: Callable[[bytes], bytes], said: str
) -> None:
    data = tamper(lost(store))
    with pytest.raises(SessionFileError) as refused:
        store.restore(data)
    assert said in refused.value.message
    assert store.sessions.rows() == []


def test_of_another_seat_it_is_only_checked(store: SeatStore, tmp_path: Path) -> None:
    data = lost(store)
    (tmp_path / "other").mkdir()
    with SeatStore(tmp_path / "other") as other:
        other.seat()
        with pytest.raises(SessionFileError, match="at another seat"):
            other.restore(data)
    stamps, rows = read_file(data)
    assert len(stamps) == len(rows) > 5


def test_the_commands(store: SeatStore, tmp_path: Path) -> None:
    data = lost(store)
    store.close()
    file = tmp_path / "s1.jsonl"
    file.write_bytes(data)

    def run(*args: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["session", *args, "--data", str(tmp_path)])
        return done.exit_code, done.output + done.stderr

    assert run("verify", "--file", str(file))[0] == 0
    file.write_bytes(change(data, 2, answer))
    for command in (("verify", "--file", str(file)), ("import", str(file))):
        code, said = run(*command)
        assert code == 1
        assert "Event 3: its content was changed" in said
    file.write_bytes(data)
    assert "Session s1 is back." in run("import", str(file))[1]
    assert run("verify", "s1")[0] == 0
