"""Speaks `/v1` to the server: signs in by itself, turns every failure into one of two errors.

`ServerAwayError`: not reached, busy, or an answer that is none: try again later. `RefusedError`: it
understood and said no. A token that ran out is renewed once in a call.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import httpx
import msgspec
import zstandard

from halodesk.crypto.signing import AUTH_TAG, SigningKey
from halodesk.protocol import sync as wire
from halodesk.protocol.sync import Problem, RefusedError, ServerAwayError

TIMEOUT_S = 20.0
LARGEST_ANSWER = 16 * 1024 * 1024
_PACKED_FROM = 1024
"""Bytes from which a body is packed."""
_EARLY_S = 30.0

Answer = TypeVar("Answer")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs in, and to which server key the signature is bound."""

    tenant: str
    role: wire.Role
    subject: str
    key: SigningKey
    server_key: bytes


class ServerClient:
    """One server. Use it on one asyncio loop, and close it there.

    `credentials` None: for what anyone may ask. `on_policy` hears the policy that comes with each
    token.
    """

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext,
        credentials: Credentials | None = None,
        *,
        on_policy: Callable[[wire.Policy], None] = lambda policy: None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, verify=tls, timeout=timeout_s)
        self._credentials, self._on_policy = credentials, on_policy
        self._token, self._until = "", 0.0
        self._packer = zstandard.ZstdCompressor(level=3)

    async def __aenter__(self) -> ServerClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def get(self, path: str, kind: type[Answer], **query: str | int) -> Answer:
        """GET as whoever the credentials are of."""
        return _decode(await self._signed_in("GET", path, query=query), kind)

    async def post(self, path: str, message: object, kind: type[Answer]) -> Answer:
        """POST a message as whoever the credentials are of."""
        return _decode(await self._signed_in("POST", path, message=message), kind)

    async def get_bytes(self, path: str) -> bytes:
        """A blob."""
        return await self._signed_in("GET", path)

    async def ask(self, path: str, message: object, kind: type[Answer]) -> Answer:
        """POST without a token."""
        return _decode(await self._send("POST", path, message=message), kind)

    async def ask_for(self, path: str, kind: type[Answer], **query: str | int) -> Answer:
        """GET without a token."""
        return _decode(await self._send("GET", path, query=query), kind)

    async def token(self, *, fresh: bool = False) -> str:
        """A bearer token that holds for a while; `fresh`: whatever we have does not."""
        who = self._credentials
        if who is None:
            raise ValueError("no credentials")
        if self._token and not fresh and time.monotonic() < self._until:
            return self._token
        said = {"tenant": who.tenant, "role": who.role, "subject": who.subject}
        asked = await self.ask("/v1/auth/challenge", said, wire.Challenge)
        parts = (who.tenant, who.role, who.subject, asked.challenge, who.server_key)
        signature = who.key.sign(AUTH_TAG, *parts)
        signed = said | {"challenge": asked.challenge, "signature": signature}
        given = await self.ask("/v1/auth/token", signed, wire.Token)
        self._token = given.token
        self._until = time.monotonic() + max(0.0, given.expires_in - _EARLY_S)
        self._on_policy(given.policy)
        return self._token

    async def _signed_in(
        self, method: str, path: str, *, message: object = None, query: dict[str, str | int] | None = None
    ) -> bytes:
        token = await self.token()
        try:
            return await self._send(method, path, message=message, query=query, token=token)
        except RefusedError as refusal:
            if refusal.status != 401:
                raise
        token = await self.token(fresh=True)
        return await self._send(method, path, message=message, query=query, token=token)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        message: object = None,
        query: dict[str, str | int] | None = None,
        token: str = "",
    ) -> bytes:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = None
        if message is not None:
            content = msgspec.json.encode(message)
            headers["Content-Type"] = "application/json"
            if len(content) >= _PACKED_FROM:
                content = self._packer.compress(content)
                headers["Content-Encoding"] = "zstd"
        try:
            async with self._http.stream(
                method, path, content=content, headers=headers, params=query or None
            ) as answer:
                data = await _all_of(answer)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise ServerAwayError(_reason(error), "It is tried again; nothing is lost.") from None
        if answer.status_code == 200:
            return data
        raise _failure(answer, data)


async def _all_of(answer: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in answer.aiter_bytes():
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise ServerAwayError("The server's answer is far too large.")
        pieces.append(piece)
    return b"".join(pieces)


def _failure(answer: httpx.Response, data: bytes) -> RefusedError | ServerAwayError:
    try:
        problem = msgspec.json.decode(data, type=Problem)
    except msgspec.DecodeError:  # of a proxy between us
        problem = Problem(code="http", message=f"The server answered {answer.status_code}.")
    if answer.status_code in (408, 429) or answer.status_code >= 500:
        header = answer.headers.get("Retry-After", "")
        said = problem.retry_after or (float(header) if header.isdecimal() else 0.0)
        return ServerAwayError(problem.message, problem.todo, retry_after=min(said, 3600.0))
    if 300 <= answer.status_code < 400 or problem.code == "http":
        return ServerAwayError(
            f"Something else than the server answers ({answer.status_code}).",
            "Check the address and the proxy.",
        )
    return RefusedError(answer.status_code, problem)


def _reason(error: Exception) -> str:
    words = str(error).lower()
    if "certificate" in words:
        return "The server's certificate is not to be trusted."
    if isinstance(error, httpx.TimeoutException):
        return "The server does not answer in time."
    return "The server cannot be reached."


def _decode(data: bytes, kind: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError):
        raise ServerAwayError("The server's answer cannot be understood.") from None
