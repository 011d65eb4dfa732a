"""Requests of flows to outside systems (`api_call`), over connections that IT has set up.

Rules:
- A request goes to its connection's own origin (RFC 6454), or to one the connection lists.
  Secrets go to its own origin only.
- A redirect is followed within its own origin, for GET and HEAD. Any other is not: its status is
  the answer, so neither a secret nor a body ever goes where a foreign server points.
- It tries once. Whether it may be tried again is decided by the caller, who knows the flow.
- `not_sent` says that no byte of the request left (httpcore's own trace), so nothing was done.
- What comes back is bounded and taken uncompressed: no answer can fill the memory.
- A flow sets no header that the connection or HTTP itself sets, and no dot segment (`..`) leaves
  the connection's path.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx
import msgspec

from halodesk.connectors.http import checked_base_url, open_client
from halodesk.engine.errors import SettingsError
from halodesk.runtime.effect_ports import HttpAnswer

LARGEST_ANSWER = 1 << 20
LARGEST_REQUEST = 1 << 20
CONNECT_SECONDS = 5.0
MOST_REDIRECTS = 3
_SAFE = ("GET", "HEAD")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OWN_HEADERS = {
    *("host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te"),
    *("accept-encoding", "expect", "trailer", "proxy-authorization", "proxy-connection", "keep-alive"),
}


class HttpConnection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One outside system. `secrets`: headers that only its own origin gets, `Authorization` say."""

    name: str
    url: str
    secrets: dict[str, str] = {}
    headers: dict[str, str] = {}
    origins: tuple[str, ...] = ()
    """Further origins that its requests may name; they get no secret."""
    connect_seconds: float = CONNECT_SECONDS

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"<HttpConnection {self.name}>"


class HttpFindOut(Protocol):
    """The request that tells what became of another."""

    @property
    def url(self) -> str: ...

    @property
    def method(self) -> str: ...


