"""The server's database: SQLite in a file, or PostgreSQL, behind the same three calls.

Rules:
- A job is a plain function of a connection. It is all or nothing, and what it returns is told
  only after the commit is on disk.
- SQLite has one writer thread. It takes the jobs that wait, up to 16 of them, into one
  `BEGIN IMMEDIATE` transaction, each behind a savepoint, so that one sync of the disk serves
  many seats and a job that fails undoes itself only. Readers have connections of their own (WAL).
- PostgreSQL runs each job in a transaction of its own on a pool of threads; `single` says that
  the job is one statement, which then needs no BEGIN and COMMIT around it.
- A disk that is full, or a database that is away, makes a job fail with `ServerAwayError`, each in
  words of its own. It is not tried again here: the commit may have gone through, and whoever asked
  knows how to ask again.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)

from halodesk.engine.errors import StoreError
from halodesk.protocol.sync import ServerAwayError
from halodesk.server import tables as t

SCHEMA = "0006"
"""The newest migration."""
GROUP = 16
THREADS = 8
FULL_RETRY_S = 15.0
"""Room comes back when a person makes it."""
_FULL = ("disk is full", "disk i/o error", "readonly database", "no space left", "could not extend file")
EPOCH_SECONDS = 1.0
"""For so long an answer may still name the history before a failover."""

Result = TypeVar("Result")
Job = Callable[[Connection], Result]


class Database(Protocol):
    """What the rest of the server needs of a database."""

    dialect: str
    """sqlite or postgresql."""

    async def write(self, job: Job[Result], *, single: bool = False) -> Result:
        """Run a job that changes something. Raises `ServerAwayError`, and what the job raises."""
        ...

    async def read(self, job: Job[Result]) -> Result:
        """Run a job that only looks. Raises as `write`."""
        ...

    async def epoch(self) -> str:
        """Names the history the database is on: another one may lack what was acknowledged before.

        PostgreSQL: system identifier and timeline, since a promoted replica begins a new one.
        SQLite: the database's name and this start of the server, since only between two starts can
        the file be replaced by a backup.
        """
        ...

    def close(self) -> None:
        """Finish what was given and let go. Blocks."""
        ...


def open_database(folder: Path, url: str = "") -> Database:
    """The database at that PostgreSQL URL, else `server.db` in the folder; made and migrated.

    Raises `StoreError` in words. Blocks.
    """
    try:
        return _Postgres(make_url(url)) if url else _Sqlite(folder / "server.db")
    except ArgumentError:
        raise StoreError(
            "This is no address of a database.", "Write postgresql://USER:PASSWORD@HOST/NAME."
        ) from None
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise StoreError(f"The database cannot be used: {reason}.", "Check its address and rights.") from None


class _Sqlite:
    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        url = URL.create("sqlite", database=str(path))
        self._writer = _sqlite_engine(url, "BEGIN IMMEDIATE", pool_size=1)
        self._reader = _sqlite_engine(url, "BEGIN", pool_size=4)
        with self._writer.begin() as connection:
            _migrate(connection)
            name = connection.execute(select(t.server.c.id)).scalar_one()
        self._epoch = f"{name}-{secrets.token_hex(4)}"
        self._readers = ThreadPoolExecutor(4, "db-read")
        self._guard = Lock()
        self._closed = False
        self._queue: SimpleQueue[tuple[Job[Any], Future[Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="db", daemon=True)
        self._thread.start()

    async def write(self, job: Job[Result], *, single: bool = False) -> Result:
        future: Future[Result] = Future()
        with self._guard:
            if self._closed:
                raise _away()
            self._queue.put((job, future))
        return await asyncio.wrap_future(future)

    async def read(self, job: Job[Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._readers, _attempt, self._reader, job)

    async def epoch(self) -> str:
        return self._epoch

    def close(self) -> None:
        with self._guard:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self._readers.shutdown()
        self._writer.dispose()
        self._reader.dispose()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            batch = [item]
            while len(batch) < GROUP and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    self._queue.put(None)
                    break
                batch.append(item)
            self._transaction(
                [(job, future) for job, future in batch if future.set_running_or_notify_cancel()]
            )

    def _transaction(self, batch: list[tuple[Job[Any], Future[Any]]]) -> None:
        done: list[tuple[Future[Any], Any, Exception | None]] = []
        try:
            with self._writer.begin() as connection:
                for job, future in batch:
                    try:
                        with connection.begin_nested():
                            done.append((future, job(connection), None))
                    except Exception as error:
                        if _passes(error):
                            raise  # the disk, not the job: nothing of this batch is safe
                        done.append((future, None, error))
        except Exception as error:
            for _, future in batch:
                future.set_exception(_away(error) if _passes(error) else error)
            return
        for future, value, failed in done:
            if failed is not None:
                future.set_exception(failed)
            else:
                future.set_result(value)


class _Postgres:
    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        if url.get_backend_name() != "postgresql":
            raise ArgumentError
        url = url.set(drivername="postgresql+psycopg")
        self._engine = create_engine(
            url, pool_size=THREADS, max_overflow=0, pool_timeout=5, connect_args={"connect_timeout": 5}
        )
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(4806241)"))  # one process migrates
            _migrate(connection)
        self._threads = ThreadPoolExecutor(THREADS, "db")
        self._epoch, self._epoch_until = "", 0.0

    async def write(self, job: Job[Result], *, single: bool = False) -> Result:
        engine = self._single if single else self._engine
        return await asyncio.get_running_loop().run_in_executor(self._threads, _attempt, engine, job)

    async def read(self, job: Job[Result]) -> Result:
        return await self.write(job)

    async def epoch(self) -> str:
        if time.monotonic() > self._epoch_until:
            self._epoch = await self.write(_postgres_epoch, single=True)
            self._epoch_until = time.monotonic() + EPOCH_SECONDS
        return self._epoch

    def close(self) -> None:
        self._threads.shutdown()
        self._engine.dispose()


def _postgres_epoch(connection: Connection) -> str:
    query = (
        "SELECT (SELECT system_identifier FROM pg_control_system()) || '-' || "
        "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
    )
    return str(connection.execute(text(query)).scalar_one())


def _attempt(engine: Engine, job: Job[Result]) -> Result:
    try:
        with engine.begin() as connection:
            return job(connection)
    except SQLAlchemyError as error:
        raise (_away(error) if _passes(error) else error) from None


def _passes(error: Exception) -> bool:
    """Whether the database is away, full or busy, so that asking again later makes sense."""
    return isinstance(error, OperationalError | InternalError | TimeoutError)


def _away(error: Exception | None = None) -> ServerAwayError:
    kept = "Nothing is lost: the seat tries again."
    if isinstance(error, DBAPIError) and any(sign in str(error.orig).lower() for sign in _FULL):
        return ServerAwayError(
            "The server's disk is full or cannot be written.",
            f"{kept} Whoever runs the server must free some space.",
            retry_after=FULL_RETRY_S,
        )
    return ServerAwayError("The server's database does not answer.", kept, retry_after=2.0)


def _sqlite_engine(url: URL, begin: str, *, pool_size: int) -> Engine:
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=0, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver must not begin by itself, and too late
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=5000",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "secure_delete=ON",  # what a seat has had erased is not left in a free page
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext

    current = MigrationContext.configure(connection).get_current_revision() or ""
    if current > SCHEMA:
        raise StoreError("This database was written by a newer HaloDesk.", "Update HaloDesk on the server.")
    if current < SCHEMA:
        config = Config()
        config.set_main_option("script_location", "halodesk.server:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    if not current:
        connection.execute(insert(t.server).values(one=1, id=secrets.token_hex(8)))
