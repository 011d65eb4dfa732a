"""Addresses for people and erasures: `/v1/sign-in` and `/v1/erasures`, both for seats."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from litestar import Response, post
from litestar.types import ControllerRouterHandler

from halodesk.protocol import sync as wire
from halodesk.protocol.erasure import Erased, SignedErasure
from halodesk.server import counters, erasing, people, tenants
from halodesk.server.access import Holder, refused
from halodesk.server.database import Database
from halodesk.server.web import WebRequest, answer, body

SIGN_INS = 2
"""Passwords checked at once: each takes 64 MiB for a tenth of a second."""
SWEEP_S = 60.0

Let = Callable[[str], Holder]
"""Whom an Authorization header speaks for; raises `RefusedError`."""


def people_routes(database: Database, policy: wire.Policy, let: Let) -> list[ControllerRouterHandler]:
    """The two addresses."""
    gate = asyncio.Semaphore(SIGN_INS)

    @post("/v1/sign-in")
    async def sign_in(request: WebRequest) -> Response[bytes]:
        holder = let(request.headers.get("Authorization", ""))
        asked = await body(request, wire.SignIn)
        now = time.time()
        person = await database.read(partial(people.who, holder=holder, name=asked.name, now=now))
        async with gate:
            good = await asyncio.to_thread(people.fits, person, asked.password)
        if person is not None:
            await database.write(partial(people.settle, holder=holder, name=person.name, good=good, now=now))
        if person is None or not good:
            raise refused(403, "sign_in", "The name or the password is wrong.", "Try again.")
        lease_s = policy.sign_in_days * 86_400
        return answer(wire.SignedIn(name=person.name, role=person.role, lease_s=lease_s, server_time=now))

    @post("/v1/erasures")
    async def erasures(request: WebRequest) -> Response[bytes]:
        holder = let(request.headers.get("Authorization", ""))
        asked = await body(request, SignedErasure)
        public, _ = await database.read(partial(tenants.seat_key, tenant=holder.tenant, seat=holder.subject))
        order = erasing.checked(asked, holder, public)
        done = await database.write(partial(erasing.erase, holder=holder, asked=asked, order=order))
        return answer(Erased(events=done))

    return [sign_in, erasures]


async def watch_gaps(database: Database) -> None:
    """Raise the alarms for sessions that never came, until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_S)
        try:
            await database.write(partial(counters.sweep, now=time.time()))
        except wire.ServerAwayError:
            continue  # the next look finds them
