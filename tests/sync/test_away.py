"""A server that is away for a day: everything is kept, tried at a gentle pace, delivered at once."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from halodesk.protocol.sync import Chunk, ServerAwayError
from halodesk.runtime.ports import SyncState
from halodesk.runtime.threads import IoThread
from halodesk.sync import pace
from halodesk.sync.service import SyncService
from tests.e2e.tcp_proxy import TcpProxy
from tests.sync.seats import expected_and_held
from tests.sync.test_outbox import FakeServer, assert_all_there, seat, server
from tests.sync.world import Recorder, World, recorder

__all__ = ["seat", "server"]

DAY_S = 24 * 3600.0


class Day:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@pytest.mark.slow
def test_a_day_without_a_server(seat: Recorder, server: FakeServer) -> None:
    """Sessions are recorded all day; each is there a minute after the server is back at the latest."""
    day, tries = Day(), [0.0]
    back_at: list[float] = []

    def nobody(chunk: Chunk) -> None:
        tries.append(day.now)
        if len(tries) % 100 == 0 and len(tries) < 1500:
            seat.session(5)
        if day.now < DAY_S:
            raise ServerAwayError("away")
        back_at.append(day.now)

    server.before = nobody
    seat.session(200)
    states: list[SyncState] = []

    async def run() -> None:
        done = asyncio.Event()

        def told(state: SyncState) -> None:
            states.append(state)
            if state.state == "sent":
                done.set()

        running = asyncio.create_task(seat.outbox(server, on_state=told, sleep=day.sleep).run())
        await done.wait()
        running.cancel()

    asyncio.run(run())
    assert_all_there(seat, server)
    assert back_at[0] - DAY_S <= pace.LONGEST_S
    waits = day.pauses[10:-1]
    assert max(waits) <= pace.LONGEST_S
    # Full jitter: uniform from nothing to a minute, so a site's seats come back spread over one.
    assert 0.8 * 30 < statistics.mean(waits) < 1.2 * 30
    assert 0.8 * 17.3 < statistics.stdev(waits) < 1.2 * 17.3
    assert len(tries) < 1.3 * DAY_S / 30
    waiting = [state for state in states if state.state == "waiting"]
    assert all(state.message and state.waiting_sessions for state in waiting)
    assert waiting[-1].waiting_sessions > 10
    assert states[-1].state == "sent"


def test_patience_is_cut_short_once_and_spread_over_a_second() -> None:
    async def story() -> tuple[list[float], float]:
        slept: list[float] = []
        never = asyncio.Event()

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if seconds > 1:
                await never.wait()

        patience = pace.Patience(sleep, lambda low, high: high)
        patience.fresh()
        patience.end()  # during the try: the wait after it is short
        await patience.wait(60.0)
        patience.fresh()
        waiting = asyncio.create_task(patience.wait(60.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        patience.end()
        await waiting
        await patience.wait(0.5)
        return slept, len(asyncio.all_tasks())

    slept, tasks = asyncio.run(story())
    assert slept[:4] == [60.0, 1.0, 60.0, 1.0]
    assert tasks == 1


def test_a_wait_that_fails_is_not_swallowed() -> None:
    async def broken(seconds: float) -> None:
        raise OSError("no clock")

    with pytest.raises(OSError, match="no clock"):
        asyncio.run(pace.Patience(broken, pace.chance).wait(1.0))


class Heard:
    """The states a sync tells, and a wait for one to come."""

    def __init__(self) -> None:
        self.states: list[SyncState] = []
        self._changed = threading.Condition()

    def told(self, state: SyncState) -> None:
        with self._changed:
            self.states.append(state)
            self._changed.notify_all()

    def wait(self, wanted: str, after: int = 0, timeout_s: float = 20.0) -> SyncState:
        """The first such state after that many."""

        def found() -> SyncState | None:
            return next((state for state in self.states[after:] if state.state == wanted), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, timeout_s), self.states
        state = found()
        assert state is not None
        return state


@contextmanager
def syncing(folder: Path, heard: Heard) -> Iterator[tuple[IoThread, SyncService]]:
    """The seat's sync as the window runs it."""
    with recorder(folder) as made:
        io = IoThread()
        service = SyncService(
            made.store.sync,
            made.link,
            seat=made.seat,
            on_flow=lambda flow: None,
            on_state=heard.told,
        )
        running = io.submit(service.run())
        try:
            yield io, service
        finally:
            running.cancel()
            with suppress(CancelledError, TimeoutError):
                running.result(5)
            io.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("told", ["by the network", "by another part"])
def test_a_server_that_is_back_gets_everything_at_once(
    world: World, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """Deep in the back-off: without being told, the next try would be a minute away."""
    monkeypatch.setattr(pace, "FIRST_S", 600.0)
    monkeypatch.setattr(pace, "LONGEST_S", 600.0)
    proxy = TcpProxy(world.port)
    request.addfinalizer(proxy.close)
    folder = world.enrol("one", url=f"http://127.0.0.1:{proxy.port}")
    with recorder(folder) as made:
        made.session(150)
    proxy.cut()
    heard = Heard()
    with syncing(folder, heard) as (io, service):
        waiting = heard.wait("waiting")
        assert waiting.message
        assert waiting.waiting_sessions == 1
        proxy.mend()
        before, begun = len(heard.states), time.monotonic()
        io.call(service.retry if told == "by the network" else service.push.retry)
        heard.wait("sent", before)
        spent = time.monotonic() - begun
    expected, held = expected_and_held(world, folder)
    assert held == expected
    assert spent < 8
