"""Disks that fill: at the server and at the seat. Nothing is acknowledged that is not stored."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
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
from tests.server.postgres import Postgres, binaries
from tests.sync.seats import Seat, expected_and_held, sync_by_command
from tests.sync.world import World, recorder

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not may_mount(), reason="no tmpfs can be mounted here")]


ROOM = 24 * 1024 * 1024
"""More than the database's own log grows to before it is emptied (4 MB)."""
POSTGRES_ROOM = 160 * 1024 * 1024


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


class Uploader:
    """A seat that uploads whole sessions and remembers which of them were acknowledged."""

    def __init__(self, world: World) -> None:
        with recorder(world.enrol("one")) as seat:
            self._maker = Maker(seat.seat)
            self._maker.key = SigningKey(seat.link.sign_seed)
        who = Credentials(
            tenant="main",
            role="seat",
            subject=seat.seat,
            key=self._maker.key,
            server_key=world.identity.public,
        )

        async def token() -> str:
            async with ServerClient(world.url, address.trusting(b""), who) as client:
                return await client.token()

        self._headers = {"Authorization": f"Bearer {asyncio.run(token())}"}
        self._http = httpx.Client(base_url=world.url, timeout=30)
        self.acknowledged: dict[str, bytes] = {}

    def upload(self) -> httpx.Response:
        """One session; the answer."""
        rows = self._maker.session(60, ended=True)
        chunk = self._maker.chunk(rows, 1, 60)
        answer = self._http.post("/v1/ingest", content=msgspec.json.encode(chunk), headers=self._headers)
        if answer.status_code == 200:
            assert msgspec.json.decode(answer.content, type=Receipt).head == chunk.head
            self.acknowledged[chunk.sid] = chunk.body.encode()
        return answer

    def until_full(self) -> None:
        """Uploads until the disk is full and beyond: 200 means stored, all else is 503 in words."""
        refused = [answer for answer in (self.upload() for _ in range(40)) if answer.status_code != 200]
        assert refused, "the disk took everything"
        for answer in refused:
            assert answer.status_code == 503
            assert "Nothing is lost" in answer.json()["todo"]
            assert float(answer.headers["Retry-After"]) > 0
        assert any("disk is full" in answer.json()["message"] for answer in refused)
        assert any("free some space" in answer.json()["todo"] for answer in refused)
        assert self._http.get("/healthz").status_code == 200

    def close(self) -> None:
        self._http.close()


def test_a_full_server_says_so_and_acknowledges_nothing_it_has_not(
    small_server: World, disk: TmpfsDisk, request: pytest.FixtureRequest
) -> None:
    seat = Uploader(small_server)
    request.addfinalizer(seat.close)
    assert seat.upload().status_code == 200
    disk.fill()
    seat.until_full()
    before = len(seat.acknowledged)
    disk.free()
    after = seat.upload()
    assert after.status_code == 200, after.text
    assert small_server.held() == seat.acknowledged
    assert len(seat.acknowledged) == before + 1
    small_server.kill()
    small_server.start()
    assert small_server.held() == seat.acknowledged


@pytest.mark.xdist_group("postgres")
def test_a_full_disk_under_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """PostgreSQL may give up where its own log cannot grow: whoever runs it starts it again."""
    found = binaries()
    if found is None:
        pytest.skip("no PostgreSQL here")
    place = Path(tempfile.mkdtemp(prefix="halodesk-full-"))  # PostgreSQL's own user may not enter tmp_path
    place.chmod(0o711)
    request.addfinalizer(lambda: shutil.rmtree(place, ignore_errors=True))
    with small_disk("tmpfs", place / "small", size=POSTGRES_ROOM) as disk:
        assert isinstance(disk, TmpfsDisk)
        disk.folder.chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
        cluster = Postgres(found, durable=True)
        monkeypatch.undo()
        request.addfinalizer(cluster.close)
        world = World(tmp_path / "world", database_url=cluster.database("full"))
        world.start()
        request.addfinalizer(world.stop)
        seat = Uploader(world)
        request.addfinalizer(seat.close)
        assert seat.upload().status_code == 200
        disk.fill()
        seat.until_full()
        disk.free()
        cluster.kill()
        cluster.start()
        answers = [seat.upload().status_code for _ in range(12)]  # torn connections are noticed one by one
        assert answers[-1] == 200
        assert set(answers) <= {200, 503}
        assert world.held() == seat.acknowledged
        world.stop()
        cluster.close()


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
