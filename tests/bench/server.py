"""Server and sync: publish to seat, ingest through HTTP against a bare insert, events lost over kills."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import msgspec
import psycopg
import zstandard

from halodesk.crypto.signing import SigningKey
from halodesk.protocol.sync import Chunk
from halodesk.sync import address
from halodesk.sync.client import Credentials, ServerClient
from tests.bench.measure import Figure, figure
from tests.chaos.storm import Storm
from tests.server.pieces import Maker
from tests.server.postgres import Postgres, binaries
from tests.sync.seats import Seat
from tests.sync.world import World, recorder

RUNS = 9
SEATS = 8
PIECES = 25
"""Of each seat and run: under the burst it may send at once."""
EVENTS = 100
KILLS = 100

WARM, ROUNDS = 2, 9
"""Rounds before it counts, and that count."""

Upload = tuple[str, bytes]
"""A token and a packed body."""
Insert = Callable[[Sequence[Chunk], int], float]


def figures() -> Iterator[Figure]:
    """Publish to seat, ingest on SQLite and PostgreSQL, kills."""
    with tempfile.TemporaryDirectory() as folder:
        yield _publish(Path(folder))
    yield from _ingest("SQLite", "")
    found = binaries()
    if found is not None:
        cluster = Postgres(found, durable=True)
        try:
            yield from _ingest("PostgreSQL", cluster.database("bench"))
        finally:
            cluster.close()
    with _world() as world:
        seed = secrets.randbelow(1_000_000)
        toll = Storm(world, seed=seed).rage(KILLS)
    acts = ", ".join(f"{number} {act}" for act, number in sorted(toll.acts.items()))
    yield figure(
        "events lost or doubled over kills of seats and server",
        [sum(toll.harm)],
        "events",
        goal="0",
        met=lambda value: value == 0,
        note=f"{acts}; {toll.sessions} sessions, {toll.events} events, seed {seed}",
    )


@contextmanager
def _world(database_url: str = "") -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), database_url=database_url)
        world.start()
        try:
            yield world
        finally:
            world.stop()


def _publish(folder: Path) -> Figure:
    world = World(folder)
    world.start()
    seats = [Seat(world, world.enrol(name), sessions=0, events=0) for name in ("one", "two")]
    spent = []
    try:
        for seat in seats:
            seat.start()
        deadline = time.monotonic() + 20
        while world.publish().seats < len(seats) and time.monotonic() < deadline:
            time.sleep(0.2)
        for _ in range(RUNS):
            begun = time.time()
            version = world.publish().version
            spent.append((max(seat.wait_for("version", version)["at"] for seat in seats) - begun) * 1e3)
    finally:
        for seat in seats:
            seat.child.kill()
        world.stop()
    return figure(
        "publish to both of two seats, from signing to installed",
        spent,
        "ms",
        goal="< 1000",
        met=lambda value: value < 1000,
    )


def _ingest(name: str, database_url: str) -> Iterator[Figure]:
    """The same rows three times in each round, in turns: with the bare driver one by one, with it in
    groups as large as the server can make them, and through HTTP. All are on disk when they are done.

    The disk decides about the first, the processor about the last: their ratio is the disk's as much as
    ours. The second costs the disk what the server costs it.
    """
    single, grouped, rates = [], [], []
    with _world(database_url) as world, _bare(world.folder, database_url) as bare:
        makers = [_maker(world, f"seat{number}") for number in range(SEATS)]
        for turn in range(-WARM, ROUNDS):
            uploads, rows = _prepare(makers)
            spent: dict[str, float] = {}
            for number in range(3):
                way = ("single", "grouped", "http")[(turn + number) % 3]
                if way == "http":
                    spent[way] = asyncio.run(_through_http(world.url, uploads))
                else:
                    spent[way] = bare(rows, 1 if way == "single" else SEATS)
            if turn >= 0:
                single.append(spent["single"] / spent["http"])
                grouped.append(spent["grouped"] / spent["http"])
                rates.append(len(rows) / spent["http"])
    note = (
        f"{statistics.median(rates):.0f} pieces of {EVENTS} events a second, "
        "client and server on this machine"
    )
    what = "ingest through HTTP as a share of a bare insert"
    yield figure(f"{what}, {name}, {SEATS} rows a commit", grouped, "ratio", note=note)
    yield figure(f"{what}, {name}, one row a commit", single, "ratio")


def _maker(world: World, name: str) -> tuple[Maker, str]:
    with recorder(world.enrol(name)) as seat:
        maker = Maker(seat.seat)
        maker.key = SigningKey(seat.link.sign_seed)
    who = Credentials(
        tenant="main", role="seat", subject=seat.seat, key=maker.key, server_key=world.identity.public
    )

    async def token() -> str:
        async with ServerClient(world.url, address.trusting(b""), who) as client:
            return await client.token()

    return maker, asyncio.run(token())


def _prepare(makers: Sequence[tuple[Maker, str]]) -> tuple[list[list[Upload]], list[Chunk]]:
    uploads, chunks = [], []
    for maker, token in makers:
        rows = maker.session(PIECES * EVENTS)
        own = [maker.chunk(rows, first, first + EVENTS - 1) for first in range(1, PIECES * EVENTS, EVENTS)]
        packer = zstandard.ZstdCompressor()
        uploads.append([(token, packer.compress(msgspec.json.encode(chunk))) for chunk in own])
        chunks += own
    return uploads, chunks


async def _through_http(url: str, uploads: list[list[Upload]]) -> float:
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:

        async def seat(own: list[Upload]) -> None:
            for token, body in own:
                headers = {"Authorization": f"Bearer {token}", "Content-Encoding": "zstd"}
                answer = await http.post("/v1/ingest", content=body, headers=headers)
                answer.raise_for_status()

        begun = time.perf_counter()
        await asyncio.gather(*(seat(own) for own in uploads))
        return time.perf_counter() - begun


_COLUMNS = "tenant, session, first_seq, last_seq, head, signature, received_at, body"


def _values(chunk: Chunk, group: int) -> tuple[object, ...]:
    body = chunk.body.encode()
    return (
        f"{chunk.tenant}{group}",
        chunk.sid,
        chunk.first,
        chunk.last,
        chunk.head,
        chunk.signature,
        0,
        body,
    )


@contextmanager
def _bare(folder: Path, url: str) -> Iterator[Insert]:
    """Inserts rows with the bare driver, so many in a commit, each commit on disk; gives the seconds."""
    if url:
        with psycopg.connect(url, autocommit=True) as postgres:
            postgres.execute("CREATE TABLE bare (LIKE session_chunk INCLUDING ALL)")
            statement = f"INSERT INTO bare ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"  # noqa: S608  # our own words
            yield partial(_insert, postgres.execute, statement)
            postgres.execute("DROP TABLE bare")
        return
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"CREATE TABLE chunk ({_COLUMNS}, PRIMARY KEY (tenant, session, first_seq))")
    yield partial(_insert, connection.execute, "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
    connection.close()


def _insert(execute: Callable[..., object], statement: str, rows: Sequence[Chunk], group: int) -> float:
    values = [_values(row, group) for row in rows]
    begun = time.perf_counter()
    for start in range(0, len(values), group):
        if group > 1:
            execute("BEGIN")
        for row in values[start : start + group]:
            execute(statement, row)
        if group > 1:
            execute("COMMIT")
    return time.perf_counter() - begun
