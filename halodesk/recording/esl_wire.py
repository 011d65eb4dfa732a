"""A small client of FreeSWITCH's event socket (ESL, mod_event_socket): one question at a time.

A message is header lines, an empty line, and a body where `Content-Length` says so. The password goes
out in clear: the socket belongs on the PBX's own network, or behind a tunnel.
"""

from __future__ import annotations

import asyncio
import contextlib

from halodesk.engine.errors import RecorderError

MOST_BYTES = 4 * 1024 * 1024


class EslConnection:
    """Raises `RecorderError` throughout, in words."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, host: str, port: int, password: str) -> EslConnection:
        """Connected and let in."""
        try:
            connection = cls(*await asyncio.open_connection(host, port))
        except OSError as problem:
            raise RecorderError(
                f"The event socket of the PBX cannot be reached ({type(problem).__name__})."
            ) from None
        try:
            headers, _ = await connection._read()
            if headers.get("content-type") != "auth/request":
                raise RecorderError("The PBX does not speak as FreeSWITCH's event socket does.")
            headers, _ = await connection._ask(f"auth {password}")
            if not headers.get("reply-text", "").startswith("+OK"):
                raise RecorderError("The PBX refuses the password of its event socket.", "Call IT.")
        except BaseException:
            connection.close()
            raise
        return connection

    async def api(self, command: str) -> str:
        """The answer of an API command, as text."""
        _, body = await self._ask(f"api {command}")
        return body

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()

    async def closed(self) -> None:
        """Returns when it has."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _ask(self, line: str) -> tuple[dict[str, str], str]:
        if "\n" in line or "\r" in line:
            raise RecorderError("What the PBX calls this recording cannot be sent back.", "Call IT.")
        self._writer.write(f"{line}\n\n".encode())
        while True:
            headers, body = await self._read()
            if headers.get("content-type") in ("command/reply", "api/response"):
                return headers, body
            if headers.get("content-type") == "text/disconnect-notice":
                raise RecorderError("The PBX closed its event socket.")

    async def _read(self) -> tuple[dict[str, str], str]:
        try:
            head = (await self._reader.readuntil(b"\n\n")).decode("utf-8", "replace")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.splitlines() if ":" in line)
            }
            size = int(headers.get("content-length", "0"))
            if not 0 <= size <= MOST_BYTES:
                raise RecorderError("The PBX sent more than can be read.")
            body = (await self._reader.readexactly(size)).decode("utf-8", "replace")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            raise RecorderError("The event socket of the PBX broke.") from None
        return headers, body
