"""Holds a websocket open on which the server pokes; loses nothing when it cannot.

Rules:
- A poke carries a number and wakes the inbox; what is new is asked for over HTTP.
- A connection that is lost is made again after up to a minute, at random.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from halodesk.protocol.sync import (
    PUSH_PATH,
    FromServer,
    Hello,
    Poke,
    Problem,
    RefusedError,
    ServerAwayError,
)
from halodesk.sync import pace
from halodesk.sync.client import ServerClient

LARGEST = 4096

_decoder: msgspec.json.Decoder[FromServer] = msgspec.json.Decoder(FromServer)
_log = structlog.get_logger("push")


class Push:
    """Run `run` as a task of the client's loop.

    `cursor` gives the seat's cursor, `on_poke` hears of each poke, `on_revoked` that the seat is
    shut out, `on_back` that the server is there again.
    """

    def __init__(
        self,
        url: str,
        tls: ssl.SSLContext,
        client: ServerClient,
        *,
        cursor: Callable[[], int],
        on_poke: Callable[[Poke], None],
        on_revoked: Callable[[RefusedError], None],
        on_back: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        between: pace.Chance = pace.chance,
    ) -> None:
        self._url = f"ws{url.removeprefix('http')}{PUSH_PATH}"
        self._tls = tls if url.startswith("https:") else None
        self._client, self._cursor = client, cursor
        self._on_poke, self._on_revoked = on_poke, on_revoked
        self._on_back, self._between = on_back, between
        self._patience = pace.Patience(sleep, between)
        self._failures = 0
        self.connected = False

    def retry(self) -> None:
        """The server may be there again."""
        self._patience.end()

    async def run(self) -> None:
        """Stay connected, until cancelled."""
        while True:
            self._patience.fresh()
            try:
                await self._listen()
            except (WebSocketException, OSError, msgspec.DecodeError, UnicodeError) as error:
                self._failures += 1
                _log.info("push_lost", error=type(error).__name__)
            except (ServerAwayError, RefusedError) as error:  # no token: the outbox tells why
                self._failures += 1
                _log.info("push_lost", error=type(error).__name__)
            await self._patience.wait(pace.delay(self._failures, between=self._between))

    async def _listen(self) -> None:
        headers = {"Authorization": f"Bearer {await self._client.token()}"}
        async with connect(
            self._url, ssl=self._tls, additional_headers=headers, compression=None, max_size=LARGEST
        ) as socket:
            self.connected = True
            self._failures = pace.back(self._failures, self._on_back)
            try:
                await socket.send(msgspec.json.encode(Hello(cursor=self._cursor())))
                _log.info("push_up")
                async for data in socket:
                    said = _decoder.decode(data)
                    if isinstance(said, Poke):
                        self._on_poke(said)
                    else:
                        self._on_revoked(RefusedError(403, _REVOKED))
            finally:
                self.connected = False


_REVOKED = Problem(code="seat_revoked", message="This seat has been shut out by IT.", todo="Tell IT.")
