"""Disks that fill: at the server and at the seat. Nothing is acknowledged that is not stored."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from halodesk.crypto.signing import SigningKey
from halodesk.protocol import log_lines
from halodesk.protocol.sync import Receipt
from halodesk.runtime.log import verify
from halodesk.sync import address
from halodesk.sync.client import Credentials, ServerClient
from tests.e2e.small_disk import TmpfsDisk, may_mount, small_disk
from tests.server.pieces import Maker
from tests.sync.seats import Seat, expected_and_held, sync_by_command
from tests.sync.world import World, recorder

pytestmark = [pytest.mark.skipif(not may_mount(), reason="no tmpfs can be mounted here")]


ROOM = 24 * 1024 * 1024
"""More than the database's own log grows to before it is emptied (4 MB)."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TmpfsDisk]:
    with small_disk("tmpfs", tmp_path / "small", size=ROOM) as made:
        assert isinstance(made, TmpfsDisk)
        yield made


@pytest.fixture
def small_server(tmp_path: Path, disk: TmpfsDisk) -> Iterator[World]:
    """A server whose data folder is on the small disk."""
    (tmp_path / "world").mkdir()
    os.symlink(disk.folder, tmp_path / "world" / "server")
    world = World(tmp_path / "world")
    world.start()
    yield world
    world.stop()


def test_a_full_server_says_so_and_acknowledges_nothing_it_has_not(
    small_server: World, disk: TmpfsDisk
) -> None:
    """Uploads until the disk is full and beyond: 200 means stored, all else is 503 in words."""
    with recorder(small_server.enrol("one")) as seat:
        maker = Maker(seat.seat)
        maker.key = SigningKey(seat.link.sign_seed)
    who = Credentials(
        tenant="main", role="seat", subject=seat.seat, key=maker.key, server_key=small_server.identity.public
    )

    async def token() -> str:
        async with ServerClient(small_server.url, address.trusting(b""), who) as client:
            return await client.token()

    headers = {"Authorization": f"Bearer {asyncio.run(token())}"}
    acknowledged: dict[str, bytes] = {}

    def upload(http: httpx.Client) -> httpx.Response:
        rows = maker.session(60, ended=True)
        chunk = maker.chunk(rows, 1, 60)
        answer = http.post("/v1/ingest", content=msgspec.json.encode(chunk), headers=headers)
        if answer.status_code == 200:
            assert msgspec.json.decode(answer.content, type=Receipt).head == chunk.head
            acknowledged[chunk.sid] = chunk.body.encode()
        return answer

    with httpx.Client(base_url=small_server.url, timeout=30) as http:
        assert upload(http).status_code == 200
        disk.fill()
        refused = [upload(http) for _ in range(5)]
        full = [answer for answer in refused if answer.status_code != 200]
        assert full, "the disk took everything"
        for answer in full:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "15"
            assert "disk is full" in answer.json()["message"]
            assert "free some space" in answer.json()["todo"]
        assert http.get("/healthz").status_code == 200
        before = dict(acknowledged)
        disk.free()
        after = upload(http)
        assert after.status_code == 200, after.text
    held = small_server.held()
    assert held == acknowledged
    assert len(before) < len(held)
    small_server.kill()
    small_server.start()
    assert small_server.held() == acknowledged


def test_a_server_that_fills_while_seats_send_gets_all_of_it_later(
    small_server: World, disk: TmpfsDisk
) -> None:
    folder = small_server.enrol("one")
    seat = Seat(small_server, folder, sessions=6, events=120, pause_s=0.001)
    seat.start()
    try:
        seat.wait_for("session")
        disk.fill()
        said = seat.wait_for("waits")
        assert "disk is full" in said["message"]
        disk.free()
        seat.child.nudge()
        for _ in range(5):
            seat.wait_for("session")
    finally:
        seat.kill()
    sync_by_command(folder)
    expected, held = expected_and_held(small_server, folder)
    assert held == expected
    assert len(held) == 6


def test_a_seat_whose_disk_fills_while_it_records_and_sends(tmp_path: Path, disk: TmpfsDisk) -> None:
    """What the agent did waits in memory, what was confirmed is on disk, and all of it arrives once."""
    world = World(tmp_path / "world")
    world.start()
    folder = disk.folder / "one"
    try:
        os.symlink(disk.folder, tmp_path / "world" / "place")
        assert world.enrol("place/one").resolve() == folder.resolve()
        seat = Seat(world, folder, sessions=4, events=150, pause_s=0.002)
        seat.start()
        try:
            seat.wait_for("kept")
            disk.fill()
            said = seat.wait_for("storage", "failed")
            assert "it is full or not writable" in said["message"]
            disk.free()
            seat.wait_for("storage", "saved")
            names = {seat.wait_for("session")["session"] for _ in range(4)}
        finally:
            seat.kill()
        sync_by_command(folder)
        expected, held = expected_and_held(world, folder)
        assert held == expected
        assert set(held) == names
        for lines in held.values():
            rows = [row for _, row in log_lines.read(lines)]
            assert len(rows) == 150
            assert verify(rows[0].session, rows, closed=True).ok
    finally:
        world.stop()
