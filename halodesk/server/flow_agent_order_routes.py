"""Addresses of the calls that flow agents are ordered to make.

a publisher   POST /api/agents/ID/calls (Idempotency-Key), GET /api/agents/ID/calls/ORDER
a seat        GET /v1/orders, POST /v1/orders/ORDER/take, POST /v1/orders/ORDER/report
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from halodesk.protocol.call_orders import OrderHeard, OrderReport, TakeOrder, WaitingOrders
from halodesk.protocol.sync import Policy, Role
from halodesk.server import flow_agent_orders
from halodesk.server.access import Holder
from halodesk.server.database import Database
from halodesk.server.flow_agent_orders import Wish
from halodesk.server.web import WebRequest, answer, body

Who = Callable[[str, Role], Holder]
_log = structlog.get_logger("server")


def flow_agent_order_routes(
    database: Database, holder: Who, policy: Policy, told: Callable[[str, str], None]
) -> list[ControllerRouterHandler]:
    """Ordering for publishers, taking and reporting for seats.

    `told` hears of the tenant and the seat of each new order.
    """

    def who(request: WebRequest, role: Role) -> Holder:
        return holder(request.headers.get("Authorization", ""), role)

    @post("/api/agents/{agent_id:str}/calls")
    async def place(request: WebRequest, agent_id: str) -> Response[bytes]:
        asker = who(request, "publisher")
        wish = await body(request, Wish)
        job = partial(
            flow_agent_orders.place,
            tenant=asker.tenant,
            actor=asker.subject,
            agent=agent_id,
            key=request.headers.get("Idempotency-Key", ""),
            wish=wish,
            policy=policy,
        )
        ordered, fresh = await database.write(job)
        if fresh:
            _log.info("flow_agent_ordered", seat=ordered.seat)
            told(asker.tenant, ordered.seat)
        found = answer(ordered)
        found.status_code = 202
        return found

    @get("/api/agents/{agent_id:str}/calls/{order:str}")
    async def state(request: WebRequest, agent_id: str, order: str) -> Response[bytes]:
        asker = who(request, "publisher")
        job = partial(flow_agent_orders.found, tenant=asker.tenant, agent=agent_id, order=order)
        return answer(await database.read(job))

    @get("/v1/orders")
    async def waiting(request: WebRequest) -> Response[bytes]:
        seat = who(request, "seat")
        job = partial(flow_agent_orders.waiting, tenant=seat.tenant, seat=seat.subject)
        return answer(WaitingOrders(orders=await database.read(job)))

    @post("/v1/orders/{order:str}/take")
    async def take(request: WebRequest, order: str) -> Response[bytes]:
        seat = who(request, "seat")
        said = await body(request, TakeOrder)
        job = partial(
            flow_agent_orders.take, tenant=seat.tenant, seat=seat.subject, order=order, taker=said.taker[:64]
        )
        return answer(await database.write(job))

    @post("/v1/orders/{order:str}/report")
    async def report(request: WebRequest, order: str) -> Response[bytes]:
        seat = who(request, "seat")
        said = await body(request, OrderReport)
        job = partial(flow_agent_orders.report, tenant=seat.tenant, seat=seat.subject, order=order, said=said)
        return answer(OrderHeard(state=await database.write(job)))

    return [place, state, waiting, take, report]
