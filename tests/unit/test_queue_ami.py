"""Queues over the manager interface: what a PBX refuses, forgets or delays. The real one: tests/lab."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from halodesk.queues.ami import AmiQueues
from halodesk.recording.ami import AmiAccess, Backoff
from halodesk.runtime.agent_ports import QueueView, QueueWish
from tests.fakes.ami import FakeAmi, fake_ami, until

READY = QueueWish(member=True, paused=False)


class Views:
    """What is told."""

    def __init__(self) -> None:
        self.told: list[QueueView] = []
        self._news = asyncio.Event()

    def take(self, view: QueueView) -> None:
        self.told.append(view)
        self._news.set()

    async def until(self, holds: Callable[[QueueView], bool]) -> QueueView:
        async with asyncio.timeout(10):
            while not (self.told and holds(self.told[-1])):
                self._news.clear()
                await self._news.wait()
        return self.told[-1]


@asynccontextmanager
async def keeper(server: FakeAmi) -> AsyncIterator[tuple[AmiQueues, Views]]:
    views = Views()
    made = AmiQueues(
        AmiAccess(host="127.0.0.1", port=server.port, username=server.username, secret=server.secret),
        interface="PJSIP/1001",
        name="Ann",
        queues=("support",),
        on_view=views.take,
        loop=asyncio.get_running_loop(),
        backoff=Backoff(first=0.001, longest=0.004),
    )
    made.start()
    try:
        yield made, views
    finally:
        await made.close()


def test_a_user_without_the_right_is_told_which_right() -> None:
    async def scene() -> None:
        async with fake_ami() as server:
            server.denied = {"QueueStatus"}
            async with keeper(server) as (queues, views):
                queues.want(READY)
                view = await views.until(lambda view: "does not let" in view.problem)
                assert "read = agent and write = agent" in view.todo
                assert view.members == ()

    asyncio.run(scene())


def test_a_pbx_that_is_lost_is_known_no_more_and_asked_again() -> None:
    async def scene() -> None:
        async with fake_ami() as server, keeper(server) as (queues, views):
            queues.want(READY)
            await views.until(lambda view: "QueueStatus" in view.problem)
            server.cut()
            await views.until(lambda view: "cannot be asked" in view.problem)
            asked = len(server.sent("QueueStatus"))
            await until(lambda: len(server.sent("QueueStatus")) > asked)

    asyncio.run(scene())


def test_leaving_without_a_pbx_does_not_wait() -> None:
    async def scene() -> None:
        async with fake_ami() as server, keeper(server) as (queues, views):
            queues.want(READY)
            await views.until(lambda view: bool(view.problem))
            server.cut()
            async with asyncio.timeout(5):
                await queues.close(log_out=True)

    asyncio.run(scene())
