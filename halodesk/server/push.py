"""Pokes: tells connected seats that the catalogue has grown.

Rules:
- A poke is a hint. A connection holds its latest cursor, not a queue: a seat that is slow gets one
  poke with the newest number, however much was published meanwhile.
- What this process publishes is poked at once. What another process publishes, or the console, is
  found by looking at the tenants' cursors each second. A seat asks by itself each minute as well.
- A seat that is shut out is told so, and its connection closed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, select

from halodesk.protocol.sync import FromServer, Poke, Revoke, ServerAwayError
from halodesk.server import flow_agent_orders
from halodesk.server import tables as t
from halodesk.server.access import Holder
from halodesk.server.database import Database

WATCH_S = 1.0
SEND_S = 10.0
"""A seat that takes no poke for so long has gone."""

_log = structlog.get_logger("push")


class Line:
    """One connected seat. `send` sends bytes, `close` ends the connection."""

    def __init__(
        self, holder: Holder, send: Callable[[bytes], Awaitable[None]], close: Callable[[], Awaitable[None]]
    ) -> None:
        self.holder, self._send, self._close = holder, send, close
        self._latest = self._sent = 0
        self._busy = False

    async def poke(self, cursor: int, epoch: str) -> None:
        """Bring the seat to this cursor, now or right after the poke that is under way."""
        self._latest = max(self._latest, cursor)
        if self._busy:
            return
        self._busy = True
        try:
            while self._sent < self._latest:
                target = self._latest
                await self._say(Poke(cursor=target, epoch=epoch))
                self._sent = target
        finally:
            self._busy = False

    async def order(self, epoch: str) -> None:
        """Tell the seat that a call to make waits for it."""
        await self._say(Poke(cursor=self._latest, epoch=epoch, orders=True))

    async def revoke(self) -> None:
        """Tell the seat that it is shut out, and hang up."""
        await self._say(Revoke())
        await self._close()

    async def _say(self, message: FromServer) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(msgspec.json.encode(message))
        except Exception as error:  # of the socket, whatever it is: the seat will come again and ask
            _log.info("poke_failed", seat=self.holder.subject, error=type(error).__name__)


class Hub:
    """All seats connected to this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lines: dict[str, set[Line]] = defaultdict(set)
        self._cursors: dict[str, int] = {}
        self._ordered: frozenset[tuple[str, str, str]] = frozenset()
        self._pokes: set[asyncio.Task[None]] = set()
        self.revoked: frozenset[tuple[str, str]] = frozenset()
        """Tenant and id of the seats that are shut out, at most a second old."""

    def add(self, line: Line) -> None:
        """A seat has connected."""
        self._lines[line.holder.tenant].add(line)

    def remove(self, line: Line) -> None:
        """A seat has gone."""
        self._lines[line.holder.tenant].discard(line)

    def connected(self, tenant: str) -> int:
        """How many seats of a tenant are connected here."""
        return len(self._lines[tenant])

    async def poke(self, tenant: str, cursor: int) -> None:
        """Tell every seat of the tenant."""
        epoch = await self._database.epoch()
        self._cursors[tenant] = max(cursor, self._cursors.get(tenant, 0))
        await asyncio.gather(*(line.poke(cursor, epoch) for line in tuple(self._lines[tenant])))

    def announce(self, tenant: str, cursor: int) -> None:
        """As `poke`, without waiting for the seats."""
        self._later(self.poke(tenant, cursor))

    async def order(self, tenant: str, seat: str) -> None:
        """Tell one seat that a call to make waits for it."""
        epoch = await self._database.epoch()
        lines = [line for line in self._lines[tenant] if line.holder.subject == seat]
        await asyncio.gather(*(line.order(epoch) for line in lines))

    def announce_order(self, tenant: str, seat: str) -> None:
        """As `order`, without waiting for the seat."""
        self._later(self.order(tenant, seat))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._pokes.add(task)
        task.add_done_callback(self._poked)

    def _poked(self, task: asyncio.Task[None]) -> None:
        self._pokes.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("database_away")  # `watch` finds the cursor again

    async def watch(self) -> None:
        """Look for what others changed, until cancelled."""
        while True:
            try:
                await self.look()
            except ServerAwayError:
                _log.warning("database_away")
            await asyncio.sleep(WATCH_S)

    async def look(self) -> None:
        """Once of `watch`. Raises `ServerAwayError`."""
        cursors, revoked, ordered = await self._database.read(_state)
        before, self.revoked = self.revoked, revoked
        for tenant, cursor in cursors.items():
            if cursor > self._cursors.get(tenant, 0):
                await self.poke(tenant, cursor)
        fresh, self._ordered = ordered - self._ordered, ordered
        for tenant, seat in {(tenant, seat) for tenant, seat, _ in fresh}:
            await self.order(tenant, seat)
        for tenant, seat in revoked - before:
            gone = [line for line in self._lines[tenant] if line.holder.subject == seat]
            await asyncio.gather(*(line.revoke() for line in gone))


_State = tuple[dict[str, int], frozenset[tuple[str, str]], frozenset[tuple[str, str, str]]]


def _state(connection: Connection) -> _State:
    cursors = {row.id: row.cursor for row in connection.execute(select(t.tenant.c.id, t.tenant.c.cursor))}
    shut_out = select(t.seat.c.tenant, t.seat.c.id).where(t.seat.c.revoked_at.is_not(None))
    revoked = frozenset((row.tenant, row.id) for row in connection.execute(shut_out))
    return cursors, revoked, flow_agent_orders.all_waiting(connection)
