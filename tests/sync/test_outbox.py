"""The outbox against a server that loses, refuses, forgets and lies, without a network."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halodesk.crypto import chain
from halodesk.crypto.signing import HEAD_TAG, SEEN_TAG, SigningKey, holds
from halodesk.protocol.sync import (
    Chunk,
    Have,
    HaveAnswer,
    Held,
    Problem,
    Receipt,
    RefusedError,
    ServerAwayError,
)
from halodesk.runtime.ports import SyncState
from halodesk.server.access import Holder
from halodesk.server.chunks import check
from halodesk.store.sync_store import Link
from tests.sync.world import Recorder, recorder

DEVICE, SERVER = SigningKey.new(), SigningKey.new()


class FakeServer:
    """Stands where the real one does, and does what a test tells it before and after."""

    def __init__(self, seat: str) -> None:
        self.holder = Holder(tenant="main", role="seat", subject=seat)
        self.sessions: dict[str, list[tuple[int, bytes, bytes]]] = {}
        self.before: Callable[[Chunk], None] = lambda chunk: None
        self.after: Callable[[Chunk], None] = lambda chunk: None
        self.sign = SERVER.sign
        self.epoch = "one"
        self.posts = 0

    async def get(self, path: str, kind: Any, **query: str | int) -> Any:
        raise AssertionError(path)

    async def get_bytes(self, path: str) -> bytes:
        raise AssertionError(path)

    async def post(self, path: str, message: Any, kind: Any) -> Any:
        self.posts += 1
        if path == "/v1/have":
            return self._have(message)
        self.before(message)
        receipt = self._ingest(message)
        self.after(message)
        return receipt

    def held(self, session: str) -> bytes:
        """The lines it has of a session."""
        return b"".join(body for _, _, body in self.sessions.get(session, []))

    def _ingest(self, chunk: Chunk) -> Receipt:
        piece = check(chunk, self.holder, DEVICE.public)
        kept = self.sessions.setdefault(piece.sid, [])
        last, head = (kept[-1][0], kept[-1][1]) if kept else (0, chain.genesis(piece.sid))
        dup = any((seq, known) == (piece.last, piece.head) for seq, known, _ in kept)
        if not dup and piece.first != last + 1:
            raise RefusedError(409, Problem(code="expect", message="x", expect=last + 1, head=head))
        if not dup:
            kept.append((piece.last, piece.head, piece.body))
        at = int(time.time())
        parts = ("main", self.holder.subject, piece.sid, piece.last, piece.head, at)
        return Receipt(
            last=piece.last,
            head=piece.head,
            at=at,
            dup=dup,
            epoch=self.epoch,
            signature=self.sign(SEEN_TAG, *parts),
        )

    def _have(self, have: Have) -> HaveAnswer:
        behind = {}
        for session, held in have.sessions.items():
            kept = self.sessions.get(session)
            here = Held(kept[-1][0], kept[-1][1]) if kept else Held(0, b"")
            if here.last < held.last or (here.last == held.last and here.head != held.head):
                behind[session] = here
        return HaveAnswer(behind=behind, epoch=self.epoch)


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Recorder]:
    with recorder(tmp_path) as made:
        link = Link(
            url="http://127.0.0.1:1",
            tenant="main",
            team="red",
            server_key=SERVER.public,
            root=b"",
            trust=b"",
            sign_seed=DEVICE.seed,
            seal_seed=b"",
            enrolled=True,
            epoch="one",
        )
        made.store.sync.save_link(link).result(10)
        yield made


@pytest.fixture
def server(seat: Recorder) -> FakeServer:
    return FakeServer(seat.seat)


def drain(seat: Recorder, server: FakeServer, **how: Any) -> list[SyncState]:
    states: list[SyncState] = []
    asyncio.run(seat.outbox(server, on_state=states.append, **how).drain())
    return states


def assert_all_there(seat: Recorder, server: FakeServer) -> None:
    for session, lines in seat.lines().items():
        assert server.held(session) == lines
    assert seat.store.sync.waiting() == []


def run_until(seat: Recorder, server: FakeServer, done: Callable[[], bool], **how: Any) -> list[float]:
    """Run the outbox for ever with a clock that stands still; the pauses it asked for."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    async def work() -> None:
        task = asyncio.create_task(seat.outbox(server, sleep=sleep, **how).run())
        async with asyncio.timeout(60):
            while not done():  # noqa: ASYNC110  # what is waited for is a state of a database
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())
    return pauses


