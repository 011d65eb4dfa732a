"""Two seats and a server as real processes: publish, restore, clone."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from halodesk.engine.events import NoteAdded
from halodesk.runtime.log import SessionLog
from halodesk.runtime.threads import SystemClock
from tests.sync.seats import Seat, expected_and_held, sync_by_command
from tests.sync.world import COMMAND, SAMPLE, Announced, World, recorder

PUSHED_S = 10.0
"""By far less than the next look at the catalogue; `make bench` measures how long it takes."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


def test_a_version_is_pushed_to_both_seats(world: World) -> None:
    seats = [Seat(world, world.enrol(name), sessions=1, events=3) for name in ("one", "two")]
    try:
        for seat in seats:
            seat.start()
            seat.wait_for("connected", True)
        for version in (1, 2, 3):
            begun = time.time()
            outcome = world.publish()
            assert (outcome.version, outcome.seats) == (version, 2)
            for seat in seats:
                assert seat.wait_for("version", version)["at"] - begun < PUSHED_S
    finally:
        for seat in seats:
            seat.child.kill()


@pytest.mark.slow
def test_a_server_restored_from_an_old_backup_gets_everything_again(world: World, tmp_path: Path) -> None:
    folder = world.enrol("one")
    with recorder(folder) as seat:
        for _ in range(3):
            seat.session(150)
    sync_by_command(folder)
    world.stop()
    files = [file for file in world.server_folder.glob("server.db*") if file.is_file()]
    backup = {file: file.read_bytes() for file in files}
    world.start()
    with recorder(folder) as seat:
        for _ in range(4):
            seat.session(120)
    sync_by_command(folder)
    assert len(world.held()) == 7
    world.stop()
    for file in world.server_folder.glob("server.db*"):
        file.unlink()
    for file, data in backup.items():
        file.write_bytes(data)
    assert len(world.held()) == 3
    world.start()
    sync_by_command(folder)
    expected, held = expected_and_held(world, folder)
    assert held == expected
    assert len(held) == 7


def test_a_cloned_seat_is_noticed(world: World, tmp_path: Path) -> None:
    """Two machines from one image: the same keys, the same session, two histories."""
    folder = world.enrol("one")
    clone = tmp_path / "clone"
    with recorder(folder) as seat:
        session = seat.session(20, ended=False)
    shutil.copytree(folder, clone)
    for place in (folder, clone):
        with recorder(place) as seat:
            rows = seat.store.sessions.events(session)
            log = SessionLog(
                session=session, seat=seat.seat, clock=SystemClock(), seq=rows[-1].seq, head=rows[-1].head
            )
            seat.store.append(log.stamp([NoteAdded(text=place.name)], flow="flow", version=3)).result(10)
    sync_by_command(folder)
    done = subprocess.run(
        [*COMMAND, "seat", "sync", "--data", str(clone), "--json"], capture_output=True, check=False
    )
    assert done.returncode == 1
    status = subprocess.run(
        [*COMMAND, "seat", "status", "--data", str(clone), "--json"], capture_output=True, check=False
    )
    assert [one["code"] for one in json.loads(status.stdout)["refused"]] == ["fork"]
    audit = subprocess.run(
        [*COMMAND, "server", "audit", "--data", str(world.server_folder)], capture_output=True, check=True
    )
    assert b"refused fork" in audit.stdout


def halodesk(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does."""
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_commands_from_nothing_to_a_published_flow(tmp_path: Path) -> None:
    keys, data, seat = tmp_path / "keys", tmp_path / "server", tmp_path / "seat"
    refused = halodesk("server", "token", "--team", "red", "--data", data)
    assert (refused.returncode, "new-publisher" in refused.stderr) == (1, True)
    assert halodesk("keys", "new-publisher", "anna", "--keys", keys).returncode == 0
    assert "names anna" in halodesk("server", "trust", keys / "main.trust", "--data", data).stdout
    token = halodesk("server", "token", "--team", "red", "--data", data).stdout.strip()
    server = Announced([*COMMAND, "server", "--data", str(data), "--port", "0"], log=tmp_path / "log")
    url = f"http://127.0.0.1:{server.start()['port']}"
    try:
        done = halodesk("seat", "enroll", url, token, "--data", seat)
        assert "belongs to main, team red" in done.stdout, done.stderr
        publish = ("flow", "publish", SAMPLE, "--server", url, "--keys", keys)
        assert "no key publisher" in halodesk(*publish).stderr
        assert "version 1" in halodesk(*publish, "--as", "anna").stdout
        assert "version 2" in halodesk(*publish, "--as", "anna").stdout
        assert "Done." in halodesk("seat", "sync", "--data", seat).stdout
        back = halodesk("flow", "rollback", "supplement-order", "--to", "1", "--server", url, "--keys", keys,
                        "--as", "anna")  # fmt: skip
        assert "version 1" in back.stdout, back.stderr
        assert halodesk("seat", "sync", "--data", seat).returncode == 0
        assert "supplement-order, version 1" in halodesk("seat", "status", "--data", seat).stdout
        assert halodesk("server", "audit", "--data", data).stdout.rstrip().endswith("The chain holds.")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bind", "192.0.2.1"), "over TLS only"),
        (("--bind", "nowhere"), "no address"),
        (("--certificate", __file__), "belong together"),
        (("--certificate", __file__, "--key", __file__), "cannot be used"),
        (("--database", "mysql://x/y"), "no address of a database"),
        (("--database", "postgresql://127.0.0.1:1/x"), "cannot be used"),
    ],
)
def test_a_server_that_cannot_start_says_why(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = halodesk("server", "--data", tmp_path, "--port", "0", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
