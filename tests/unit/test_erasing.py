"""Erasing: gone from the file itself, the chain valid, and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.engine import events as e
from halodesk.engine.errors import HaloDeskError, SessionFileError
from halodesk.runtime.log import SessionLog
from halodesk.store import record, replay
from halodesk.store.erasing import Wish, may_erase
from halodesk.store.export import export
from halodesk.store.seat_store import SeatStore
from tests.fakes.keys import cheap_keys  # noqa: F401  # a fixture
from tests.fakes.order import Run
from tests.unit.test_session_live import Still

EMAIL = "jo@example.com"


class Later(Still):
    """An hour after the session."""

    def wall(self) -> float:
        return super().wall() + 3600


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    opened = SeatStore(tmp_path)
    opened.seat()
    yield opened
    opened.close()


def recorded(store: SeatStore, tmp_path: Path, session: str = "s1") -> Path:
    """A session with a recording; the file."""
    run = Run().to_step("end").answer(disposition="sale").submit()
    sound = tmp_path / "recordings" / f"{session}.flac"
    sound.parent.mkdir(exist_ok=True)
    sound.write_bytes(b"fLaC")
    kept = e.RecordingKept(path=str(sound), sha256="0" * 64, sample_rate=16000, samples=1, windows=())
    store.keep_flow(run.flow)
    log = SessionLog(session=session, seat=store.seat(), clock=Still(), number=store.next_number)
    events = [*run.events, kept]
    store.append(log.stamp(events, flow=run.flow.key, version=run.flow.version)).result(10)
    return sound


def wish(**changes: object) -> Wish:
    values = {"session": "s1", "reason": "The caller asked.", "by": "Sam", "role": "supervisor"} | changes
    return Wish(**values)  # type: ignore[arg-type]  # a test's own values


def everything(store: SeatStore) -> str:
    """Every text and blob of every table."""
    with store._engine.connect() as connection:
        names = (
            connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        )
        rows = [
            value
            for name in names
            if name != "flow_version"
            for row in connection.execute(text(f'SELECT * FROM "{name}"'))  # noqa: S608  # our own tables
            for value in row
        ]
    return "\n".join(v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in rows)


def test_a_field_goes_wherever_it_was_repeated(store: SeatStore, tmp_path: Path) -> None:
    sound = recorded(store, tmp_path)
    store.index(store.search.unindexed(10)).result(10)
    assert EMAIL in everything(store)
    before = len(store.sessions.events("s1"))
    done = store.eraser.erase(wish(field="email"), Later())
    assert EMAIL not in everything(store)
    assert "Jordan" in everything(store), "the rest stays"
    assert sound.exists(), "the sound is kept unless it is asked for"
    assert done.order.recordings == 0
    proof = store.proofs.prove("s1")
    assert proof.ok, proof.message
    assert proof.erased == len(done.order.seqs) > 0
    assert proof.events == before + 1
    assert "Sam: The caller asked." in next(p.message for p in proof.parts if p.name == "erasure")
    shown = replay.review(record.read(store.sessions, "s1"))
    assert any("Sam (supervisor) erased the field" in moment.words for moment in shown.moments)


def test_a_session_goes_with_its_sound_and_still_replays(store: SeatStore, tmp_path: Path) -> None:
    sound = recorded(store, tmp_path)
    row = store.sessions.find("s1")
    assert row.caller
    done = store.eraser.erase(wish(), Later())
    assert not sound.exists()
    assert done.order.recordings == 1
    left = everything(store)
    for word in ("Jordan", EMAIL, row.caller):
        assert word not in left
    assert store.sessions.find("s1").caller == ""
    assert store.proofs.prove("s1").ok
    shown = replay.review(record.read(store.sessions, "s1"))
    assert shown.steps
    assert "Jordan" not in export(store.sessions, "s1", "html").decode()


def test_the_file_itself_does_not_hold_it_any_more(store: SeatStore, tmp_path: Path) -> None:
    """Pages as SQLite wrote them, decrypted: also those that are free, and the write-ahead log."""
    recorded(store, tmp_path)
    store.eraser.erase(wish(), Later())
    with store._engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.exec_driver_sql(f"ATTACH DATABASE '{tmp_path / 'plain.db'}' AS plain KEY ''")
        connection.exec_driver_sql("SELECT sqlcipher_export('plain')")
        connection.exec_driver_sql("DETACH DATABASE plain")
        assert connection.execute(text("PRAGMA secure_delete")).scalar() == 1
    assert pages > 0
    assert EMAIL.encode() not in (tmp_path / "plain.db").read_bytes()
    wal = tmp_path / "seat.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0


def test_twice_is_harmless_and_both_orders_count(store: SeatStore, tmp_path: Path) -> None:
    recorded(store, tmp_path)
    store.eraser.erase(wish(field="email"), Later())
    store.eraser.erase(wish(), Later())
    assert store.proofs.prove("s1").ok
    assert len(store.proofs.orders("s1")) == 2
    assert len(store.sync.erasures()) == 2
    with pytest.raises(SessionFileError, match="nothing"):
        store.eraser.erase(wish(), Later())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": "  "}, "needs a reason"),
        ({"reason": "card 4242 4242 4242 4242"}, "card number"),
        ({"field": "nothing_like_it"}, "nothing"),
        ({"session": "zz"}, "There is no session"),
    ],
)
def test_what_is_refused_changes_nothing(
    store: SeatStore, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    recorded(store, tmp_path)
    before = everything(store)
    with pytest.raises(SessionFileError, match=said):
        store.eraser.erase(wish(**changes), Later())
    assert everything(store) == before


def test_not_while_facts_may_come_in_nor_what_is_broken(store: SeatStore, tmp_path: Path) -> None:
    recorded(store, tmp_path)
    with pytest.raises(SessionFileError, match="just ended"):
        store.eraser.erase(wish(), Still())
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE event SET leaf = zeroblob(32) WHERE seq = 3"))
    with pytest.raises(SessionFileError, match="Event 3"):
        store.eraser.erase(wish(), Later())


def test_a_recording_elsewhere_is_never_deleted(store: SeatStore, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-other.flac"
    outside.write_bytes(b"mine")
    recorded(store, tmp_path)
    with store._engine.begin() as connection:
        change = "UPDATE erasure SET files = :files"
        connection.execute(text(change), {"files": f'["{outside}"]'.encode()})
    store.eraser.erase(wish(), Later())
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE erasure SET files = :f"), {"f": f'["{outside}"]'.encode()})
    assert store.eraser.sweep() == []
    assert outside.exists()
    outside.unlink()


def test_a_crash_before_the_sound_is_deleted(store: SeatStore, tmp_path: Path) -> None:
    sound = recorded(store, tmp_path)
    store.eraser.erase(wish(), Later())
    sound.write_bytes(b"fLaC")  # as if the process had died right after the commit
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE erasure SET files = :f"), {"f": f'["{sound}"]'.encode()})
    store.close()
    with SeatStore(tmp_path) as opened:
        assert opened.eraser.sweep() == []
    assert not sound.exists()


def test_who_may() -> None:
    may_erase(("agent", "supervisor"))
    with pytest.raises(HaloDeskError, match="Only a supervisor"):
        may_erase(("agent", "team_lead"))


def test_the_command(store: SeatStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(store, tmp_path)
    store.close()

    def run(*args: str) -> tuple[int, str]:
        given = ["session", "erase", "1", "--data", str(tmp_path), "--reason", "Asked.", *args]
        done = CliRunner().invoke(app, given)
        return done.exit_code, done.output + done.stderr

    monkeypatch.setenv("HALODESK_NEW_PASSWORD", "correct horse")
    monkeypatch.setenv("HALODESK_PASSWORD", "correct horse")
    people = ["people", "add", "Anna", "--data", str(tmp_path)]
    assert CliRunner().invoke(app, people).exit_code == 0
    assert run()[0] == 1, "nobody has said who"
    assert "Only a supervisor" in run("--as", "Anna")[1]
    sam = ["people", "add", "Sam", "--role", "supervisor", "--data", str(tmp_path)]
    assert CliRunner().invoke(app, sam).exit_code == 0
    code, said = run("--as", "Sam")
    assert code == 0, said
    assert "1 recordings" in said
    assert "backups" in said
