"""The one way out for the browser of a step page: a loopback proxy that knows whose request it is.

Rules:
- Qt WebEngine knows one proxy for the whole program. So there is one, ours; the credentials of a
  request name the session, and its list of origins decides here as well, whatever the browser let by.
- Loopback only, a new secret each time: nobody else on this computer gets through.
- One request a connection, and to one address: a connection that was judged is not used for another.
- The log has session, host, port and verdict. A path or a body may hold what a caller said.

HTTP proxying as in RFC 9112 (absolute form) and RFC 9110, 9.3.6 (CONNECT).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import msgspec
import structlog

_log = structlog.get_logger("browser_proxy")

_HEAD_MOST = 64 * 1024
_HEAD_S = 30.0
_CONNECT_S = 20.0
_CHUNK = 64 * 1024
_PORTS = {"http": 80, "https": 443}
_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive", "te", "upgrade"}

Place = tuple[str, int]


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """The proxy of the network, where there is one."""

    host: str
    port: int
    authorization: str = ""

    @classmethod
    def of(cls, address: str) -> Upstream | None:
        """`http://user:password@proxy.example:3128`; None where it is empty. Raises ValueError."""
        if not address:
            return None
        parts = urlsplit(address)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("write http://host:port")
        word = ""
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            word = "Basic " + base64.b64encode(pair.encode()).decode()
        return cls(host=parts.hostname, port=parts.port or 3128, authorization=word)


class _Refused(Exception):
    """Answered to the browser as a status; ends the connection."""

    def __init__(self, status: str, headers: str = "") -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


class _Head(msgspec.Struct, frozen=True):
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """The first of that name, which is in small letters."""
        return next((value for key, value in self.headers if key.casefold() == name), "")


class BrowserProxy:
    """`start` and `close` on the io loop; `admit` and `forget` from any thread."""

    def __init__(self, upstream: Upstream | None = None) -> None:
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._users: dict[str, tuple[str, frozenset[Place]]] = {}
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> int:
        """Listens on a free port; the port. Raises OSError."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_HEAD_MOST)
            self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def close(self) -> None:
        """Ends every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def admit(self, user: str, origins: Iterable[str]) -> str:
        """Requests of `user` may go to these origins from now on; the password he has to show."""
        places = frozenset(place for place in map(_place, origins) if place is not None)
        password = self._users.get(user, ("", None))[0] or secrets.token_urlsafe(24)
        self._users[user] = (password, places)
        return password

    def forget(self, user: str) -> None:
        """Nothing of this user gets through any more."""
        self._users.pop(user, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            await self._one(reader, writer)
        except _Refused as refused:
            with contextlib.suppress(OSError):
                head = f"HTTP/1.1 {refused.status}\r\n{refused.headers}"
                writer.write(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode("latin-1"))
                await writer.drain()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
            _log.info("connection_lost", error=type(error).__name__)
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await _read_head(reader)
        user, places = self._who(head)
        connect = head.method == "CONNECT"
        place = _place(f"https://{head.target}") if connect else _place(head.target)
        if place is None:
            raise _Refused("400 Bad Request")
        if place not in places:
            _log.warning("request_refused", user=user, host=place[0], port=place[1])
            raise _Refused("403 Forbidden")
        _log.info("request", user=user, method=head.method, host=place[0], port=place[1])
        far_reader, far_writer = await self._reach(place)
        try:
            if connect:
                if self._upstream is not None:
                    await self._tunnel(place, far_reader, far_writer)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                far_writer.write(self._forwarded(head, place))
            await _both_ways((reader, writer), (far_reader, far_writer))
        finally:
            far_writer.close()

    def _who(self, head: _Head) -> tuple[str, frozenset[Place]]:
        scheme, _, given = head.header("proxy-authorization").partition(" ")
        with contextlib.suppress(ValueError):
            user, _, password = base64.b64decode(given, validate=True).decode("latin-1").partition(":")
            known = self._users.get(user)
            if (
                known
                and scheme.casefold() == "basic"
                and hmac.compare_digest(known[0].encode(), password.encode())
            ):
                return user, known[1]
        raise _Refused("407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="HaloDesk"\r\n')

    async def _reach(self, place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = (self._upstream.host, self._upstream.port) if self._upstream is not None else place
        try:
            async with asyncio.timeout(_CONNECT_S):
                return await asyncio.open_connection(host, port, limit=_HEAD_MOST)
        except (OSError, TimeoutError) as error:
            _log.info("not_reached", host=host, port=port, error=type(error).__name__)
            raise _Refused("502 Bad Gateway") from None

    async def _tunnel(self, place: Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"
        lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", *self._proof()]
        writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"))
        answer = await _until_blank(reader)
        if answer.split(b" ", 2)[1:2] != [b"200"]:
            raise _Refused("502 Bad Gateway")

    def _forwarded(self, head: _Head, place: Place) -> bytes:
        parts = urlsplit(head.target)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = head.target if self._upstream is not None else path
        kept = [f"{name}: {value}" for name, value in head.headers if name.casefold() not in _HOP]
        proof = self._proof() if self._upstream is not None else []
        lines = [f"{head.method} {target} HTTP/1.1", *kept, *proof, "Connection: close", ""]
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1")

    def _proof(self) -> list[str]:
        word = self._upstream.authorization if self._upstream is not None else ""
        return [f"Proxy-Authorization: {word}"] if word else []


def _place(address: str) -> Place | None:
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.hostname.casefold(), port) if parts.hostname and port else None


async def _until_blank(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(_HEAD_S):
        return await reader.readuntil(b"\r\n\r\n")


async def _read_head(reader: asyncio.StreamReader) -> _Head:
    raw = (await _until_blank(reader)).decode("latin-1")
    first, *lines = raw[:-4].split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or any(":" not in line or line[:1] in " \t" or "\n" in line for line in lines):
        raise _Refused("400 Bad Request")
    pairs = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return _Head(words[0], words[1], pairs)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(near: Ends, far: Ends) -> None:
    """Until the far side has said all, or the near one is gone."""
    up = asyncio.ensure_future(_pump(near[0], far[1]))
    down = asyncio.ensure_future(_pump(far[0], near[1]))
    try:
        await down
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
