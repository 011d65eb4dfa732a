"""Recordings whose time is over go; that they went stays, and a crash in between changes nothing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.engine import codec
from halodesk.engine.events import RecordingKept
from halodesk.runtime.log import verify
from halodesk.runtime.settings import Retention
from halodesk.store import retention
from halodesk.store.export import last_recording
from halodesk.store.record import read, timeline
from halodesk.store.recordings import new_hold
from halodesk.store.retention import DAY_S, Done, Sweeper
from halodesk.store.seat_store import SeatStore
from tests.fakes.records import BEGAN, keep, new_store, order_events

NOW = BEGAN + 100 * DAY_S
ONE = "a" * 32
TWO = "b" * 32


class World:
    """A seat with recorded sessions."""

    def __init__(self, folder: Path) -> None:
        self.store: SeatStore = new_store(folder)
        self.store.seat()
        self.folder = folder / "recordings"
        self.folder.mkdir()

    def session(self, name: str, days_ago: float) -> Path:
        path = self.folder / f"{name[:4]}.hdrec"
        path.write_bytes(name.encode() * 100)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        kept = RecordingKept(path=str(path), sha256=digest, sample_rate=16_000, samples=9, windows=())
        keep(self.store, name, [*order_events(), (162.0, kept)], NOW - days_ago * DAY_S)
        return path

    def sweep(self, **rules: object) -> Done:
        sweeper = Sweeper(self.store, Retention(**rules), self.folder, started=NOW, wall=lambda: NOW)  # type: ignore[arg-type]  # rules as settings have them
        return sweeper.run()

    def facts(self, session: str) -> list[RecordingKept]:
        events = [codec.decode(row.payload or b"") for row in self.store.sessions.events(session)]
        return [event for event in events if isinstance(event, RecordingKept)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_is_old_goes_and_its_digest_stays_in_a_chain_that_holds(world: World) -> None:
    old, young = world.session(ONE, 40), world.session(TWO, 5)
    assert world.sweep(days=30) == Done(deleted=1)
    assert not old.exists()
    assert young.exists()
    first, fact = world.facts(ONE)
    assert (fact.path, fact.sha256) == ("", first.sha256)
    rows = world.store.sessions.events(ONE)
    assert verify(ONE, rows, closed=True).ok
    assert world.store.sessions.find(ONE).recording == ""
    assert world.store.sessions.find(TWO).recording == str(young)
    words = [moment.words for moment in timeline(read(world.store.sessions, ONE))]
    assert words[-1].startswith("Recording deleted, its time was over (SHA-256 ")
    with pytest.raises(Exception, match="any more"):
        last_recording(world.store, ONE)
    assert world.sweep(days=30) == Done(), "once is enough"
    assert len(world.facts(ONE)) == 2
    world.store.close()


def test_nothing_goes_where_nothing_is_said(world: World) -> None:
    path = world.session(ONE, 4000)
    assert world.sweep() == Done()
    assert path.exists()
    world.store.close()


def test_the_rule_of_a_disposition_goes_before_the_flows_and_both_before_all(world: World) -> None:
    path = world.session(ONE, 40)
    flow = world.store.sessions.find(ONE).flow
    assert world.sweep(days=1, by_flow={flow: 60}) == Done()
    assert world.sweep(days=1, by_flow={flow: 1}, by_disposition={"sale": 0}) == Done(), "0: for ever"
    assert world.sweep(days=0, by_disposition={"sale": 39}) == Done(deleted=1)
    assert not path.exists()
    world.store.close()


def test_a_legal_hold_outlives_every_rule_until_it_is_released(world: World) -> None:
    path = world.session(ONE, 400)
    world.store.hold_recordings(new_hold(ONE, "Case 17", "ann")).result(10)
    assert world.sweep(days=30) == Done()
    assert path.exists()
    (held,) = world.store.recordings.holds()
    assert (held.session, held.reason, held.who) == (ONE, "Case 17", "ann")
    world.store.release_recordings(ONE).result(10)
    assert world.sweep(days=30) == Done(deleted=1)
    world.store.close()


def test_a_crash_between_fact_and_file_is_made_good(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.session(ONE, 40)
    monkeypatch.setattr(retention, "shred", lambda _path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        world.sweep(days=30)
    monkeypatch.undo()
    assert path.exists()
    assert len(world.facts(ONE)) == 2
    assert world.sweep() == Done(deleted=1), "even where nothing would go any more"
    assert not path.exists()
    assert len(world.facts(ONE)) == 2
    world.store.close()


def test_a_file_that_will_not_go_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.session(ONE, 40)
    real = os.unlink

    def stuck(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", stuck)
    assert world.sweep(days=30) == Done(failed=1)
    monkeypatch.undo()
    assert path.exists()
    assert path.read_bytes()[:10] == bytes(10), "its key is gone all the same"
    assert world.sweep(days=30) == Done(deleted=1)
    assert real is os.unlink
    world.store.close()


def test_files_without_a_session_go_by_their_own_age(world: World) -> None:
    kept = world.session(ONE, 400)
    stray, fresh, foreign = (world.folder / name for name in ("x.flac", "y.hdrec", "notes.txt"))
    for file, days in ((stray, 20), (fresh, 2), (foreign, 400)):
        file.write_bytes(b"sound")
        os.utime(file, (NOW - days * DAY_S,) * 2)
    os.utime(kept, (NOW - 400 * DAY_S,) * 2)
    assert world.sweep(without_session_days=10) == Done(strays=1)
    assert [file.exists() for file in (kept, stray, fresh, foreign)] == [True, False, True, True]
    world.store.close()


def test_sessions_of_this_run_are_left_alone(world: World) -> None:
    path = world.session(ONE, 40)
    rules = Retention(days=30)
    started = NOW - 41 * DAY_S
    assert Sweeper(world.store, rules, world.folder, started=started, wall=lambda: NOW).run() == Done()
    assert path.exists()
    world.store.close()


def test_the_migration_finds_the_recordings_of_older_releases(world: World, tmp_path: Path) -> None:
    path = world.session(ONE, 40)
    engine = world.store._engine
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE recording"))
        connection.execute(text("DROP TABLE recording_hold"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0006'"))
    world.store.close()
    again = SeatStore(tmp_path)
    assert again.recordings.known() == {path}
    again.close()


def test_holds_by_command(world: World, tmp_path: Path) -> None:
    world.session(ONE, 40)
    world.store.close()
    run = CliRunner()
    done = run.invoke(app, ["session", "hold", "1", "--reason", "Case 17", "--data", str(tmp_path)])
    assert done.exit_code == 0, done.output
    listed = run.invoke(app, ["session", "holds", "--data", str(tmp_path)])
    assert "Case 17" in listed.output
    assert run.invoke(app, ["session", "release", "1", "--data", str(tmp_path)]).exit_code == 0
    assert "No session is held" in run.invoke(app, ["session", "holds", "--data", str(tmp_path)]).output
