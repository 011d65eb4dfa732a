"""`halodesk session`: list, show, verify, replay and export, on a store made here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from halodesk.cli.root import app
from halodesk.engine import commands as c
from halodesk.runtime.log import SessionLog
from halodesk.store.seat_store import SeatStore
from tests.fakes.order import Run
from tests.unit.test_session_live import Still


@pytest.fixture(scope="module")
def seat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a finished sale and an open session."""
    folder = tmp_path_factory.mktemp("seat")
    store = SeatStore(folder)
    store.seat()
    sold = Run().to_step("end").answer(disposition="sale").submit()
    opened = Run().to_offer().do(c.AddNote(text="thinks about it"))
    for session, run in (("aaaa1111", sold), ("bbbb2222", opened)):
        store.keep_flow(run.flow)
        log = SessionLog(session=session, seat="s", clock=Still())
        store.append(log.stamp(run.events, flow=run.flow.key, version=run.flow.version)).result(10)
    assert store.close()
    return folder


def run(seat: Path, *args: str) -> Result:
    return CliRunner().invoke(app, ["session", *args, "--data", str(seat)])


def test_list(seat: Path) -> None:
    result = run(seat, "list")
    assert result.exit_code == 0, result.output
    first, second = result.stdout.splitlines()
    assert "bbbb2222" in first
    assert "open" in first
    assert "sale" in second
    assert "2027-01-15 08:00:00" in second, "UTC"
    rows = json.loads(run(seat, "list", "--json").stdout)
    assert [row["id"] for row in rows] == ["bbbb2222", "aaaa1111"]
    assert rows[1]["disposition"] == "sale"


def test_show(seat: Path) -> None:
    result = run(seat, "show", "1")
    assert result.exit_code == 0, result.output
    assert "First name: Jordan" in result.stdout
    assert "1 x Nap Enhancer, 60 capsules  $39.95" in result.stdout
    assert "Total $47.80 (paid)" in result.stdout
    assert "Disposition: sale" in result.stdout
    found = json.loads(run(seat, "show", "aaaa", "--json").stdout)
    assert found["status"] == "ended"
    assert found["cart"]["total"] == "$47.80"
    assert [step["step"] for step in found["path"]][:2] == ["start", "gather"]


def test_verify(seat: Path) -> None:
    result = run(seat, "verify", "aaaa1111")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("OK: ")
    verdict = json.loads(run(seat, "verify", "bbbb", "--json").stdout)
    assert verdict["ok"] is True
    assert len(verdict["head"]) == 64


def test_replay(seat: Path, tmp_path: Path) -> None:
    result = run(seat, "replay", "2")
    assert result.exit_code == 0, result.output
    assert "0.0 s  Session begins" in result.stdout
    assert "Note: thinks about it" in result.stdout
    moments = json.loads(run(seat, "replay", "2", "--json").stdout)
    assert moments[0].keys() == {"at_s", "kind", "step", "words"}
    page = tmp_path / "replay.html"
    assert run(seat, "replay", "1", "--out", str(page)).exit_code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_export(seat: Path, tmp_path: Path) -> None:
    result = run(seat, "export", "1")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0]["payload"]["event"] == "session_started"
    assert lines[-1]["payload"]["event"] == "session_ended"
    file = tmp_path / "session.jsonl"
    assert run(seat, "export", "1", "--out", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8") == result.stdout


@pytest.mark.parametrize("command", ["show", "verify", "replay", "export"])
@pytest.mark.parametrize("name", ["zzzz", "99", ""])
def test_a_session_that_is_not_there(seat: Path, command: str, name: str) -> None:
    result = run(seat, command, name)
    assert result.exit_code == 1
    assert result.stderr.startswith("halodesk: ")
    assert "session list" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", ["list", "show 1", "verify 1", "replay 1", "export 1"])
def test_a_folder_without_a_seat(tmp_path: Path, words: str) -> None:
    folder = tmp_path / "nowhere"
    result = run(folder, *words.split())
    assert result.exit_code == 1
    assert "There is no seat in" in result.stderr
    assert "--data" in result.stderr
    assert not (folder / "seat.db").exists()
    assert not (folder / "seat.key").exists(), "looking makes no key"


def test_a_key_that_does_not_fit(seat: Path, tmp_path: Path) -> None:
    (tmp_path / "seat.db").write_bytes((seat / "seat.db").read_bytes())
    result = run(tmp_path, "list")
    assert result.exit_code == 1
    assert "key" in result.stderr
    assert "Traceback" not in result.output


def test_an_export_to_a_place_that_cannot_be_written(seat: Path, tmp_path: Path) -> None:
    result = run(seat, "export", "1", "--out", str(tmp_path / "no" / "such" / "folder.jsonl"))
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert result.stderr.startswith("halodesk: ")


NAME = "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT), 'Jordan', 'Jortan') AS BLOB)"


@pytest.mark.parametrize(
    ("change", "at"),
    [(NAME, 0), ("DELETE FROM event WHERE seq = 7", 7), ("DELETE FROM event WHERE seq > 9", 10)],
)
def test_a_forged_record_is_found(tmp_path: Path, change: str, at: int) -> None:
    store = SeatStore(tmp_path)
    store.seat()
    sold = Run().to_step("end").answer(disposition="sale").submit()
    store.keep_flow(sold.flow)
    log = SessionLog(session="aaaa1111", seat="s", clock=Still())
    rows = log.stamp(sold.events, flow="f", version=1)
    store.append(rows).result(10)
    at = at or next(row.seq for row in rows if b"Jordan" in (row.payload or b""))
    with store._engine.begin() as connection:
        connection.execute(text(change))
    assert store.close()
    result = run(tmp_path, "verify", "1")
    assert result.exit_code == 1
    assert result.stdout.startswith("BROKEN: ")
    assert f"Event {at}:" in result.stdout
    assert json.loads(run(tmp_path, "verify", "1", "--json").stdout)["broken_at"] == at


def test_wrong_usage_is_exit_code_2(seat: Path) -> None:
    assert run(seat, "show").exit_code == 2
    assert run(seat, "list", "--nonsense").exit_code == 2
