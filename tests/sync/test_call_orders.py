"""Orders at the seat: taken before they are handed on, handed on once, reports sent until they are there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from halodesk.protocol.call_orders import CallOrder, OrderHeard, OrderReport, WaitingOrders
from halodesk.protocol.sync import Policy, Problem, RefusedError, ServerAwayError
from halodesk.sync.call_orders import BY_POLICY, DAMAGED, FORBIDDEN, CallOrders
from tests.fakes.loops import in_loop


class FakeServer:
    """Has these orders; `before` may fail an answer on its way out, `lose` one on its way back."""

    def __init__(self, *orders: str) -> None:
        self.waiting = list(orders)
        self.takers: dict[str, str] = {}
        self.reports: list[tuple[str, str, str]] = []
        self.lose = 0
        self.away = 0
        self.sha256 = ""
        self.asked: list[str] = []

    def _come(self, path: str) -> None:
        self.asked.append(path)
        if self.away:
            self.away -= 1
            raise ServerAwayError("away")

    async def get(self, path: str, kind: Any, **query: str | int) -> Any:
        self._come(path)
        return WaitingOrders(orders=tuple(self.waiting))

    async def get_bytes(self, path: str) -> bytes:
        raise AssertionError(path)

    async def post(self, path: str, message: Any, kind: Any) -> Any:
        self._come(path)
        _, _, _, order, verb = path.split("/")
        if verb == "report":
            self.reports.append((order, message.state, message.reason))
            return OrderHeard(state=message.state)
        if self.takers.setdefault(order, message.taker) != message.taker:
            raise RefusedError(409, Problem(code="order_gone", message="x"))
        if self.lose:
            self.lose -= 1
            raise ServerAwayError("its answer was lost")
        data = b"{}"
        sha256 = self.sha256 or hashlib.sha256(data).hexdigest()
        return CallOrder(order=order, agent="a", version=1, sha256=sha256, document=data, to="+15550142")


async def instant(seconds: float) -> None:
    await asyncio.sleep(0)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await instant(0)


class Part:
    """The seat's part, running."""

    def __init__(self, server: FakeServer, *, allowed: bool = True) -> None:
        self.given: list[str] = []

        def take(order: CallOrder) -> None:
            self.given.append(order.order)

        self.orders = CallOrders(
            server, on_order=take if allowed else None, sleep=instant, between=lambda low, high: high
        )

    async def __aenter__(self) -> Part:
        self.task = asyncio.create_task(self.orders.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@in_loop
async def test_what_waits_is_taken_and_handed_on_once() -> None:
    server = FakeServer("one", "two")
    async with Part(server) as part:
        await until(lambda: part.given == ["one", "two"])
        for _ in range(3):  # the server still lists them: one restored from a backup, say
            server.asked.clear()
            part.orders.wake()
            await until(lambda: server.asked)
        server.waiting.append("three")
        part.orders.wake()
        await until(lambda: len(part.given) == 3)
    assert part.given == ["one", "two", "three"]


@in_loop
async def test_an_answer_that_was_lost_is_asked_for_again_and_another_window_gets_none() -> None:
    server = FakeServer("one")
    server.lose = 2
    async with Part(server) as part, Part(server) as other:
        await until(lambda: part.given or other.given)
        part.orders.report("x", OrderReport(state="ended"))
        other.orders.report("y", OrderReport(state="ended"))
        await until(lambda: len(server.reports) == 2)
    assert [*part.given, *other.given] == ["one"]


@in_loop
async def test_reports_are_sent_in_order_until_the_server_has_them() -> None:
    server = FakeServer()
    async with Part(server) as part:
        await until(lambda: server.asked)
        server.away = 3
        part.orders.report("one", OrderReport(state="answered"))
        part.orders.report("one", OrderReport(state="ended", reason="end_call"))
        await asyncio.wait_for(part.orders.sent(), 10)
    assert server.reports == [("one", "answered", ""), ("one", "ended", "end_call")]


@pytest.mark.parametrize(("allowed", "why"), [(False, FORBIDDEN), (True, BY_POLICY)])
def test_where_it_is_forbidden_an_order_is_refused_unread(allowed: bool, why: str) -> None:
    async def work() -> None:
        server = FakeServer("one")
        part = Part(server, allowed=allowed)
        part.orders.policy = Policy(flow_agent_orders=not allowed)
        async with part:
            part.orders.wake()
            await until(lambda: server.reports)
        assert server.reports == [("one", "refused", why)]
        assert (part.given, server.takers) == ([], {})

    asyncio.run(work())


@in_loop
async def test_a_seat_that_takes_none_asks_for_none() -> None:
    server = FakeServer("one")
    async with Part(server, allowed=False) as part:
        part.orders.report("x", OrderReport(state="ended"))
        await asyncio.wait_for(part.orders.sent(), 10)
    assert server.asked == ["/v1/orders/x/report"]


@in_loop
async def test_a_document_that_is_damaged_is_not_spoken() -> None:
    server = FakeServer("one")
    server.sha256 = "0" * 64
    async with Part(server) as part:
        await until(lambda: server.reports)
    assert (server.reports, part.given) == ([("one", "refused", DAMAGED)], [])
