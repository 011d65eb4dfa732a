"""The server as an ASGI application: addresses and who may ask for them.

    anyone      /healthz /readyz /v1/identity /v1/enroll /v1/auth/challenge /v1/auth/token
    a seat      /v1/ingest /v1/have /v1/sync /v1/blobs/SHA256 /v1/push and /v1/mask (websockets),
                /v1/sign-in /v1/erasures /v1/orders (`flow_agent_order_routes`)
    a publisher GET /v1/flows/KEY, POST /v1/flows/KEY/versions
    an asker    /v1/sealed/SESSION, POST /v1/unseal/requests, /v1/unseal/requests/ID/answer, …/opened
    a holder    GET /v1/unseal/requests, POST /v1/unseal/requests/ID/shares
    both        /api/agents (`flow_agent_routes`)

A token says who asks; nothing a request says of itself gives a right.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Response, WebSocket, get, post, websocket
from litestar.exceptions import HTTPException, WebSocketDisconnect
from litestar.types import ControllerRouterHandler
from sqlalchemy import Connection

from halodesk.crypto.signing import SEEN_TAG, SELF_TAG
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol import sync as wire
from halodesk.server import catalogue, counters, flow_agent_orders, tenants, unseal
from halodesk.server.access import Access, Holder, refused
from halodesk.server.chunks import check
from halodesk.server.database import Database
from halodesk.server.flood import Flood
from halodesk.server.flow_agent_order_routes import flow_agent_order_routes
from halodesk.server.flow_agent_routes import flow_agent_routes
from halodesk.server.ingest import accept, behind, quarantine
from halodesk.server.keys import ServerKeys
from halodesk.server.mask_line import mask_route
from halodesk.server.masks import Masks
from halodesk.server.people_routes import people_routes, watch_gaps
from halodesk.server.push import Hub, Line
from halodesk.server.unseal_routes import unseal_routes
from halodesk.server.web import WebRequest, answer, body, decode, failed

UPLOADS = 8
"""How many uploads are unpacked and checked at once: bounds the memory they take."""
SEAT_RATE, SEAT_BURST = 50.0, 100.0
MASK_RATE, MASK_BURST = 20.0, 100.0
STRANGER_RATE, STRANGER_BURST = 50.0, 300.0
"""Requests a second of one seat, of its questions for masks (which renew once a second), and of one
address that has not signed in (a whole site may share it)."""

_log = structlog.get_logger("server")


def create_app(
    database: Database, keys: ServerKeys, policy: wire.Policy, recorders: Sequence[dict[str, Any]] = ()
) -> Litestar:
    """The application; `recorders` are those it masks. It closes the database when it ends.

    Raises `SettingsError` for a recorder that cannot be used.
    """
    server = _Server(database, keys, policy, Masks(database, recorders))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        watching = asyncio.gather(server.hub.watch(), watch_gaps(database))
        server.masks.start()
        try:
            yield
        finally:
            watching.cancel()
            await server.masks.close()
            await asyncio.to_thread(database.close)

    return Litestar(
        server.routes(),
        exception_handlers={HTTPException: failed, HaloDeskError: failed, Exception: failed},
        request_max_body_size=wire.LARGEST_UPLOAD,
        lifespan=[lifespan],
        logging_config=None,
        openapi_config=None,
        debug=False,
    )


class _Server:
    def __init__(self, database: Database, keys: ServerKeys, policy: wire.Policy, masks: Masks) -> None:
        self.database, self.keys, self.policy, self.masks = database, keys, policy, masks
        self.access = Access(keys.tokens, keys.identity.public)
        self.hub = Hub(database)
        self.seats = Flood(SEAT_RATE, SEAT_BURST)
        self.strangers = Flood(STRANGER_RATE, STRANGER_BURST)
        self.masking = Flood(MASK_RATE, MASK_BURST)
        self.uploads = asyncio.Semaphore(UPLOADS)

    def routes(self) -> list[ControllerRouterHandler]:
        mask = mask_route(self.masks, partial(self.access.holder, role="seat"), self.may_mask)
        people = people_routes(self.database, self.policy, partial(self.holder, role="seat"))
        seats = [*_seat_routes(self), *people]
        own = [*_open_routes(self), *seats, *_publisher_routes(self), _push_route(self), mask]
        agents = flow_agent_routes(self.database, self.holder)
        told = self.hub.announce_order
        orders = flow_agent_order_routes(self.database, self.holder, self.policy, told)
        return [*own, *agents, *orders, *unseal_routes(self.database, self.holder)]

    def holder(self, authorization: str, role: wire.Role) -> Holder:
        holder = self.access.holder(authorization, role)
        self.let_in(holder)
        self.seats.check(f"{holder.tenant}/{holder.subject}")
        return holder

    def let_in(self, holder: Holder) -> None:
        """Raises `RefusedError` for one that was shut out."""
        if (holder.tenant, holder.subject) in self.hub.revoked:
            raise refused(403, "seat_revoked", "This seat has been shut out.", "Tell IT.")

    def may_mask(self, holder: Holder) -> None:
        """As `let_in`, and not too often. Uploads are counted apart: they must not lock a page."""
        self.let_in(holder)
        self.masking.check(f"{holder.tenant}/{holder.subject}")

    def stranger(self, request: WebRequest) -> None:
        self.strangers.check(request.client.host if request.client else "")

    async def public_key(self, asked: wire.ChallengeRequest | wire.TokenRequest) -> tuple[bytes, str]:
        """Key and team of someone who may sign in. Raises `RefusedError` (403)."""
        if asked.role == "seat":
            return await self.database.read(
                partial(tenants.seat_key, tenant=asked.tenant, seat=asked.subject)
            )
        if asked.role in ("asker", "holder"):
            job = partial(unseal.public_key, tenant=asked.tenant, role=asked.role, subject=asked.subject)
            return await self.database.read(job), ""
        trust = await self.database.read(partial(tenants.trust, tenant=asked.tenant))
        publisher = trust.publisher(asked.subject)
        if publisher is None:
            raise refused(403, "publisher_unknown", "This key may not publish here.", "Tell IT.")
        return publisher.key, ""


def _open_routes(server: _Server) -> list[ControllerRouterHandler]:
    @get("/healthz")
    async def healthz() -> Response[bytes]:
        return answer({"ok": True})

    @get("/readyz")
    async def readyz() -> Response[bytes]:
        await server.database.read(_nothing)
        return answer({"ok": True})

    @get("/v1/identity")
    async def identity(request: WebRequest) -> Response[bytes]:
        server.stranger(request)
        asked = request.query_params
        tenant, token = asked.get("tenant", ""), asked.get("token", "")
        if token:
            tenant = await server.database.read(partial(tenants.tenant_of_token, hashed=token))
        trust = await server.database.read(partial(tenants.trust_bytes, tenant=tenant))
        signature = server.keys.identity.sign(SELF_TAG, asked.get("nonce", ""), trust)
        return answer(wire.Identity(server_key=server.keys.identity.public, trust=trust, signature=signature))

    @post("/v1/enroll")
    async def enroll(request: WebRequest) -> Response[bytes]:
        server.stranger(request)
        asked = await body(request, wire.EnrolRequest)
        tenant, team = await server.database.write(partial(tenants.enrol, asked=asked))
        _log.info("enrolled", seat=asked.seat)
        return answer(
            wire.EnrolAnswer(tenant=tenant, team=team, policy=server.policy, server_time=time.time())
        )

    @post("/v1/auth/challenge")
    async def challenge(request: WebRequest) -> Response[bytes]:
        server.stranger(request)
        asked = await body(request, wire.ChallengeRequest)
        await server.public_key(asked)
        holder = Holder(tenant=asked.tenant, role=asked.role, subject=asked.subject)
        return answer(wire.Challenge(challenge=server.access.challenge(holder)))

    @post("/v1/auth/token")
    async def token(request: WebRequest) -> Response[bytes]:
        server.stranger(request)
        asked = await body(request, wire.TokenRequest)
        public, team = await server.public_key(asked)
        holder = Holder(tenant=asked.tenant, role=asked.role, subject=asked.subject)
        server.access.check_answer(holder, asked.challenge, asked.signature, public)
        given = server.access.token(msgspec.structs.replace(holder, team=team))
        return answer(wire.Token(token=given, expires_in=wire.TOKEN_SECONDS, policy=server.policy))

    return [healthz, readyz, identity, enroll, challenge, token]


def _seat_routes(server: _Server) -> list[ControllerRouterHandler]:
    database, keys = server.database, server.keys

    @post("/v1/ingest")
    async def ingest(request: WebRequest) -> Response[bytes]:
        holder = server.holder(_authorization(request), "seat")
        async with server.uploads:
            chunk = await body(request, wire.Chunk)
            public, _ = await database.read(
                partial(tenants.seat_key, tenant=holder.tenant, seat=holder.subject)
            )
            try:
                piece = await asyncio.to_thread(check, chunk, holder, public)
                dup = await accept(database, holder, piece)
                if piece.number:
                    await database.write(
                        partial(
                            counters.count,
                            tenant=holder.tenant,
                            seat=holder.subject,
                            number=piece.number,
                            now=time.time(),
                        )
                    )
            except wire.RefusedError as refusal:
                if refusal.status in (403, 422):
                    _log.warning("refused", seat=holder.subject, code=refusal.problem.code)
                    await quarantine(database, holder, chunk.sid, refusal)
                raise
        at = int(time.time())
        parts = (holder.tenant, holder.subject, piece.sid, piece.last, piece.head, at)
        return answer(
            wire.Receipt(
                last=piece.last,
                head=piece.head,
                at=at,
                dup=dup,
                epoch=await database.epoch(),
                signature=keys.identity.sign(SEEN_TAG, *parts),
            )
        )

    @post("/v1/have")
    async def have(request: WebRequest) -> Response[bytes]:
        holder = server.holder(_authorization(request), "seat")
        asked = await body(request, wire.Have)
        found = await database.read(partial(behind, holder=holder, have=asked))
        return answer(msgspec.structs.replace(found, epoch=await database.epoch()))

    @get("/v1/sync")
    async def sync(request: WebRequest) -> Response[bytes]:
        holder = server.holder(_authorization(request), "seat")
        cursor = decode(request.query_params.get("cursor", "0").encode(), int)
        latest = await database.read(partial(catalogue.latest, tenant=holder.tenant))
        events = await database.read(
            partial(catalogue.events_after, tenant=holder.tenant, cursor=max(0, min(cursor, latest)))
        )
        return answer(
            wire.SyncPage(
                cursor=events[-1].cursor if events else latest,
                latest=max(latest, events[-1].cursor if events else 0),
                epoch=await database.epoch(),
                events=events,
                min_schema=wire.LOG_SCHEMA,
                server_time=time.time(),
            )
        )

    @get("/v1/blobs/{sha256:str}")
    async def blob(request: WebRequest, sha256: str) -> Response[bytes]:
        holder = server.holder(_authorization(request), "seat")
        data = await database.read(partial(catalogue.blob, tenant=holder.tenant, sha256=sha256))
        return Response(data, media_type="application/octet-stream", status_code=200)

    return [ingest, have, sync, blob]


def _publisher_routes(server: _Server) -> list[ControllerRouterHandler]:
    database = server.database

    @get("/v1/flows/{flow:str}")
    async def flow_state(request: WebRequest, flow: str) -> Response[bytes]:
        holder = server.holder(_authorization(request), "publisher")
        return answer(await database.read(partial(catalogue.flow_state, tenant=holder.tenant, flow=flow)))

    @post("/v1/flows/{flow:str}/versions")
    async def publish(request: WebRequest, flow: str) -> Response[bytes]:
        holder = server.holder(_authorization(request), "publisher")
        asked = await body(request, wire.Publish)

        def job(connection: Connection) -> int:
            trust = tenants.trust(connection, holder.tenant)
            return catalogue.publish(
                connection, trust=trust, publisher=holder.subject, flow=flow, asked=asked
            )

        cursor = await database.write(job)
        seats = server.hub.connected(holder.tenant)
        server.hub.announce(holder.tenant, cursor)
        _log.info("published", kind=flow)
        return answer(wire.Published(cursor=cursor, seats=seats))

    return [flow_state, publish]


def _push_route(server: _Server) -> ControllerRouterHandler:
    @websocket(wire.PUSH_PATH)
    async def push(socket: WebSocket) -> None:  # type: ignore[type-arg]  # its parameters are not subscriptable at run time
        try:
            holder = server.holder(socket.headers.get("Authorization", ""), "seat")
        except wire.RefusedError as refusal:
            await socket.close(4401, refusal.problem.code)
            return
        await socket.accept()
        line = Line(holder, partial(socket.send_data, mode="binary"), partial(socket.close, 4403))
        server.hub.add(line)
        try:
            while True:
                said = msgspec.json.decode(await socket.receive_data("binary"), type=wire.Hello)
                latest = await server.database.read(partial(catalogue.latest, tenant=holder.tenant))
                if said.cursor != latest:
                    await line.poke(latest, await server.database.epoch())
                mine = partial(flow_agent_orders.waiting, tenant=holder.tenant, seat=holder.subject)
                if await server.database.read(mine):
                    await line.order(await server.database.epoch())
        except (WebSocketDisconnect, msgspec.DecodeError, UnicodeError, wire.ServerAwayError):
            pass  # the seat comes again, and asks by itself meanwhile
        finally:
            server.hub.remove(line)

    return push


def _authorization(request: WebRequest) -> str:
    return request.headers.get("Authorization", "")


def _nothing(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1")
