"""Addresses for opening sealed values; the work is in `server.unseal`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from halodesk.protocol import unseal as wire
from halodesk.protocol.sync import RefusedError, Role
from halodesk.server import unseal
from halodesk.server.access import Holder as Caller
from halodesk.server.database import Database
from halodesk.server.web import WebRequest, answer, body

Who = Callable[[str, Role], Caller]
"""Whom an Authorization header speaks for in that role; raises `RefusedError`."""
_REQUEST = "/v1/unseal/requests/{request_id:str}"


def unseal_routes(database: Database, who: Who) -> list[ControllerRouterHandler]:
    """All of them."""

    def caller(request: WebRequest, role: Role) -> Caller:
        return who(request.headers.get("Authorization", ""), role)

    async def take(request: WebRequest, role: Role, request_id: str, job: Any) -> Response[bytes]:
        asked = caller(request, role)
        signed = await body(request, wire.Signed)
        try:
            return answer(await database.write(partial(job, caller=asked, data=signed.data)))
        except RefusedError as refusal:
            if refusal.status in (403, 422):
                note = partial(unseal.note_refused, caller=asked, request_id=request_id, refusal=refusal)
                await database.write(note)
            raise

    @get("/v1/sealed/{session:str}")
    async def sealed(request: WebRequest, session: str) -> Response[bytes]:
        job = partial(unseal.sealed_fields, caller=caller(request, "asker"), session=session)
        return answer(await database.read(job))

    @post("/v1/unseal/requests")
    async def ask(request: WebRequest) -> Response[bytes]:
        return await take(request, "asker", "", unseal.take_request)

    @get("/v1/unseal/requests")
    async def waiting(request: WebRequest) -> Response[bytes]:
        return answer(await database.read(partial(unseal.waiting, caller=caller(request, "holder"))))

    @post(f"{_REQUEST}/shares")
    async def share(request: WebRequest, request_id: str) -> Response[bytes]:
        job = partial(unseal.take_share, request_id=request_id)
        return await take(request, "holder", request_id, job)

    @post(f"{_REQUEST}/answer")
    async def collect(request: WebRequest, request_id: str) -> Response[bytes]:
        job = partial(unseal.collect, caller=caller(request, "asker"), request_id=request_id)
        return answer(await database.write(job))

    @post(f"{_REQUEST}/opened")
    async def opened(request: WebRequest, request_id: str) -> Response[bytes]:
        job = partial(unseal.take_opened, request_id=request_id)
        return await take(request, "asker", request_id, job)

    return [sealed, ask, waiting, share, collect, opened]
