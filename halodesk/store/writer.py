"""The one writer of the seat's database: a thread, a queue, futures.

Rules:
- Jobs run in the order they were given, several in one transaction (group commit). Chatter
  waits at most 200 ms for company, an urgent job commits at once.
- A future is done only after the commit is on disk (`synchronous=FULL`).
- When the disk is full or away, nothing is dropped: the batch is rolled back and tried again
  until it goes through; `on_state` says so in words. Jobs are pure functions of a
  connection, so running one again is safe.
- A job that fails for another reason fails alone; the others of its batch still commit.
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
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from halodesk.engine.errors import StoreError
from halodesk.runtime.ports import StorageState

Job = Callable[[Connection], Any]

GROUP_S = 0.2
RETRY_S = 0.5
_DISK = (
    "disk is full",
    "disk i/o error",
    "readonly database",
    "unable to open database",
    "database is locked",
)

_log = structlog.get_logger("store")


class _Item:
    def __init__(self, job: Job, urgent: bool) -> None:
        self.job = job
        self.urgent = urgent
        self.future: Future[Any] = Future()


class Writer:
    """Runs jobs on the database; `on_state` is called from the writer's thread."""

    def __init__(self, engine: Engine, on_state: Callable[[StorageState], None]) -> None:
        self._engine = engine
        self._on_state = on_state
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="db", daemon=True)
        self._thread.start()

    def submit(self, job: Job, *, urgent: bool = True) -> Future[Any]:
        """Queue a job; the future gives its value once it is durable."""
        item = _Item(job, urgent)
        self._queue.put(item)
        return item.future

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is queued and stop. False: something could not be written in time."""
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
            except DatabaseError as error:
                if not self._is_disk(error):
                    self._one_by_one(batch)
                    return
                self._tell_failed(error)
                if self._stopping.wait(RETRY_S):
                    refused = StoreError("The last input could not be saved.", "Free space on the disk.")
                    for item in batch:
                        item.future.set_exception(refused)
                    return
                continue
            except (SQLAlchemyError, StoreError):
                self._one_by_one(batch)
                return
            if self._failed:
                self._failed = False
                self._on_state(StorageState())
            for item, value in zip(batch, results, strict=True):
                item.future.set_result(value)
            return

    def _transaction(self, batch: list[_Item]) -> list[Any]:
        with self._engine.connect() as connection, connection.begin():
            return [item.job(connection) for item in batch]

    def _one_by_one(self, batch: list[_Item]) -> None:
        for item in batch:
            if len(batch) > 1:
                self._write([item])
                continue
            try:
                item.future.set_result(self._transaction([item])[0])
            except (SQLAlchemyError, StoreError) as error:
                _log.error("job_failed", error=type(error).__name__)
                item.future.set_exception(
                    error
                    if isinstance(error, StoreError)
                    else StoreError("The database refused an entry.", "Report it.")
                )

    def _is_disk(self, error: DatabaseError) -> bool:
        words = str(error.orig).lower()
        return any(sign in words for sign in _DISK)

    def _tell_failed(self, error: DatabaseError) -> None:
        if not self._failed:
            _log.error("storage_failed", reason=str(error.orig))
        self._failed = True
        self._on_state(
            StorageState(
                state="failed",
                message="The disk does not take what you enter: it is full or not writable.",
                todo="Free some space. Nothing is lost: HaloDesk keeps it in memory and tries again.",
            )
        )
