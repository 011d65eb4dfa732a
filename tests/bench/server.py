"""Server and sync: publish to seat, ingest through HTTP against a bare insert, events lost over kills."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from tests.server.pieces import Maker
from tests.server.postgres import Postgres, binaries
from tests.sync.seats import Seat, kills
from tests.sync.world import World, recorder

RUNS = 9
SEATS = 8
PIECES = 25
"""Of each seat and run: under the burst it may send at once."""
EVENTS = 100
KILLS = 100

Upload = tuple[str, bytes]
"""A token and a packed body."""


def figures() -> Iterator[Figure]:
    """Publish to seat, ingest on SQLite and PostgreSQL, kills."""
    with tempfile.TemporaryDirectory() as folder:
        yield _publish(Path(folder))
    yield _ingest("SQLite", "")
    found = binaries()
    if found is not None:
        cluster = Postgres(found, durable=True)
        try:
            yield _ingest("PostgreSQL", cluster.database("bench"))
        finally:
            cluster.close()
    with _world() as world:
        toll = kills(world, KILLS, seed=int.from_bytes(secrets.token_bytes(2), "big"))
    yield figure(
        "events lost or doubled over kills of seats and server",
        [toll.lost + toll.other],
        "events",
        goal="0",
        met=lambda value: value == 0,
        note=f"{toll.kills} kills, {toll.sessions} sessions, {toll.events} events",
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


def _ingest(name: str, database_url: str) -> Figure:
    ratios, rates = [], []
    with _world(database_url) as world:
        makers = [_maker(world, f"seat{number}") for number in range(SEATS)]
        warm, _ = _prepare(makers)
        asyncio.run(_through_http(world.url, [own[:2] for own in warm]))
        for _ in range(3):
            uploads, rows = _prepare(makers)
            bare = _bare_postgres(database_url, rows) if database_url else _bare_sqlite(world.folder, rows)
            spent = asyncio.run(_through_http(world.url, uploads))
            ratios.append(bare / spent)
            rates.append(len(rows) / spent)
            time.sleep(PIECES / 10)  # the seats may send a burst again
    rate = sorted(rates)[1]
    return figure(
        f"ingest through HTTP as a share of a bare insert of the same rows, {name}",
        ratios,
        "ratio",
        note=f"{rate:.0f} pieces of {EVENTS} events a second, client and server on this machine",
    )


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


def _values(chunk: Chunk) -> tuple[object, ...]:
    body = chunk.body.encode()
    return (chunk.tenant, chunk.sid, chunk.first, chunk.last, chunk.head, chunk.signature, 0, body)


def _bare_sqlite(folder: Path, rows: Sequence[Chunk]) -> float:
    """Seconds to insert the rows one by one, each durable, with the bare driver."""
    path = folder / f"bare-{secrets.token_hex(4)}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE chunk ({_COLUMNS}, PRIMARY KEY (tenant, session, first_seq))")
    begun = time.perf_counter()
    for row in rows:
        connection.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _values(row))
    spent = time.perf_counter() - begun
    connection.close()
    return spent


def _bare_postgres(url: str, rows: Sequence[Chunk]) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute("CREATE TABLE bare (LIKE session_chunk INCLUDING ALL)")
        begun = time.perf_counter()
        for row in rows:
            connection.execute(
                f"INSERT INTO bare ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
                _values(row),
            )
        return time.perf_counter() - begun
