"""Calls that the server orders of this seat's flow agents: takes them, hands them on, reports.

Rules:
- An order is taken on the server before it is handed on, and handed on once, whatever is heard twice.
- Where this seat's settings or the server's policy forbid it, an order is refused unread: neither number nor
  document come here.
- Reports are sent in their order until the server has them. They are kept in memory only: a seat that is
  killed lets the server call its order lost, and nobody is called again.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from halodesk.protocol.call_orders import (
    CallOrder,
    OrderHeard,
    OrderReport,
    TakeOrder,
    WaitingOrders,
)
from halodesk.protocol.sync import Policy, RefusedError, ServerAwayError
from halodesk.sync import pace
from halodesk.sync.ports import Server

FORBIDDEN = "This seat makes no calls that are ordered: its settings do not allow it."
BY_POLICY = "The policy of the server lets no seat make calls that are ordered."
DAMAGED = "The flow agent's document did not arrive whole."

OnOrder = Callable[[CallOrder], None]

_log = structlog.get_logger("call_orders")


class CallOrders:
    """Run `run` as a task of the loop that `server` belongs to; all else on that loop, too.

    `on_order` hears of each order that was taken, to be dialled now; None: this seat allows none.
    """

    def __init__(
        self,
        server: Server,
        *,
        on_order: OnOrder | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        between: pace.Chance = pace.chance,
    ) -> None:
        self._server, self._on_order, self._between = server, on_order, between
        self._patience = pace.Patience(sleep, between)
        self._work = asyncio.Event()
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._one = asyncio.Lock()
        self._taker = secrets.token_hex(16)
        self._had: set[str] = set()
        self._taking: deque[str] = deque()
        self._reports: deque[tuple[str, OrderReport]] = deque()
        self._look = on_order is not None
        self.policy = Policy()

    def wake(self) -> None:
        """There may be an order."""
        self._look = True
        self._work.set()

    def retry(self) -> None:
        """The server may be there again."""
        self._patience.end()

    def report(self, order: str, said: OrderReport) -> None:
        """Tell the server what has become of an order."""
        self._reports.append((order, said))
        self._all_sent.clear()
        self._work.set()

    async def sent(self) -> None:
        """Wait until the server has all reports."""
        await self._all_sent.wait()

    async def run(self) -> None:
        """Work when woken, and look now and then where this seat takes orders, until cancelled."""
        failures = 0
        while True:
            self._work.clear()
            self._patience.fresh()
            try:
                await self.once()
                failures = 0
                await self._rest()
            except ServerAwayError as away:
                failures += 1
                await self._patience.wait(pace.delay(failures, away.retry_after, between=self._between))
            except RefusedError as refusal:  # of the seat itself: the outbox tells it, with what to do
                _log.error("seat_refused", code=refusal.problem.code)
                await self._patience.wait(pace.jittered(self.policy.poll_s, between=self._between))

    async def once(self) -> None:
        """Send what is to be told, take what waits. Raises `ServerAwayError`, `RefusedError`."""
        async with self._one:
            await self._once()

    async def _once(self) -> None:
        await self._tell()
        if self._look:
            found = await self._server.get("/v1/orders", WaitingOrders)
            self._look = False
            self._taking.extend(one for one in found.orders if one not in {*self._had, *self._taking})
        while self._taking:
            await self._take(self._taking[0])
            self._taking.popleft()
        await self._tell()

    async def _take(self, order: str) -> None:
        if order in self._had:
            return
        if self._on_order is None or not self.policy.flow_agent_orders:
            self._had.add(order)
            why = BY_POLICY if self._on_order is not None else FORBIDDEN
            self.report(order, OrderReport(state="refused", reason=why))
            return
        try:
            taken = await self._server.post(
                f"/v1/orders/{order}/take", TakeOrder(taker=self._taker), CallOrder
            )
        except RefusedError as refusal:
            _log.info("order_not_taken", code=refusal.problem.code)
            return
        self._had.add(order)
        if hashlib.sha256(taken.document).hexdigest() != taken.sha256:
            self.report(order, OrderReport(state="refused", reason=DAMAGED))
            return
        _log.info("order_taken")
        self._on_order(taken)

    async def _tell(self) -> None:
        while self._reports:
            order, said = self._reports[0]
            try:
                await self._server.post(f"/v1/orders/{order}/report", said, OrderHeard)
            except RefusedError as refusal:  # it has made up its mind: nothing to be mended here
                _log.info("report_refused", code=refusal.problem.code)
            self._reports.popleft()
        self._all_sent.set()

    async def _rest(self) -> None:
        """Until there is work; a seat that takes orders looks by itself, too: a proxy may cut the push."""
        longest = pace.jittered(self.policy.poll_s, between=self._between)
        try:
            async with asyncio.timeout(None if self._on_order is None else longest):
                await self._work.wait()
        except TimeoutError:
            self._look = True
