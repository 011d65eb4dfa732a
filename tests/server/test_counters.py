"""A session that never came is noticed: gaps, their alarm, and what fills them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from halodesk.protocol.sync import RefusedError
from halodesk.runtime.log import SessionLog
from halodesk.runtime.threads import SystemClock
from halodesk.server import audit, counters, tenants
from halodesk.server import audit_tables as a
from halodesk.server.counters import GRACE_S
from halodesk.server.database import Database
from halodesk.server.ingest import accept
from tests.server.pieces import Maker, some_events

NOW = 1_800_000_000.0


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def count(database: Database, *numbers: int, at: float = NOW) -> None:
    for number in numbers:
        job = partial(counters.count, tenant="main", seat="seat-one", number=number, now=at)
        run(database.write(job))


def sweep(database: Database, at: float) -> int:
    return int(run(database.write(partial(counters.sweep, now=at))))


def alarms(database: Database) -> list[tuple[str, str]]:
    rows = run(database.read(lambda connection: audit.entries(connection, "main")))
    return [(row.action, row.subject) for row in rows if row.action.startswith("session_")]


@pytest.fixture
def ready(database: Database) -> Database:
    run(database.write(partial(tenants.ensure_tenant, tenant="main")))
    return database


def test_a_gap_is_an_alarm_after_a_while_and_once(ready: Database) -> None:
    count(ready, 1, 2, 5)
    assert sweep(ready, NOW + GRACE_S - 1) == 0, "sessions may overtake each other"
    assert sweep(ready, NOW + GRACE_S) == 2
    assert sweep(ready, NOW + 9 * GRACE_S) == 0
    assert alarms(ready) == [("session_missing", "3"), ("session_missing", "4")]
    assert run(ready.read(lambda c: audit.broken_at(c, "main"))) is None


def test_one_that_comes_late_fills_its_gap(ready: Database) -> None:
    count(ready, 1, 3, 2, 2)
    assert sweep(ready, NOW + GRACE_S) == 0
    count(ready, 5)
    sweep(ready, NOW + GRACE_S)
    count(ready, 4, at=NOW + 2 * GRACE_S)
    assert alarms(ready) == [("session_missing", "4"), ("session_found", "4")]


def test_the_first_that_never_came(ready: Database) -> None:
    count(ready, 2)
    assert sweep(ready, NOW + GRACE_S) == 1


def test_a_leap_is_bounded(ready: Database) -> None:
    count(ready, 1, 2**40)
    rows = run(ready.read(lambda c: c.execute(select(a.session_gap.c.number)).all()))
    assert len(rows) == counters.MOST


class Numbered(Maker):
    made = 0


def piece(maker: Numbered, number: int) -> Any:
    log = SessionLog(
        session=f"session-{number}-{id(maker):x}-{maker.made}",
        seat="seat-one",
        clock=SystemClock(),
        number=lambda: number,
    )
    maker.made += 1
    return maker.piece(log.stamp(some_events(2, ended=True), flow="flow", version=3), 1, 2)


def test_two_sessions_of_one_number_are_a_copied_seat(ready: Database) -> None:
    maker = Numbered()
    first = piece(maker, 7)
    assert run(accept(ready, maker.holder, first)) is False
    assert run(accept(ready, maker.holder, first)) is True, "the same again is no copy"
    with pytest.raises(RefusedError) as refused:
        run(accept(ready, maker.holder, piece(maker, 7)))
    assert (refused.value.status, refused.value.problem.code) == (422, "fork")
    other = Numbered("seat-two")
    log = SessionLog(session="of-another", seat="seat-two", clock=SystemClock(), number=lambda: 7)
    rows = log.stamp(some_events(2), flow="flow", version=3)
    assert run(accept(ready, other.holder, other.piece(rows, 1, 2))) is False, "each seat counts for itself"


def test_a_seat_of_before_is_counted_from_here_on(ready: Database) -> None:
    maker = Maker()
    rows = maker.session(2)
    assert run(accept(ready, maker.holder, maker.piece(rows, 1, 2))) is False
    count(ready, 500, 502)
    assert sweep(ready, NOW + GRACE_S) == 1
    assert alarms(ready) == [("session_missing", "501")]
