"""The list of key holders on its way to a seat: from the server, signed by the root, never an older one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from halodesk.crypto.holder_file import new_holder
from halodesk.engine.errors import HaloDeskError
from halodesk.runtime import settings as s
from halodesk.selftest.holders import holders as doctor
from halodesk.server import tables as t
from halodesk.server import tenants
from halodesk.sync.service import SyncService
from tests.fakes.holders import Circle
from tests.fakes.unsealing import Parlour
from tests.sync.world import Recorder, World, recorder

FLOWS = Path(__file__).resolve().parents[2] / "resources" / "flows"
SEALING = str(FLOWS / "insurance-eligibility.flow.json")
PLAIN = str(FLOWS / "rider-survey.flow.json")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def parlour(world: World) -> Parlour:
    return Parlour(world)


def sync(seat: Recorder) -> list[HaloDeskError]:
    """Take all there is; what was refused."""
    refused: list[HaloDeskError] = []
    link = seat.link
    service = SyncService(
        seat.store.sync,
        link,
        seat=seat.seat,
        on_flow=lambda flow: None,
        on_refused=refused.append,
        on_holders=lambda data: seat.store.holders.take(data, link),
    )
    asyncio.run(service.once())
    return refused


def put(world: World, data: bytes) -> None:
    """Into the catalogue, as a server does that somebody has taken over."""

    def job(connection: Any) -> None:
        cursor = tenants.next_cursor(connection, "main")
        connection.execute(
            insert(t.catalogue_event).values(
                tenant="main", cursor=cursor, kind="holders", trust=data, manifest=b"", pointer=b""
            )
        )

    world.console(job)


def version(seat: Recorder) -> int:
    kept = seat.store.holders.current()
    return kept.version if kept is not None else 0


def test_a_seat_learns_its_holders_and_every_change(world: World, parlour: Parlour) -> None:
    with recorder(world.enrol("one")) as seat:
        assert sync(seat) == []
        first = parlour.circle.data
        kept = seat.store.holders.current()
        assert kept is not None
        assert kept.data == first
        parlour.circle.admit(new_holder("carl", "Carl Claus"))
        parlour.install()
        assert sync(seat) == []
        newest = parlour.circle.list.version
        assert version(seat) == newest
        seat.store.sync.change_link(cursor=0).result(10)
        assert sync(seat) == [], "the past, read once more"
        assert version(seat) == newest
        put(world, first)
        (refused,) = sync(seat)
        assert "is older than list" in refused.message
        foreign = Circle()
        foreign.change()
        foreign.change()
        put(world, foreign.data)
        put(world, parlour.circle.data[:-9])
        forged, damaged = sync(seat)
        assert "does not fit" in forged.message
        assert "no signed metadata" in damaged.message
        assert version(seat) == newest


def test_the_doctor_says_whether_sealed_fields_can_be_kept(
    world: World, parlour: Parlour, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sealing = s.Settings(flows=(PLAIN,)), s.Settings(flows=(PLAIN, SEALING))
    assert doctor(tmp_path, plain).state == "not_checked"
    missing = doctor(tmp_path, sealing)
    assert missing.state == "problem"
    assert "knows no key holders" in missing.message
    assert "eligibility" in missing.message.lower()
    folder = world.enrol("two")
    with recorder(folder) as seat:
        sync(seat)
    good = doctor(folder, sealing)
    assert (good.state, "Anna Albers" in good.message) == ("ok", True)
    ends = parlour.circle.list.expires_at
    monkeypatch.setattr("time.time", lambda: ends - 86_400)
    assert doctor(folder, plain).state == "warning"
    monkeypatch.setattr("time.time", lambda: ends)
    assert doctor(folder, plain).state == "problem"
