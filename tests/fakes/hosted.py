"""A toy hosted platform on loopback: real HTTP, calls by their own names, recordings one can pause.

It misbehaves on demand: set the attributes of `Hosted` at any time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

SIP_CALL = "a84b4c76/e66710@seat"
ID = "call-77"


@dataclass
class Asked:
    """One request as it arrived. `path` is still encoded."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hosted:
    """The platform. One call is up; `states` holds one state for each of its recordings."""

    calls: dict[str, str] = field(default_factory=lambda: {SIP_CALL: ID})
    extension: str = "1001"
    states: list[str] = field(default_factory=lambda: ["recording"])
    obeys: bool = True
    """Off: 200, and nothing is done."""
    hangs_at: str = ""
    """Part of a path whose requests are never answered."""
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Part of a path to the status and body it is answered with instead."""
    redirects_to: str = ""
    late_s: float = 0.0
    """Pausing takes so long to show."""
    token: str = "secret-word"
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    def sent(self, method: str) -> list[Asked]:
        """Requests of one method."""
        return [one for one in self.asked if one.method == method]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _request(reader)) is not None:
                self.asked.append(asked)
                if self.hangs_at and self.hangs_at in asked.path:
                    await reader.read()
                    break
                status, body, extra = self._act(asked)
                data = body.encode()
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n{extra}\r\n"
                writer.write(head.encode() + data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    def _act(self, asked: Asked) -> tuple[int, str, str]:
        path = urlsplit(asked.path)
        for part, (status, body) in self.answers.items():
            if part in asked.path:
                return status, body, ""
        if self.redirects_to:
            return 307, "", f"Location: {self.redirects_to}\r\n"
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return 401, "{}", ""
        if path.path == "/v2/live":
            rows = [
                {"sip": {"callId": sip}, "id": name, "extension": self.extension}
                for sip, name in self.calls.items()
            ]
            return 200, json.dumps({"calls": rows}), ""
        name = unquote(path.path.removeprefix("/v2/calls/").partition("/")[0])
        if name not in self.calls.values():
            return 404, "{}", ""
        if asked.method == "PATCH":
            wanted = json.loads(asked.body)["recording"]["state"]
            if self.obeys:
                self._later(lambda: self.states.__setitem__(slice(None), [wanted] * len(self.states)))
            return 202, "", ""
        return 200, json.dumps({"recordings": [{"state": state} for state in self.states]}), ""

    def _later(self, change: Callable[[], None]) -> None:
        if self.late_s:
            asyncio.get_running_loop().call_later(self.late_s, change)
        else:
            change()


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while (text := (await reader.readline()).decode().strip()) != "":
        name, _, value = text.partition(": ")
        headers[name.lower()] = value
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


@asynccontextmanager
async def hosted() -> AsyncIterator[Hosted]:
    """A running platform on a free port, ended with the block."""
    platform = Hosted()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(platform._serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    platform.port = server.sockets[0].getsockname()[1]
    try:
        yield platform
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
