"""Seats in processes of their own, and a killer of processes."""

from __future__ import annotations

import json
import queue
import random
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from tests.sync.world import COMMAND, Announced, World, recorder


class Seat:
    """A seat process and what it says."""

    def __init__(
        self, world: World, folder: Path, *, sessions: int, events: int, pause_s: float = 0.0
    ) -> None:
        self.folder = folder
        self.child: Announced = world.seat_process(folder, sessions=sessions, events=events, pause_s=pause_s)
        self.said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.listener = threading.Thread()
        """Ends when all it said has been heard."""

    def start(self) -> None:
        """Start it and listen to it."""
        self.child.start()
        assert self.child.process is not None
        self.listener = threading.Thread(target=self._listen, args=(self.child.process,), daemon=True)
        self.listener.start()

    def wait_for(self, key: str, value: Any = None, timeout_s: float = 30.0) -> dict[str, Any]:
        """The next thing it says with that key."""
        deadline = time.monotonic() + timeout_s
        while True:
            said = self.said.get(timeout=max(0.01, deadline - time.monotonic()))
            if key in said and value in (None, said[key]):
                return said

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with suppress(ValueError, OSError):  # killed in the middle of a line
            for line in process.stdout:
                self.said.put(json.loads(line))


def expected_and_held(world: World, *folders: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What the seats recorded, and what the server holds."""
    expected: dict[str, bytes] = {}
    for folder in folders:
        with recorder(folder) as seat:
            expected |= seat.lines()
            assert seat.store.sync.refused() == []
    return expected, world.held()


def sync_by_command(folder: Path) -> None:
    """`halodesk seat sync`, until nothing waits."""
    for _ in range(10):
        done = subprocess.run(
            [*COMMAND, "seat", "sync", "--data", str(folder), "--json"], capture_output=True, check=False
        )
        if done.returncode == 0 and json.loads(done.stdout)["waiting_sessions"] == 0:
            return
    raise AssertionError(done.stdout + done.stderr)


class Toll(msgspec.Struct, frozen=True, kw_only=True):
    """What was recorded, and what of it the server has not, or has otherwise. All in events."""

    kills: int
    sessions: int
    events: int
    lost: int
    other: int


def kills(world: World, count: int, *, seed: int, also: Callable[[], None] | None = None) -> Toll:
    """Two seats record and push while seats and server, and what `also` kills, die at random moments."""
    chance = random.Random(seed)
    folders = [world.enrol(name) for name in ("one", "two")]
    running: dict[int, Seat] = {}
    for _ in range(count):
        for index in {0, 1} - running.keys():
            running[index] = Seat(
                world, folders[index], sessions=50, events=chance.randint(2, 150), pause_s=0.0005
            )
            running[index].start()
        time.sleep(chance.uniform(0.0, 0.5))
        victim = chance.choice([0, 1, 2, 3] if also else [0, 1, 2])
        if victim in running:
            running.pop(victim).child.kill()
        elif victim == 2:
            world.kill()
            time.sleep(chance.uniform(0.0, 0.3))
            world.start()
        elif also is not None:
            also()
    for seat in running.values():
        seat.child.kill()
    for folder in folders:
        sync_by_command(folder)
    expected, held = expected_and_held(world, *folders)
    return Toll(
        kills=count,
        sessions=len(expected),
        events=sum(lines.count(b"\n") for lines in expected.values()),
        lost=sum(lines.count(b"\n") for session, lines in expected.items() if session not in held),
        other=sum(lines.count(b"\n") for session, lines in held.items() if expected.get(session) != lines),
    )
