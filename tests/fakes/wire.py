"""A small HTTP server for fakes of outside systems: keeps every request, misbehaves when told to."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Manner = Literal["answer", "lost", "away", "nonsense", "error", "twice"]
"""`lost`: done, and the line breaks before the answer; `away`: the line breaks, nothing done; `nonsense`:
done, and garbage comes back; `error`: nothing done, status 500; `twice`: the answer comes two times."""


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Answer:
    """Status and document."""

    status: int
    document: Any
    mark: bool = False
    """Begins with a byte order mark."""


@dataclass
class Wire:
    """`handle` works one request; `manners` are used up by the requests that `moves` money."""

    handle: Callable[[Request], Answer]
    moves: Callable[[Request], bool]
    manners: deque[Manner] = field(default_factory=deque)
    seen: list[Request] = field(default_factory=list)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Its address, for the length of the block."""
        async with await asyncio.start_server(self._peer, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            server.close()

    async def _peer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            self.seen.append(request)
            manner: Manner = "answer"
            if self.moves(request) and self.manners:
                manner = self.manners.popleft()
            writer.write(self._played(manner, request))
            await writer.drain()
        finally:
            writer.close()

    def _played(self, manner: Manner, request: Request) -> bytes:
        if manner == "away":
            return b""
        if manner == "error":
            return _response(Answer(500, {"error": {"type": "api_error", "message": "We failed."}}))
        whole = _response(self.handle(request))
        if manner == "lost":
            return b""
        if manner == "nonsense":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n\x00<<<not an answer>>>"[:-1]
        return whole * 2 if manner == "twice" else whole


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}
    parts = urlsplit(target)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)


def _response(answer: Answer) -> bytes:
    body = (b"\xef\xbb\xbf" if answer.mark else b"") + json.dumps(answer.document).encode()
    return f"HTTP/1.1 {answer.status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
