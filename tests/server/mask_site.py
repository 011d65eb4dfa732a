"""A PBX with the server's masks in front of it, seats, and a clock that a test turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from halodesk.protocol.mask import FromMaskServer, MaskAnswer, MaskAsk
from halodesk.server import accounts, audit, tenants
from halodesk.server import tables as t
from halodesk.server.access import Holder
from halodesk.server.database import Database
from halodesk.server.mask_seat import Line
from halodesk.server.masks import Masks
from tests.fakes.ami import FakeAmi, fake_ami, until
from tests.fakes.ami_control import CALL, queue_call


class Site:
    """A PBX, the masks in front of it, and a clock that a test turns."""

    def __init__(self, database: Database, pbx: FakeAmi, *more: dict[str, Any]) -> None:
        self.database, self.pbx, self.more = database, pbx, more
        self.now = 1000.0
        self.masks = self._made()

    def _made(self) -> Masks:
        ami = {"control": "ami", "host": "127.0.0.1", "port": self.pbx.port}
        ami |= {"username": "lab", "secret": "fake-secret"}
        return Masks(self.database, [ami, *self.more], mono=lambda: self.now)

    async def restart(self) -> None:
        """Another process of the server."""
        await self.masks.close()
        self.masks = self._made()
        await self.up()

    async def up(self) -> None:
        logins = self.pbx.logins
        self.masks.start()
        await until(lambda: self.pbx.logins > logins)

    def line(self, seat: str = "one", tenant: str = "main") -> Desk:
        return Desk(self, Holder(tenant=tenant, role="seat", subject=seat))

    async def audit(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject of what is in the audit; what is on its way there comes first."""
        await self.masks.written()
        rows = await self.database.read(lambda c: audit.entries(c, "main"))
        return [(row.actor, row.action, row.subject) for row in rows if row.actor != "console"]


class Desk:
    """A seat's line."""

    def __init__(self, site: Site, holder: Holder) -> None:
        self.site, self.said, self.closed = site, list[FromMaskServer](), False
        self.line = Line(holder, self._send, self._close)
        site.masks.join(self.line)

    async def _send(self, data: bytes) -> None:
        self.said.append(msgspec.json.decode(data, type=FromMaskServer))

    async def _close(self) -> None:
        self.closed = True

    async def ask(self, act: str, call: str = CALL, was: str = "") -> MaskAnswer:
        """One question; a PBX that is just being read is asked again."""
        asked = msgspec.convert({"id": 7, "act": act, "call": call, "lease": "l", "was": was}, MaskAsk)
        async with asyncio.timeout(10):
            while True:
                answer = await self.site.masks.ask(self.line, asked)
                if "not connected" not in answer.detail:
                    return answer
                await asyncio.sleep(0.01)

    async def mask(self, call: str = CALL, was: str = "") -> MaskAnswer:
        return await self.ask("mask", call, was)

    async def unmask(self, call: str = CALL) -> MaskAnswer:
        return await self.ask("unmask", call)


def seats(connection: Connection) -> None:
    for tenant in ("main", "far"):
        tenants.ensure_tenant(connection, tenant)
        for seat in ("one", "two"):
            values = {"tenant": tenant, "id": seat, "team": "red", "name": seat, "enrolled_at": 0.0}
            keys = {"sign_key": seat.encode() * 8, "seal_key": b"x"}
            connection.execute(insert(t.seat).values(**values, **keys))
    accounts.bind(connection, "main", seat="one", account="1001")
    accounts.bind(connection, "main", seat="two", account="1002")
    accounts.bind(connection, "far", seat="one", account="1001")


@asynccontextmanager
async def site(database: Database, *more: dict[str, Any]) -> AsyncIterator[Site]:
    await database.write(seats)
    async with fake_ami() as pbx:
        queue_call(pbx)
        made = Site(database, pbx, *more)
        await made.up()
        try:
            yield made
        finally:
            await made.masks.close()


Play = Callable[[Site], Coroutine[Any, Any, None]]


def scene(database: Database, play: Play) -> None:
    async def run() -> None:
        async with site(database) as made:
            await play(made)

    asyncio.run(run())


def cloud(url: str) -> dict[str, Any]:
    place = f"{url}/v2/calls/{{id}}"
    here = "/calls/[sip.callId={call}]"
    return {
        "control": "webhook",
        "name": "Cloud",
        "headers": {"Authorization": "Bearer {secret.token}"},
        "secrets": {"token": "env:HALODESK_TEST_TOKEN"},
        "find": [{"url": f"{url}/v2/live", "values": {"id": f"{here}/id", "who": f"{here}/extension"}}],
        "account": "who",
        "mask": {"method": "PATCH", "url": place, "json": {"recording": {"state": "paused"}}},
        "unmask": {"method": "PATCH", "url": place, "json": {"recording": {"state": "recording"}}},
        "read": {"url": place},
        "state": "/recordings/*/state",
        "masked": ["paused"],
        "recording": ["recording"],
    }