class HttpRequest(Protocol):
    """What a flow asks for. `url` may be relative to the connection's; `body` is JSON, None for none."""

    @property
    def connection(self) -> str: ...

    @property
    def method(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> Any: ...

    @property
    def timeout_ms(self) -> int: ...

    @property
    def idempotency_header(self) -> str: ...

    @property
    def find_out(self) -> HttpFindOut | None: ...


class _NotAllowedError(Exception):
    """A request that must not go out; the text is the reason."""


class HttpConnections:
    """All connections of a seat. Raises `SettingsError` for one that cannot be used."""

    def __init__(self, connections: Sequence[HttpConnection]) -> None:
        self._known = {connection.name: connection for connection in connections}
        if len(self._known) != len(connections):
            raise SettingsError("Two connections have the same name.", "Give each its own.")
        for connection in connections:
            _check(connection)

    async def send(self, call: HttpRequest, *, key: str) -> HttpAnswer:
        """One request, once. `key` goes into its idempotency header. Never raises for what a network does."""
        headers = dict(call.headers)
        if call.idempotency_header:
            headers[call.idempotency_header] = key
        return await self._send(call, call.method, call.url, headers, call.query, call.body)

    async def find_out(self, call: HttpRequest, *, key: str) -> HttpAnswer:
        """Ask what became of `call`; changes nothing over there."""
        query = call.find_out
        if query is None or query.method not in _SAFE:
            return HttpAnswer(
                verdict="not_sent", reason="This request has no way to find out what became of it."
            )
        headers = {call.idempotency_header: key} if call.idempotency_header else {}
        return await self._send(call, query.method, query.url, headers, {}, None)

    async def _send(
        self,
        call: HttpRequest,
        method: str,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        body: Any,
    ) -> HttpAnswer:
        connection = self._known.get(call.connection)
        if connection is None:
            return HttpAnswer(
                verdict="not_sent",
                reason=f"This seat has no connection “{call.connection}”. Tell your supervisor.",
            )
        try:
            target = _target(connection, url)
            if query:
                target = target.copy_merge_params(dict(query))
            content = None if body is None else msgspec.json.encode(body)
            if content is not None and len(content) > LARGEST_REQUEST:
                raise _NotAllowedError("The request is too large.")
            whole = _headers(connection, target, headers, content)
        except _NotAllowedError as problem:
            return HttpAnswer(verdict="not_sent", reason=str(problem))
        exchange = _Exchange(connection, method, target, whole, content)
        return await exchange.run(call.timeout_ms / 1000)


class _Exchange:
    """One request on its way, with the redirects that it may follow."""

    def __init__(
        self,
        connection: HttpConnection,
        method: str,
        target: httpx.URL,
        headers: dict[str, str],
        content: bytes | None,
    ) -> None:
        self._connection, self._method, self._target = connection, method, target
        self._headers, self._content = headers, content
        self._sent = False

    async def run(self, seconds: float) -> HttpAnswer:
        """What came of it within that time."""
        try:
            async with asyncio.timeout(seconds):
                for _ in range(MOST_REDIRECTS):
                    answer = await self._once(seconds)
                    if answer is not None:
                        return answer
            return self._failed("The other system sends the request in circles.")
        except TimeoutError:
            return self._failed(f"The other system did not answer within {seconds:g} seconds.")
        except httpx.TimeoutException:
            return self._failed("The other system did not answer in time.")
        except httpx.HTTPError:
            return self._failed(
                "The connection broke before the answer was there."
                if self._sent
                else "The other system cannot be reached."
            )

    def _failed(self, reason: str) -> HttpAnswer:
        return HttpAnswer(verdict="no_answer" if self._sent else "not_sent", reason=reason)

    async def _once(self, seconds: float) -> HttpAnswer | None:
        """The answer; None where it was a redirect that is followed."""

        async def note(event: str, _info: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                self._sent = True

        async with (
            open_client(
                "", headers={}, connect_seconds=self._connection.connect_seconds, total_seconds=seconds
            ) as client,
            client.stream(
                self._method,
                self._target,
                headers=self._headers,
                content=self._content,
                extensions={"trace": note},
            ) as response,
        ):
            status = response.status_code
            if response.has_redirect_location:
                refused = self._redirected(response)
                return None if not refused else HttpAnswer(verdict="answered", status=status, reason=refused)
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                return self._failed("The other system's answer is packed in a way that was not asked for.")
            received = bytearray()
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > LARGEST_ANSWER:
                    return self._failed("The other system's answer is too large to be read.")
            return HttpAnswer(verdict="answered", status=status, body=bytes(received))

    def _redirected(self, response: httpx.Response) -> str:
        """Goes where the answer points, or says why not."""
        try:
            there = self._target.join(response.headers["Location"])
        except httpx.InvalidURL:
            return "The other system points to an address that is none."
        if _origin(there) != _origin(self._target) or there.userinfo:
            return f"The other system points to {there.host or 'nowhere'}, where nothing is sent to."
        if self._method not in _SAFE:
            return "The other system wants the request sent elsewhere; it was not sent again."
        self._target = there
        return ""


def _check(connection: HttpConnection) -> None:
    checked_base_url(connection.url)
    for origin in connection.origins:
        if httpx.URL(checked_base_url(origin)).path not in ("", "/"):
            raise SettingsError(
                f"{origin} of the connection “{connection.name}” is no origin.", "Write https://host."
            )
    for name, value in (connection.secrets | connection.headers).items():
        if not _NAME.fullmatch(name) or name.lower() in _OWN_HEADERS or not _plain(value):
            raise SettingsError(
                f"The header {name!r} of the connection “{connection.name}” cannot be sent.",
                "Check its name and its value for signs that do not show.",
            )


def _target(connection: HttpConnection, url: str) -> httpx.URL:
    """The whole address, on an origin that is allowed."""
    base = httpx.URL(checked_base_url(connection.url))
    absolute = bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\", url))
    try:
        target = httpx.URL(url if absolute else f"{base}/{url.lstrip('/')}" if url else str(base))
    except httpx.InvalidURL:
        raise _NotAllowedError("The request's address is none. Tell your supervisor.") from None
    allowed = {_origin(base), *(_origin(httpx.URL(origin)) for origin in connection.origins)}
    if _origin(target) not in allowed or target.userinfo or target.fragment:
        raise _NotAllowedError(
            f"The connection “{connection.name}” does not allow requests to {target.host or 'this address'}."
        )
    # httpx resolves `..` itself where it stands in the text, so the text is what must be looked at.
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    if any(re.sub("%2e", ".", part, flags=re.IGNORECASE) in (".", "..") for part in re.split(r"[/\\]", path)):
        raise _NotAllowedError("The request's address leaves its path. Tell your supervisor.")
    return target


def _headers(
    connection: HttpConnection, target: httpx.URL, wanted: Mapping[str, str], content: bytes | None
) -> dict[str, str]:
    kept = {name.lower() for name in connection.secrets | connection.headers} | _OWN_HEADERS
    for name, value in wanted.items():
        if not _NAME.fullmatch(name) or name.lower() in kept:
            raise _NotAllowedError(f"A flow may not set the header “{name}”.")
        if not _plain(value):
            raise _NotAllowedError(f"The header “{name}” holds signs that cannot be sent.")
    own = _origin(target) == _origin(httpx.URL(connection.url))
    return {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "HaloDesk",
        **({} if content is None else {"Content-Type": "application/json"}),
        **wanted,
        **connection.headers,
        **(connection.secrets if own else {}),
    }


def _plain(value: str) -> bool:
    """Visible ASCII and blanks: nothing that begins another header (RFC 9110, 5.5)."""
    return value.isascii() and value.isprintable()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme)
