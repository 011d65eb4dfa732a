"""The one writer of the seat's database: a thread, a queue, futures.

Rules:
- Jobs run in the order they were given, several in one transaction (group commit). Chatter
  waits at most 200 ms for company, an urgent job commits at once.
- A future is done only after the commit is on disk (`synchronous=FULL`).
- When the disk is full or away, nothing is dropped: the batch is rolled back and tried again
  until it goes through; `on_state` says so in words. Jobs are pure functions of a
  connection, so running one again is safe.
- A job that fails for another reason fails alone; the others of its batch still commit. No
  failure of a job ends the thread.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, TimeoutError

from halodesk.engine.errors import HaloDeskError, StoreError, StoreFullError
from halodesk.runtime.ports import StorageState

Job = Callable[[Connection], Any]

GROUP_S = 0.2
RETRY_S = 0.5
_DISK = (
    "disk is full",
    "disk i/o error",
    "readonly database",
    "unable to open database",
    "is locked",
    "malformed",
    "not a database",
    "out of memory",
)

_log = structlog.get_logger("store")


class _Item:
    def __init__(self, job: Job, urgent: bool) -> None:
        self.job = job
        self.urgent = urgent
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()  # what was entered cannot be called off any more


class Writer:
    """Runs jobs on the database; `on_state` is called from the writer's thread."""

    def __init__(self, engine: Engine, on_state: Callable[[StorageState], None]) -> None:
        self._engine = engine
        self._on_state = on_state
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="db", daemon=True)
        self._thread.start()

    def submit(self, job: Job, *, urgent: bool = True) -> Future[Any]:
        """Queue a job; the future gives its value once it is durable."""
        item = _Item(job, urgent)
        with self._guard:
            if self._stopping.is_set():
                item.future.set_exception(StoreError("The database is closed already."))
            else:
                self._queue.put(item)
        return item.future

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is queued and stop. False: something could not be written in time."""
        with self._guard:
            if not self._stopping.is_set():
                self._stopping.set()
                self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            batch, last = [item], False
            urgent, until = item.urgent, time.monotonic() + GROUP_S
            while True:
                try:
                    wait = 0.0 if urgent else max(0.0, until - time.monotonic())
                    more = self._queue.get(timeout=wait) if wait else self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
                urgent = urgent or more.urgent
            self._write(batch)
            if last:
                return

    def _write(self, batch: list[_Item]) -> None:
        while True:
            try:
                results = self._transaction(batch)
            except Exception as error:
                if not _is_disk(error):
                    self._one_by_one(batch, error)
                    return
                self._tell_failed(error)
                if self._stopping.wait(RETRY_S):
                    refused = StoreFullError("The last input could not be saved.", "Free space on the disk.")
                    for item in batch:
                        item.future.set_exception(refused)
                    return
                continue
            if self._failed:
                self._failed = False
                self._on_state(StorageState())
            for item, value in zip(batch, results, strict=True):
                item.future.set_result(value)
            return

    def _transaction(self, batch: list[_Item]) -> list[Any]:
        with self._engine.connect() as connection, connection.begin():
            return [item.job(connection) for item in batch]

    def _one_by_one(self, batch: list[_Item], error: Exception) -> None:
        if len(batch) > 1:
            for item in batch:
                self._write([item])
            return
        _log.error("job_failed", error=type(error).__name__)
        words = error if isinstance(error, HaloDeskError) else StoreError("The database refused an entry.")
        batch[0].future.set_exception(words)

    def _tell_failed(self, error: Exception) -> None:
        if not self._failed:
            _log.error("storage_failed", error=type(error).__name__, reason=str(getattr(error, "orig", "")))
        self._failed = True
        self._on_state(
            StorageState(
                state="failed",
                message="The disk does not take what you enter: it is full or not writable.",
                todo="Free some space. Nothing is lost: HaloDesk keeps it in memory and tries again.",
            )
        )


def _is_disk(error: Exception) -> bool:
    """Whether it will pass by itself or once a person has helped, so that trying again makes sense."""
    if isinstance(error, TimeoutError):  # every connection is in use
        return True
    words = str(error.orig).lower() if isinstance(error, DatabaseError) else ""
    return any(sign in words for sign in _DISK)
