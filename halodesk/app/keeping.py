"""Lets recordings go whose time is over: soon after the start, then every few hours, on a thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import structlog

from halodesk.runtime.settings import Retention
from halodesk.store.retention import Sweeper
from halodesk.store.seat_store import SeatStore

FIRST_S = 60.0
"""Not while the window opens."""
EVERY_S = 6 * 3600.0

_log = structlog.get_logger("retention")


class Keeping:
    """Close it before the store. Where all is kept for ever it finishes what was begun, and no more."""

    def __init__(self, store: SeatStore, rules: Retention, folder: Path) -> None:
        self._sweeper = Sweeper(store, rules, folder / "recordings", started=time.time())
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Returns when a deletion that is under way is done."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait_s = FIRST_S
        while not self._leaving.wait(wait_s):
            done = self._sweeper.run()
            if done.deleted or done.strays or done.failed:
                _log.info("retention", deleted=done.deleted, strays=done.strays, failed=done.failed)
            wait_s = EVERY_S
