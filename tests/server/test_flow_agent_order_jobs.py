"""Orders for calls in both databases: taken once, expired, tidied; and a policy that forbids them."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from halodesk.protocol.call_orders import OrderReport
from halodesk.protocol.sync import Policy, RefusedError
from halodesk.server import flow_agent_orders, flow_agents, tenants
from halodesk.server import tables as t
from halodesk.server.database import Database
from halodesk.server.flow_agent_orders import ANSWERED_S, TAKEN_S, Wish, state_of
from tests.fakes.flow_agent import agent, node

TO = "+1 (555) 014-2"
DOCUMENT = agent(
    node("one", is_initial=True, is_terminal=True),
    greeting="Hello {{who}}.",
    context_variables={"who": {"type": "string", "description": "Their name."}},
)


def test_what_the_clock_makes_of_it() -> None:
    assert state_of("waiting", 10, 0, 9.9) == "waiting"
    assert state_of("waiting", 10, 0, 10) == "expired"
    assert state_of("taken", 10, 5, 5 + TAKEN_S - 1) == "taken"
    assert state_of("taken", 10, 5, 5 + TAKEN_S) == "lost"
    assert state_of("answered", 10, 5, 5 + TAKEN_S) == "answered"
    assert state_of("answered", 10, 5, 5 + ANSWERED_S) == "lost"
    assert state_of("ended", 10, 5, 1e12) == "ended"


def test_a_policy_may_forbid_it(database: Database) -> None:
    async def work() -> None:
        jobs = Jobs(database, Policy(flow_agent_orders=False))
        await jobs.open()
        with pytest.raises(RefusedError, match="policy"):
            await jobs.place("a")

    asyncio.run(work())


class Jobs:
    """Orders straight on a database."""

    def __init__(self, database: Database, policy: Policy | None = None) -> None:
        self.database, self.policy = database, policy or Policy()

    async def open(self, *seats: tuple[str, str]) -> str:
        await self.database.write(partial(tenants.ensure_tenant, tenant="main"))
        for id, name in seats or (("s-1", "one"),):
            row = {"tenant": "main", "id": id, "name": name, "team": "red", "enrolled_at": 0.0}
            keys = {"sign_key": b"", "seal_key": b""}
            await self.do(insert(t.seat).values(**row, **keys))
        saved = await self.database.write(
            partial(flow_agents.take_in, tenant="main", actor="anna", raw=dict(DOCUMENT.source))
        )
        self.agent = saved.agent_id
        return str(saved.agent_id)

    async def do(self, change: Any) -> None:
        await self.database.write(lambda c: c.execute(change))

    async def place(self, key: str, seat: str = "one") -> Any:
        wish = Wish(to=TO, seat=seat, custom_parameters={"who": "Ben"})
        job = partial(
            flow_agent_orders.place,
            tenant="main",
            actor="anna",
            agent=self.agent,
            key=key,
            wish=wish,
            policy=self.policy,
        )
        return (await self.database.write(job))[0]

    async def take(self, order: str, taker: str) -> Any:
        job = partial(flow_agent_orders.take, tenant="main", seat="s-1", order=order, taker=taker)
        return await self.database.write(job)

    async def row(self, order: str) -> Any:
        query = select(t.flow_agent_order).where(t.flow_agent_order.c.id == order)
        return await self.database.read(lambda c: c.execute(query).one_or_none())

    async def age(self, seconds: float) -> None:
        table = t.flow_agent_order
        times = ("ordered_at", "expires_at", "changed_at")
        older = update(table).values({one: table.c[one] - seconds for one in times})
        await self.do(older)


def test_of_two_windows_at_once_one_takes_it(database: Database) -> None:
    async def work() -> None:
        jobs = Jobs(database)
        await jobs.open()
        same = await asyncio.gather(*(jobs.place("k") for _ in range(4)))
        assert len({one.order for one in same}) == 1
        takes = [jobs.take(same[0].order, taker) for taker in "abcd"]
        found = await asyncio.gather(*takes, return_exceptions=True)
        codes = [one.status if isinstance(one, RefusedError) else 200 for one in found]
        assert sorted(codes) == [200, 409, 409, 409]

    asyncio.run(work())


def test_an_order_expires_and_keeps_nothing_of_the_caller(database: Database) -> None:
    async def work() -> None:
        jobs = Jobs(database)
        await jobs.open()
        late, lost, over = [await jobs.place(key) for key in "abc"]
        await jobs.take(lost.order, "x")
        await jobs.take(over.order, "x")
        said = OrderReport(state="ended", reason="Nobody\0 answered.")
        report = partial(flow_agent_orders.report, tenant="main", seat="s-1", order=over.order, said=said)
        await database.write(report)
        ended = await jobs.row(over.order)
        assert (ended.to, ended.parameters, ended.reason) == ("", b"{}", "Nobody answered.")
        await jobs.age(120 + TAKEN_S + 1)
        assert await database.read(flow_agent_orders.all_waiting) == frozenset()
        for order, taker in ((late, "y"), (lost, "x")):
            with pytest.raises(RefusedError) as caught:
                await jobs.take(order.order, taker)
            assert caught.value.status == 409, "nobody is called so late"
        states = {}
        for order in (late, lost, over):
            job = partial(flow_agent_orders.found, tenant="main", agent=jobs.agent, order=order.order)
            states[order.order] = (await database.read(job)).state
        assert list(states.values()) == ["expired", "lost", "ended"]
        fresh = await jobs.place("d")
        assert [(await jobs.row(one.order)).to for one in (late, lost, fresh)] == ["", "", "+15550142"]
        await jobs.age(flow_agent_orders.KEPT_S)
        await jobs.place("e")
        assert await jobs.row(late.order) is None

    asyncio.run(work())


def test_a_seat_is_named_by_its_id_or_its_name(database: Database) -> None:
    async def work() -> None:
        jobs = Jobs(database)
        await jobs.open(("s-1", "one"), ("s-2", "twin"), ("s-3", "twin"), ("s-4", "gone"))
        gone = update(t.seat).where(t.seat.c.id == "s-4").values(revoked_at=time.time())
        await jobs.do(gone)
        assert (await jobs.place("a", "s-2")).seat == "s-2"
        assert (await jobs.place("b", "one")).seat == "s-1"
        for key, seat in (("c", "twin"), ("d", "gone")):
            with pytest.raises(RefusedError) as caught:
                await jobs.place(key, seat)
            assert caught.value.status == 409

    asyncio.run(work())
