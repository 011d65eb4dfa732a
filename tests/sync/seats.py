"""Seats in processes of their own."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

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

    def kill(self) -> None:
        """Kill it, and hear out what it had said."""
        if self.child.process is not None:
            self.child.process.kill()
            self.listener.join(10)
        self.child.kill()

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
