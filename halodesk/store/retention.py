"""Deletes recordings whose time is over. See the rules of `recordings`.

It works on sessions that ended before this program started, for nobody else writes to their chains then.
Files without a session (a call nobody opened a flow for) go by their own age, told in the log alone.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from halodesk.crypto.recording_file import SUFFIX
from halodesk.engine.errors import HaloDeskError
from halodesk.engine.events import RecordingKept
from halodesk.runtime.log import SessionLog
from halodesk.runtime.settings import Retention
from halodesk.runtime.threads import SystemClock
from halodesk.store.recordings import KeptFile
from halodesk.store.seat_store import SeatStore

DAY_S = 86_400.0
RATE = 16_000
"""Of a recording without a sample; older releases divide by it."""
_WAIT_S = 30.0
_SUFFIXES = (SUFFIX, ".flac", ".wav")

_log = structlog.get_logger("retention")


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What one run did."""

    deleted: int = 0
    strays: int = 0
    failed: int = 0
    """Files that would not go; tried again at the next run."""


class Sweeper:
    """One seat's. `run` takes as long as it takes: not on the main thread."""

    def __init__(
        self,
        store: SeatStore,
        rules: Retention,
        folder: Path,
        *,
        started: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`folder`: of the recordings; `started`: when this program did, Unix seconds."""
        self._store, self._rules, self._folder = store, rules, folder
        self._started, self._wall = started, wall

    def run(self) -> Done:
        """Deletes what is due. Never raises: what fails is logged, and tried again next time."""
        failed = 0
        for found in self._due():
            try:
                self._tell(found)
            except HaloDeskError as error:
                failed += 1
                _log.error("recording_not_deleted", session=found.session, error=type(error).__name__)
        deleted = []
        for path in self._store.recordings.doomed():
            if shred(Path(path)):
                deleted.append(path)
                _log.info("recording_deleted", file=Path(path).name)
            else:
                failed += 1
        if deleted:
            self._store.recordings_gone(deleted).result(_WAIT_S)
        return Done(deleted=len(deleted), strays=self._strays(), failed=failed)

    def _due(self) -> list[KeptFile]:
        now = self._wall()
        return [
            found
            for found in self._store.recordings.old(self._started)
            if (days := days_of(self._rules, found)) and found.ended_at < now - days * DAY_S
        ]

    def _tell(self, found: KeptFile) -> None:
        """The fact, on disk before the file goes."""
        rows = self._store.sessions.events(found.session)
        row = self._store.sessions.find(found.session)
        log = SessionLog(
            session=found.session,
            seat=self._store.sessions.seat(),
            clock=SystemClock(),
            seq=rows[-1].seq,
            head=rows[-1].head,
        )
        fact = RecordingKept(path="", sha256=found.sha256, sample_rate=RATE, samples=0, windows=())
        stamped = log.stamp([fact], flow=row.flow, version=row.version)
        self._store.append(stamped).result(_WAIT_S)

    def _strays(self) -> int:
        days = self._rules.without_session_days
        if not days or not self._folder.is_dir():
            return 0
        known = self._store.recordings.known()
        limit = min(self._wall() - days * DAY_S, self._started)
        count = 0
        for path in sorted(self._folder.iterdir()):
            if path.suffix not in _SUFFIXES or path in known:
                continue
            try:
                old = path.stat().st_mtime < limit
                digest = hashlib.sha256(path.read_bytes()).hexdigest() if old else ""
            except OSError:
                continue
            if old and shred(path):
                count += 1
                _log.info("stray_recording_deleted", file=path.name, sha256=digest)
        return count


def days_of(rules: Retention, found: KeptFile) -> int:
    """Days this one is kept: by how its session ended, else by its flow, else like all; 0: for ever."""
    return rules.by_disposition.get(found.disposition, rules.by_flow.get(found.flow, rules.days))


def shred(path: Path) -> bool:
    """Deletes a file, its beginning overwritten first: there lies the key. Whether it is gone.

    On many disks the overwritten bytes live on for a while; only the disk's own encryption helps there.
    """
    try:
        with open(path, "r+b", buffering=0) as file:
            file.write(bytes(min(4096, path.stat().st_size)))
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return True
    except OSError as error:
        _log.error("recording_not_deleted", file=path.name, error=error.strerror)
        return False
    return True
