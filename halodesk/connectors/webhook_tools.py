"""Webhook tools of flow agents: to hosts that IT has allowed, signed, at most once unless harmless.

Rules:
- A tool's address must be on an origin (RFC 6454) of the list; without a list nothing is called.
- Each request carries `Idempotency-Key`, the same on every try of the same call, and, where the host
  has a key, `HaloDesk-Signature: t=SECONDS,v1=HMAC-SHA-256(key, "t.method.path?query.body")` in hex.
- Tried again, once, only where it does no harm: GET, or a tool declared idempotent, or a request of
  which no byte left. All tries share the tool's time.
- An answer is at most 1 MB, not packed, and no redirect to another origin is followed. It is data.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from halodesk.connectors.http_call import HttpConnection, HttpConnections
from halodesk.engine.errors import SettingsError
from halodesk.runtime.effect_ports import HttpAnswer
from halodesk.runtime.flow_agent_ports import ToolAnswer, ToolRequest

TRIES = 2
PAUSE_S = 0.2
SIGNATURE = "HaloDesk-Signature"


class ToolHost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An origin that flow agents may call. `secrets`: headers that only it gets."""

    origin: str
    signing_key: str = ""
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"<ToolHost {self.origin}>"


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """As `http_call.HttpRequest` wants it."""

    connection: str
    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    timeout_ms: int
    idempotency_header: str = "Idempotency-Key"
    find_out: None = None


class WebhookTools:
    """Calls tools over the network. Raises `SettingsError` for a list that cannot be used."""

    def __init__(
        self, hosts: Sequence[Mapping[str, Any] | ToolHost], wall: Callable[[], float] = time.time
    ) -> None:
        found: dict[str, ToolHost] = {}
        for number, one in enumerate(hosts, start=1):
            try:
                host = one if isinstance(one, ToolHost) else msgspec.convert(one, ToolHost)
            except msgspec.ValidationError as error:
                raise SettingsError(
                    f"Host {number} in `tool_hosts`: {error}.", "See docs/flow-agents.md."
                ) from None
            found[_origin(host.origin)] = host
        self._hosts, self._wall = found, wall
        self._http = HttpConnections(
            [HttpConnection(name=origin, url=origin, secrets=host.secrets) for origin, host in found.items()]
        )

    async def call(self, request: ToolRequest) -> ToolAnswer:
        """What came of it. Never raises for what a network does."""
        origin = _origin(request.url)
        host = self._hosts.get(origin)
        if host is None:
            return ToolAnswer(ok=False, error="This tool's address is not allowed here.")
        harmless = request.method == "GET" or request.idempotent
        answer = HttpAnswer(verdict="not_sent", reason="It did not answer in time.")
        loop = asyncio.get_running_loop()
        until = loop.time() + request.timeout_s
        for number in range(TRIES):
            left = until - loop.time()
            if left <= 0:
                break
            call = self._built(request, host, origin, left)
            answer = await self._http.send(call, key=request.key)
            again = answer.verdict == "not_sent" or (harmless and _may_pass(answer))
            if not again or number + 1 == TRIES:
                break
            await asyncio.sleep(min(PAUSE_S, max(0.0, until - loop.time())))
        return _read(answer)

    def _built(self, request: ToolRequest, host: ToolHost, origin: str, seconds: float) -> _Call:
        url = httpx.URL(request.url)
        query = {key: _text(value) for key, value in request.arguments.items()}
        body = None if request.method in ("GET", "DELETE") else request.arguments
        call = _Call(
            connection=origin,
            method=request.method,
            url=str(url),
            headers=dict(request.headers),
            query=query if body is None else {},
            body=body,
            timeout_ms=max(1, int(seconds * 1000)),
        )
        if not host.signing_key:
            return call
        path = url.copy_merge_params(query).raw_path.decode() if body is None else url.raw_path.decode()
        stamp = int(self._wall())
        content = b"" if body is None else msgspec.json.encode(body)
        said = f"{stamp}.{request.method}.{path}.".encode() + content
        sign = hmac.new(host.signing_key.encode(), said, hashlib.sha256).hexdigest()
        return msgspec.structs.replace(call, headers={**call.headers, SIGNATURE: f"t={stamp},v1={sign}"})


def _may_pass(answer: HttpAnswer) -> bool:
    return answer.verdict != "answered" or answer.status in (429, 502, 503, 504)


def _read(answer: HttpAnswer) -> ToolAnswer:
    if answer.verdict != "answered":
        return ToolAnswer(ok=False, error=answer.reason or "It did not answer.")
    if not 200 <= answer.status < 300:
        return ToolAnswer(ok=False, error=answer.reason or f"It answered with status {answer.status}.")
    if not answer.body:
        return ToolAnswer(ok=True, value={"done": True})
    try:
        return ToolAnswer(ok=True, value=msgspec.json.decode(answer.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ToolAnswer(ok=True, value=answer.body.decode(errors="replace"))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _origin(address: str) -> str:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return ""
    port = "" if url.port is None else f":{url.port}"
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}{port}"
