"""A stolen disk: nothing a caller said is readable in the seat's folder, and no key opens it but its own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlcipher3.dbapi2 as sqlcipher

from halodesk.engine.errors import StoreKeyError
from halodesk.runtime.log import SessionLog
from halodesk.store.seat_store import SeatStore
from tests.e2e.leak_scan import scan
from tests.fakes.order import Run
from tests.unit.test_session_live import Still

PASSPHRASE = "only in the head of IT"
CANARIES = ("Jordan", "jo@example.com", "2025550143", "supervisor-password")


@pytest.fixture
def stolen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a seat that was at work, as it lies on the disk; still open, so with its log."""
    monkeypatch.setenv("HALODESK_PASSPHRASE", PASSPHRASE)
    store = SeatStore(tmp_path / "seat")
    store.seat()
    run = Run().to_step("end").answer(disposition="sale").submit()
    store.keep_flow(run.flow)
    log = SessionLog(session="s1", seat=store.seat(), clock=Still(), number=store.next_number)
    store.append(log.stamp(run.events, flow=run.flow.key, version=run.flow.version)).result(10)
    store.people.add("Anna", "agent", "$argon2id$canary-verifier")
    store.index(store.search.unindexed(5)).result(10)
    copy = tmp_path / "stolen"
    copy.mkdir()
    for file in (tmp_path / "seat").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    store.close()
    monkeypatch.delenv("HALODESK_PASSPHRASE")
    return copy


def test_no_canary_is_on_the_disk(stolen: Path) -> None:
    names = {file.name for file in stolen.iterdir()}
    assert {"seat.db", "seat.key"} <= names
    for file in stolen.iterdir():
        data = file.read_bytes()
        for canary in (*CANARIES, "Anna", "canary-verifier"):
            for form in (canary.encode(), canary.encode("utf-16-le"), canary.encode()[::-1]):
                assert form not in data, f"{canary} in {file.name}"
    seen, found = scan([stolen], cards=["4242424242424242"], cvvs=[])
    assert seen >= 2
    assert found == []


def test_the_scan_would_find_them(stolen: Path) -> None:
    """A plain copy of the same rows is full of them."""
    plain = stolen / "plain.txt"
    plain.write_text("Jordan jo@example.com")
    with pytest.raises(AssertionError, match="Jordan"):
        test_no_canary_is_on_the_disk(stolen)


def test_it_opens_with_nothing_but_its_key(stolen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = sqlite3.connect(stolen / "seat.db")
    with pytest.raises(sqlite3.DatabaseError):
        plain.execute("SELECT * FROM session")
    plain.close()
    for key in ("00" * 32, "ff" * 32):
        opened = sqlcipher.connect(str(stolen / "seat.db"))
        opened.execute(f"PRAGMA key=\"x'{key}'\"")
        with pytest.raises(sqlcipher.DatabaseError):
            opened.execute("SELECT * FROM session")
        opened.close()
    with pytest.raises(StoreKeyError):
        SeatStore(stolen)
    monkeypatch.setenv("HALODESK_PASSPHRASE", PASSPHRASE + "x")
    with pytest.raises(StoreKeyError):
        SeatStore(stolen)
    monkeypatch.setenv("HALODESK_PASSPHRASE", PASSPHRASE)
    with SeatStore(stolen) as store:
        assert store.sessions.find("s1").status == "ended", "its own opens it"