def test_everything_arrives_byte_by_byte_in_pieces(seat: Recorder, server: FakeServer) -> None:
    for count in (1, 2, 99, 100, 101, 250):
        seat.session(count, ended=count > 1)
    states = drain(seat, server)
    assert_all_there(seat, server)
    assert states[-1] == SyncState(state="sent")
    assert {state.state for state in states} == {"sending", "sent"}
    posts = server.posts
    drain(seat, server)
    assert server.posts == posts


def test_sessions_take_turns(seat: Recorder, server: FakeServer) -> None:
    long, short = seat.session(1000), seat.session(3)
    order: list[str] = []
    server.before = lambda chunk: order.append(chunk.sid)
    drain(seat, server)
    assert order.index(short) == 1
    assert order.count(long) == 10


def test_an_event_that_is_written_meanwhile_goes_next(seat: Recorder, server: FakeServer) -> None:
    first = seat.session(5)
    later: list[str] = []

    def once(chunk: Chunk) -> None:
        if not later:
            later.append(seat.session(4))

    server.after = once
    drain(seat, server)
    assert server.held(first)
    assert_all_there(seat, server)


def test_lost_acknowledgements_send_again_and_store_once(seat: Recorder, server: FakeServer) -> None:
    for _ in range(5):
        seat.session(130)
    chance = random.Random(3)

    def lose(chunk: Chunk) -> None:
        if chance.random() < 0.6:
            raise ServerAwayError("lost")

    server.before = server.after = lose
    run_until(seat, server, lambda: not seat.store.sync.waiting())
    assert_all_there(seat, server)


def test_a_server_that_is_away_for_a_day_loses_nothing(seat: Recorder, server: FakeServer) -> None:
    seat.session(30)
    away = [1500]  # tries

    def nobody(chunk: Chunk) -> None:
        if away[0]:
            away[0] -= 1
            raise ServerAwayError("away")

    server.before = nobody
    states: list[SyncState] = []
    pauses = run_until(seat, server, lambda: not seat.store.sync.waiting(), on_state=states.append)
    assert sum(pauses) > 8 * 3600
    assert max(pauses) <= 60.0
    assert min(pauses) < 5.0  # full jitter
    assert any(state.state == "waiting" and state.message for state in states)
    assert_all_there(seat, server)


def test_what_the_server_asks_for_is_waited_for(seat: Recorder, server: FakeServer) -> None:
    seat.session(3)
    told = [ServerAwayError("busy", retry_after=42.0)]

    def busy(chunk: Chunk) -> None:
        if told:
            raise told.pop()

    server.before = busy
    pauses = run_until(seat, server, lambda: not seat.store.sync.waiting())
    assert 42.0 <= pauses[0] <= 44.0


def test_a_piece_that_is_too_large_is_halved(seat: Recorder, server: FakeServer) -> None:
    session = seat.session(100)
    sizes: list[int] = []

    def at_most_seven(chunk: Chunk) -> None:
        sizes.append(chunk.last - chunk.first + 1)
        if sizes[-1] > 7:
            raise RefusedError(413, Problem(code="too_large", message="x"))

    server.before = at_most_seven
    drain(seat, server)
    assert sizes[:5] == [100, 50, 25, 12, 6]
    assert server.held(session)
    assert_all_there(seat, server)


