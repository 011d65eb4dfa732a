"""The writer: groups, order, a full disk, and failures that stay alone."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from halodesk.engine.errors import SessionFileError, StoreError, StoreFullError
from halodesk.runtime.ports import StorageState
from halodesk.store import writer as writers
from halodesk.store.database import open_database
from halodesk.store.writer import Writer

KEY = bytes(range(32))


class States:
    """What the writer said of itself, to be waited for."""

    def __init__(self) -> None:
        self.seen: queue.SimpleQueue[StorageState] = queue.SimpleQueue()

    def __call__(self, state: StorageState) -> None:
        self.seen.put(state)

    def next(self) -> StorageState:
        return self.seen.get(timeout=20)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "seat.db", KEY)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT UNIQUE)"))
    yield engine
    engine.dispose()


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
def writer(engine: Engine, states: States) -> Iterator[Writer]:
    writer = Writer(engine, states)
    yield writer
    writer.close()


def note(words: str) -> Callable[[Connection], Any]:
    return lambda connection: (
        connection.execute(text("INSERT INTO note (words) VALUES (:words)"), {"words": words}).lastrowid
    )


def notes(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT words FROM note ORDER BY id")).scalars())


class Commits:
    """Counts transactions that were committed."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        event.listen(engine, "commit", self._committed)

    def _committed(self, connection: Connection) -> None:
        self.count += 1


def test_a_future_is_done_when_the_entry_can_be_read_by_others(writer: Writer, engine: Engine) -> None:
    assert writer.submit(note("a")).result(10) == 1
    assert notes(engine) == ["a"]


def test_jobs_run_in_their_order(writer: Writer, engine: Engine) -> None:
    futures = [writer.submit(note(f"{index}"), urgent=index % 7 == 0) for index in range(100)]
    assert [future.result(10) for future in futures] == list(range(1, 101))
    assert notes(engine) == [f"{index}" for index in range(100)]


def test_chatter_goes_in_one_transaction(
    writer: Writer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "GROUP_S", 30.0)
    commits = Commits(engine)
    futures = [writer.submit(note(f"{index}"), urgent=False) for index in range(20)]
    assert not any(future.done() for future in futures)
    assert writer.submit(note("now")).result(10) == 21
    assert [future.result(10) for future in futures] == list(range(1, 21))
    assert commits.count == 1


def test_chatter_alone_waits_no_longer_than_its_time(
    writer: Writer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "GROUP_S", 0.01)
    assert writer.submit(note("a"), urgent=False).result(10) == 1


def test_an_urgent_entry_does_not_wait(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "GROUP_S", 3600.0)
    assert writer.submit(note("a")).result(10) == 1


def test_a_job_that_fails_fails_alone(writer: Writer, engine: Engine) -> None:
    def broken(connection: Connection) -> None:
        raise KeyError("slip of the pen")

    def refused(connection: Connection) -> None:
        raise SessionFileError("This event cannot be read.")

    gate = threading.Event()
    first = writer.submit(lambda connection: gate.wait(10))
    futures = [writer.submit(job) for job in (note("a"), broken, note("a"), refused, note("b"))]
    gate.set()
    assert first.result(10)
    assert futures[0].result(10) == 1
    with pytest.raises(StoreError, match="refused an entry"):
        futures[1].result(10)
    with pytest.raises(StoreError, match="refused an entry"):
        futures[2].result(10)
    with pytest.raises(SessionFileError, match="cannot be read"):
        futures[3].result(10)
    assert futures[4].result(10) == 2
    assert notes(engine) == ["a", "b"]


def test_an_entry_cannot_be_called_off(writer: Writer) -> None:
    future = writer.submit(note("a"))
    assert not future.cancel()
    try:
        assert future.result(10) == 1
    except CancelledError:
        pytest.fail("cancelled")


class Full:
    """A disk without room: SQLite's own limit, on every connection, until `free`."""

    def __init__(self, engine: Engine) -> None:
        self.most = 1
        event.listen(engine, "checkout", self._limit)

    def _limit(self, connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count={self.most}")

    def free(self) -> None:
        """There is room again."""
        self.most = 1_000_000


def test_a_full_disk_loses_nothing(
    writer: Writer, engine: Engine, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "RETRY_S", 0.02)
    full = Full(engine)
    futures = [writer.submit(note(f"{index} " + "x" * 5000), urgent=index == 9) for index in range(10)]
    state = states.next()
    assert state.state == "failed"
    assert "disk" in state.message
    assert "Nothing is lost" in state.todo
    assert not any(future.done() for future in futures)
    assert notes(engine) == []
    futures.append(writer.submit(note("typed meanwhile")))
    assert states.next().state == "failed"
    full.free()
    assert [future.result(20) for future in futures] == list(range(1, 12))
    while (state := states.next()).state == "failed":
        pass
    assert state == StorageState()
    assert len(notes(engine)) == 11


def test_closing_on_a_full_disk_says_what_was_not_saved(
    engine: Engine, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "RETRY_S", 60.0)
    writer = Writer(engine, states)
    full = Full(engine)
    future = writer.submit(note("x" * 9000))
    assert states.next().state == "failed"
    assert writer.close()
    with pytest.raises(StoreFullError, match="could not be saved"):
        future.result(10)
    full.free()


def test_closing_writes_what_is_queued(engine: Engine, states: States) -> None:
    writer = Writer(engine, states)
    futures = [writer.submit(note(f"{index}"), urgent=False) for index in range(50)]
    assert writer.close()
    assert all(future.done() for future in futures)
    assert len(notes(engine)) == 50


def test_after_closing_an_entry_is_refused_in_words(engine: Engine, states: States) -> None:
    writer = Writer(engine, states)
    assert writer.close()
    assert writer.close(), "twice is no harm"
    with pytest.raises(StoreError, match="closed already"):
        writer.submit(note("a")).result(10)


def test_readers_see_whole_transactions_while_it_writes(writer: Writer, engine: Engine) -> None:
    stop = threading.Event()
    odd: list[int] = []

    def pair(index: int) -> Callable[[Connection], Any]:
        def job(connection: Connection) -> None:
            note(f"{index} a")(connection)
            note(f"{index} b")(connection)

        return job

    def read() -> None:
        while not stop.is_set():
            count = len(notes(engine))
            if count % 2:
                odd.append(count)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    futures = [writer.submit(pair(index)) for index in range(60)]
    for future in futures:
        future.result(20)
    stop.set()
    for reader in readers:
        reader.join(10)
    assert odd == []
    assert len(notes(engine)) == 120
