"""Addresses of flow agents.

    a seat or a publisher   GET /api/agents, /api/agents/ID, /api/agents/ID/flow (?version=N)
    a publisher             PUT /api/agents/ID/flow (If-Match), POST /api/agents/import

The flow is a bare array of nodes. `ETag` is the version; PUT wants it back as `If-Match`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from litestar import Response, get, post, put
from litestar.types import ControllerRouterHandler

from halodesk.engine.flow_agent.document import write
from halodesk.protocol.sync import RefusedError, Role
from halodesk.server import flow_agents
from halodesk.server.access import Holder, refused
from halodesk.server.database import Database
from halodesk.server.web import WebRequest, answer, body

Who = Callable[[str, Role], Holder]


def flow_agent_routes(database: Database, holder: Who) -> list[ControllerRouterHandler]:
    """Reading for seats and publishers, writing for publishers."""

    def reader(request: WebRequest) -> Holder:
        words = request.headers.get("Authorization", "")
        try:
            return holder(words, "publisher")
        except RefusedError as refusal:
            if refusal.problem.code != "role":
                raise
            return holder(words, "seat")

    def publisher(request: WebRequest) -> Holder:
        return holder(request.headers.get("Authorization", ""), "publisher")

    async def loaded(request: WebRequest, agent: str) -> tuple[dict[str, Any], int]:
        who = reader(request)
        version = _number(request.query_params.get("version", "0"), "version")
        job = partial(flow_agents.load, tenant=who.tenant, agent=agent, version=version)
        document, found = await database.read(job)
        return write(document), found

    @get("/api/agents")
    async def agents(request: WebRequest) -> Response[bytes]:
        who = reader(request)
        return answer(await database.read(partial(flow_agents.listed, tenant=who.tenant)))

    @get("/api/agents/{agent_id:str}")
    async def whole(request: WebRequest, agent_id: str) -> Response[bytes]:
        document, version = await loaded(request, agent_id)
        return _tagged(document, version)

    @get("/api/agents/{agent_id:str}/flow")
    async def flow(request: WebRequest, agent_id: str) -> Response[bytes]:
        document, version = await loaded(request, agent_id)
        return _tagged(document.get("flow_nodes") or [], version)

    @put("/api/agents/{agent_id:str}/flow")
    async def replace(request: WebRequest, agent_id: str) -> Response[bytes]:
        who = publisher(request)
        match = request.headers.get("If-Match", "")
        if not match:
            raise refused(428, "if_match", "Say which version this is of.", "Send its ETag as If-Match.")
        of = _number(match.strip().removeprefix("W/").strip('"'), "If-Match")
        nodes = await body(request, list[Any])
        job = partial(
            flow_agents.replace_flow,
            tenant=who.tenant,
            agent=agent_id,
            actor=who.subject,
            nodes=nodes,
            of=of,
        )
        saved = await database.write(job)
        return _tagged(saved, saved.version)

    @post("/api/agents/import")
    async def take_in(request: WebRequest) -> Response[bytes]:
        who = publisher(request)
        raw = await body(request, dict[str, Any])
        job = partial(flow_agents.take_in, tenant=who.tenant, actor=who.subject, raw=raw)
        saved = await database.write(job)
        return _tagged(saved, saved.version)

    return [agents, whole, flow, replace, take_in]


def _tagged(value: object, version: int) -> Response[bytes]:
    found = answer(value)
    found.headers["ETag"] = f'"{version}"'
    return found


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise refused(400, "malformed", f"{name} is no version: write a whole number.")
    return int(text)