def test_one_event_that_is_too_large_is_put_aside(seat: Recorder, server: FakeServer) -> None:
    session, other = seat.session(4), seat.session(4)

    def never(chunk: Chunk) -> None:
        if chunk.sid == session:
            raise RefusedError(413, Problem(code="too_large", message="Too large."))

    server.before = never
    assert drain(seat, server)[-1].state == "trouble"
    assert server.held(other)
    assert [one.code for one in seat.store.sync.refused()] == ["too_large"]


@pytest.mark.parametrize(
    ("status", "code"), [(422, "fork"), (422, "chain"), (422, "schema"), (403, "not_yours")]
)
def test_a_refused_session_is_put_aside_and_the_others_go_on(
    seat: Recorder, server: FakeServer, status: int, code: str
) -> None:
    bad, good = seat.session(150), seat.session(150)

    def refuse(chunk: Chunk) -> None:
        if chunk.sid == bad:
            raise RefusedError(status, Problem(code=code, message="No.", todo="Tell IT."))

    server.before = refuse
    state = drain(seat, server)[-1]
    assert (state.state, state.refused) == ("trouble", 1)
    assert "1 of this seat's sessions" in state.message
    assert server.held(good) == seat.lines()[good]
    assert [(one.session, one.code) for one in seat.store.sync.refused()] == [(bad, code)]
    posts = server.posts
    drain(seat, server)
    assert server.posts == posts
    server.before = lambda chunk: None
    seat.store.sync.release(bad).result(10)
    assert drain(seat, server)[-1].state == "sent"
    assert_all_there(seat, server)


def test_an_upload_damaged_on_its_way_does_not_hold_up_the_others(seat: Recorder, server: FakeServer) -> None:
    bad, good = seat.session(5), seat.session(5)

    def damage(chunk: Chunk) -> None:
        if chunk.sid == bad:
            raise RefusedError(400, Problem(code="damaged", message="x"))

    server.before = damage
    assert drain(seat, server, between=lambda low, high: high)[-1].state == "waiting"
    assert server.held(good)
    assert seat.store.sync.refused() == []


def test_a_seat_that_is_shut_out_says_so_and_keeps_everything(seat: Recorder, server: FakeServer) -> None:
    seat.session(5)

    def shut(chunk: Chunk) -> None:
        raise RefusedError(403, Problem(code="seat_revoked", message="Shut out.", todo="Tell IT."))

    server.before = shut
    states: list[SyncState] = []
    pauses = run_until(seat, server, lambda: bool(states) and len(states) > 3, on_state=states.append)
    assert any((state.state, state.message) == ("trouble", "Shut out.") for state in states)
    assert all(pause >= 150 for pause in pauses)
    assert len(seat.store.sync.waiting()) == 1


def test_an_acknowledgement_without_the_servers_signature_counts_for_nothing(
    seat: Recorder, server: FakeServer
) -> None:
    seat.session(5)
    server.sign = SigningKey.new().sign
    with pytest.raises(ServerAwayError, match="did not sign"):
        drain(seat, server)
    assert len(seat.store.sync.waiting()) == 1


def test_the_head_is_signed_by_the_seat(seat: Recorder, server: FakeServer) -> None:
    seat.session(5)
    seen: list[Chunk] = []
    server.before = seen.append
    drain(seat, server)
    chunk = seen[0]
    assert holds(DEVICE.public, chunk.signature, HEAD_TAG, "main", chunk.sid, chunk.last, chunk.head)


def test_a_server_that_forgot_gets_it_again(seat: Recorder, server: FakeServer) -> None:
    """An asynchronous failover: the promoted server lacks the last acknowledged pieces."""
    for _ in range(6):
        seat.session(350)
    drain(seat, server)
    names = list(server.sessions)
    del server.sessions[names[0]]
    for name in names[1:4]:
        server.sessions[name] = server.sessions[name][:2]
    server.epoch = "two"
    seat.session(3)  # the next answer tells of the new history
    drain(seat, server)
    assert_all_there(seat, server)
    assert seat.link.epoch == "two"


