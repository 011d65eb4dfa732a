"""An agent takes a whole session out of the database: a gap at the seat, an alarm at the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from halodesk.runtime.log import SessionLog
from halodesk.runtime.threads import IoThread, SystemClock
from halodesk.server import audit, counters
from halodesk.store.seat_store import SeatStore
from halodesk.sync.service import SyncService
from tests.server.pieces import some_events
from tests.sync.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


def record(store: SeatStore, name: str) -> None:
    log = SessionLog(session=name, seat=store.seat(), clock=SystemClock(), number=store.next_number)
    content = store._writer.submit(
        lambda c: (
            c.execute(
                text("INSERT OR IGNORE INTO flow_version VALUES (:h, 'flow', 3, x'00')"), {"h": "0" * 64}
            ).rowcount
        )
    )
    content.result(10)
    store.append(log.stamp(some_events(3, ended=True), flow="flow", version=3)).result(10)


def take_out(store: SeatStore, name: str, *, cover_up: bool) -> None:
    """As somebody with the key of the database would."""

    def job(connection: object) -> None:
        run = connection.execute  # type: ignore[attr-defined]  # a SQLAlchemy connection
        for table in ("event", "session_seal", "session_search"):
            run(text(f"DELETE FROM {table} WHERE session = :s"), {"s": name})  # noqa: S608  # our own names
        run(text("DELETE FROM session WHERE id = :s"), {"s": name})
        if cover_up:  # the later ones move up, and the counter goes back
            run(text("UPDATE session SET number = number - 1 WHERE number > 2"))
            run(text("UPDATE seat SET sessions = sessions - 1"))

    store._writer.submit(job).result(10)


def sync(store: SeatStore) -> None:
    link = store.sync.link()
    assert link is not None
    io = IoThread()
    io.submit(SyncService(store.sync, link, seat=store.seat(), on_flow=lambda flow: None).once()).result(60)
    io.close()


@pytest.mark.parametrize("cover_up", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_session_that_was_deleted_before_it_was_sent(world: World, cover_up: bool) -> None:
    with SeatStore(world.enrol("desk")) as store:
        for name in ("session-1", "session-2", "session-3"):
            record(store, name)
        take_out(store, "session-2", cover_up=cover_up)
        if cover_up:
            proof = store.proofs.prove("session-3")
            assert not proof.ok, "chain and seal say another number than the list"
        else:
            assert store.sessions.missing() == [2]
        sync(store)
    later = time.time() + counters.GRACE_S + 1
    assert world.console(lambda c: counters.sweep(c, now=later)) == 1
    rows = world.console(lambda c: audit.entries(c, "main"))
    alarms = [row for row in rows if row.action == "session_missing"]
    assert [(row.subject, row.actor[:5]) for row in alarms] == [("2", "seat-")]
