"""A disk image on two machines: the second history is refused as a fork, whatever it is called."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from halodesk.server import audit
from halodesk.store.seat_store import SeatStore
from tests.security.test_02_deleted_session import record, sync
from tests.sync.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


def test_a_copied_seat_records_a_session_of_its_own(world: World) -> None:
    folder = world.enrol("desk")
    with SeatStore(folder) as store:
        record(store, "session-1")
        sync(store)
    clone = folder.with_name("clone")
    shutil.copytree(folder, clone)
    with SeatStore(folder) as store:
        record(store, "session-of-the-original")
        sync(store)
        assert store.sync.refused() == []
    with SeatStore(clone) as store:
        record(store, "session-of-the-copy")
        sync(store)
        (refused,) = store.sync.refused()
        assert (refused.session, refused.code) == ("session-of-the-copy", "fork")
        assert "another session 2 of this seat" in refused.words
        assert store.sessions.find("session-of-the-copy").status == "ended", "nothing is lost here"
    assert b"session-of-the-copy" not in b"".join(world.held().values())
    told = [row for row in world.console(lambda c: audit.entries(c, "main")) if row.action == "refused fork"]
    assert [row.subject for row in told] == ["session-of-the-copy"]