def test_a_failover_is_looked_into_again_when_it_is_interrupted(seat: Recorder, server: FakeServer) -> None:
    session = seat.session(10)
    drain(seat, server)
    del server.sessions[session]
    server.epoch = "two"
    outbox = seat.outbox(server)
    original = server.post

    async def down(path: str, message: Any, kind: Any) -> Any:
        raise ServerAwayError("down")

    async def story() -> None:
        outbox.epoch_seen("two")
        server.post = down  # type: ignore[method-assign]
        with pytest.raises(ServerAwayError):
            await outbox.drain()
        server.post = original  # type: ignore[method-assign]
        await outbox.drain()

    asyncio.run(story())
    assert_all_there(seat, server)


def test_a_server_with_another_history_is_told_to_a_person(seat: Recorder, server: FakeServer) -> None:
    session = seat.session(10)
    drain(seat, server)
    server.sessions[session][-1] = (10, b"?" * 32, b"")
    server.epoch = "two"
    seat.session(2)
    assert drain(seat, server)[-1].state == "trouble"
    assert [(one.session, one.code) for one in seat.store.sync.refused()] == [(session, "fork")]


def test_a_seat_whose_database_was_restored_goes_on_where_the_server_is(
    seat: Recorder, server: FakeServer
) -> None:
    """The acknowledgement was forgotten, the events were not."""
    session = seat.session(250)
    drain(seat, server)
    seat.store.sync.acknowledge(session, 0, b"", at=0, receipt=b"").result(10)
    drain(seat, server)
    assert_all_there(seat, server)
    assert len(server.sessions[session]) == 3


def test_a_damaged_record_is_put_aside(seat: Recorder, server: FakeServer) -> None:
    bad, good = seat.session(4), seat.session(4)

    def spoil(connection: Any) -> None:
        connection.exec_driver_sql(
            "UPDATE event SET payload = X'ff0a00' WHERE session = ? AND seq = 2", (bad,)
        )

    seat.store._writer.submit(spoil).result(10)
    drain(seat, server)
    assert [(one.session, one.code) for one in seat.store.sync.refused()] == [(bad, "damaged")]
    assert server.held(good)


def test_pieces_stay_under_the_policys_bytes(seat: Recorder, server: FakeServer) -> None:
    seat.session(60)
    seen: list[Chunk] = []
    server.before = seen.append
    outbox = seat.outbox(server)
    outbox.policy = msgspec.structs.replace(outbox.policy, chunk_bytes=4000)
    asyncio.run(outbox.drain())
    assert len(seen) > 5
    assert all(len(chunk.body.encode()) <= 4000 for chunk in seen)
    assert_all_there(seat, server)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_goes_wrong_everything_arrives_once(seat: Recorder, server: FakeServer, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(8):
        seat.session(chance.randint(1, 400), ended=False)
    trouble = [60]

    def mischief(chunk: Chunk) -> None:
        if not trouble[0]:
            return
        trouble[0] -= 1
        kind = chance.randint(0, 5)
        if kind == 0:
            raise ServerAwayError("away", retry_after=chance.random())
        if kind == 1 and chunk.last > chunk.first:
            raise RefusedError(413, Problem(code="too_large", message="x"))
        if kind == 2 and server.sessions:
            name = chance.choice(list(server.sessions))
            del server.sessions[name][chance.randint(0, len(server.sessions[name])) :]
            if not server.sessions[name]:
                del server.sessions[name]
            server.epoch = f"epoch {chance.random()}"
        if kind == 3:
            seat.session(chance.randint(1, 20), ended=False)

    server.before = server.after = mischief
    run_until(seat, server, lambda: not trouble[0] and not seat.store.sync.waiting())
    drain(seat, server)
    assert_all_there(seat, server)
