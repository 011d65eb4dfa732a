"""Queues of the real PBX: log in, pause with a reason, log out, read back, and what others change there."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from halodesk.engine.errors import RecorderError
from halodesk.queues.ami import AmiQueues
from halodesk.recording.ami import AmiAccess, Backoff
from halodesk.runtime.agent_ports import QueueMember, QueueView, QueueWish
from tests.lab.pbx import Pbx

pytestmark = pytest.mark.lab

READY = QueueWish(member=True, paused=False)
LUNCH = QueueWish(member=True, paused=True, reason="Lunch")
GONE = QueueWish(member=False, paused=False)


def on_loop(test: Callable[[Pbx], Coroutine[Any, Any, None]]) -> Callable[[Pbx], None]:
    """A test that is a coroutine."""

    @functools.wraps(test)
    def run(pbx: Pbx) -> None:
        asyncio.run(test(pbx))

    return run


class Views:
    """What is told, to be waited for."""

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
async def keeper(
    pbx: Pbx, interface: str = "PJSIP/1005", queues: tuple[str, ...] = ("support",), secret: str = ""
) -> AsyncIterator[tuple[AmiQueues, Views]]:
    views = Views()
    made = AmiQueues(
        AmiAccess(host=pbx.host, port=pbx.ami_port, username="lab", secret=secret or pbx.secret),
        interface=interface,
        name="Ann Lee",
        queues=queues,
        on_view=views.take,
        loop=asyncio.get_running_loop(),
        backoff=Backoff(first=0.01, longest=0.1),
    )
    made.start()
    try:
        yield made, views
    finally:
        await made.close(log_out=True)


def the_one(member: bool, paused: bool = False, reason: str = "") -> Callable[[QueueView], bool]:
    wanted = (QueueMember(queue="support", member=member, paused=paused, reason=reason),)
    return lambda view: view.members == wanted and not view.problem


@on_loop
async def test_in_pause_on_out(pbx: Pbx) -> None:
    async with keeper(pbx) as (queues, views):
        queues.want(READY)
        await views.until(the_one(True))
        shown = pbx.cli("queue show support")
        assert "Ann Lee" in shown
        queues.want(LUNCH)
        await views.until(the_one(True, True, "Lunch"))
        assert "paused:Lunch" in pbx.cli("queue show support")
        queues.want(READY)
        await views.until(the_one(True))
        queues.want(GONE)
        await views.until(the_one(False))
        assert "Ann Lee" not in pbx.cli("queue show support")


@on_loop
async def test_what_a_supervisor_does_at_the_pbx_is_shown(pbx: Pbx) -> None:
    async with keeper(pbx) as (queues, views):
        queues.want(READY)
        await views.until(the_one(True))
        await asyncio.to_thread(pbx.cli, "queue pause member PJSIP/1005 queue support reason Coaching")
        await views.until(the_one(True, True, "Coaching"))
        queues.want(READY)
        await views.until(the_one(True))
        await asyncio.to_thread(pbx.cli, "queue remove member PJSIP/1005 from support")
        await views.until(the_one(False))


@on_loop
async def test_a_member_of_the_configuration_is_paused_for_good(pbx: Pbx) -> None:
    async with keeper(pbx, interface="PJSIP/1001") as (queues, views):
        queues.want(GONE)
        await views.until(the_one(False))
        assert "paused:Logged out" in pbx.cli("queue show support")
        queues.want(READY)
        await views.until(the_one(True))
        assert "paused" not in pbx.cli("queue show support")
        queues.want(LUNCH)
        await views.until(the_one(True, True, "Lunch"))
        queues.want(READY)
        await views.until(the_one(True))
    await asyncio.to_thread(pbx.cli, "queue unpause member PJSIP/1001 queue support")


@on_loop
async def test_a_queue_that_does_not_exist_is_said_in_words(pbx: Pbx) -> None:
    async with keeper(pbx, queues=("nowhere",)) as (queues, views):
        queues.want(READY)
        view = await views.until(lambda view: bool(view.problem) and "connected" not in view.problem)
        assert "nowhere" in view.problem


@on_loop
async def test_a_refused_login_is_said_in_words(pbx: Pbx) -> None:
    async with keeper(pbx, secret="wrong") as (queues, views):
        queues.want(READY)
        view = await views.until(lambda view: "refuses the manager user" in view.problem)
        assert view.members == ()


@on_loop
async def test_a_pbx_that_forgot_the_member_is_told_again(pbx: Pbx) -> None:
    async with keeper(pbx) as (queues, views):
        queues.want(READY)
        await views.until(the_one(True))
        await asyncio.to_thread(pbx.cli, "queue remove member PJSIP/1005 from support")
        await views.until(the_one(False))
        queues._client.drop(_cut())
        await views.until(the_one(True))


def _cut() -> RecorderError:
    return RecorderError("The test cut it.")
