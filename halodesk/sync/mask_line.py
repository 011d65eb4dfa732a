"""The seat's line to the server for masks: one websocket, questions by number.

Rules:
- A question has its answer in time or an error; it is never asked again from here. The lease asks again.
- A question that ran out ends the line: a frozen server would do it later, in whatever order. The next
  line replaces this one at the server, which then does nothing more that came over the old one.
- Who has asked in vain comes back at once and then often; who needs no mask takes up to a minute, at
  random, so that a site does not come back in one moment.
"""

from __future__ import annotations

import asyncio
import ssl

import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from halodesk.protocol.mask import LARGEST_MASK_MESSAGE, MASK_PATH, FromMaskServer, MaskAnswer, MaskAsk
from halodesk.protocol.sync import RefusedError, ServerAwayError
from halodesk.recording.control import MaskListener
from halodesk.store.sync_store import Link
from halodesk.sync import address, pace
from halodesk.sync.client import Credentials, ServerClient

CONNECT_S = 2.0
URGENT_S = 0.5
"""Seconds between attempts while somebody waits, at most."""
URGENT_FOR_S = 120.0
"""After the last question that was asked in vain."""
AWAY = "The server that masks for this seat cannot be reached."
TODO = "Take no card data now. It connects again by itself; if it stays so, call IT."

_decoder: msgspec.json.Decoder[FromMaskServer] = msgspec.json.Decoder(FromMaskServer)
_log = structlog.get_logger("mask")


class MaskLine:
    """A `MaskServer` for one enrolled seat. Make it anywhere; the rest on one loop.

    Raises `SettingsError` when the pinned authority cannot be read.
    """

    def __init__(self, link: Link, credentials: Credentials, *, between: pace.Chance = pace.chance) -> None:
        self._url = f"ws{link.url.removeprefix('http')}{MASK_PATH}"
        self._tls: ssl.SSLContext | None = address.trusting(link.authority)
        self._client = ServerClient(link.url, self._tls, credentials, timeout_s=CONNECT_S)
        if not link.url.startswith("https:"):
            self._tls = None
        self._between = between
        self._listener: MaskListener | None = None
        self._task: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._pending: dict[int, asyncio.Future[MaskAnswer]] = {}
        self._serial = 0
        self._urgent_until = 0.0
        self._hurry = asyncio.Event()
        self._problem = AWAY
        self._fresh = False
        """The token we have was not accepted."""

    def start(self, listener: MaskListener) -> None:
        """Connect and stay connected. Idempotent."""
        self._listener = listener
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())

    async def close(self) -> None:
        """Hang up and stop trying."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._client.close()

    async def ask(self, asked: MaskAsk, *, timeout_s: float) -> MaskAnswer:
        """Ask once. Raises `ServerAwayError`: no line, lost, or no answer in time."""
        loop = asyncio.get_running_loop()
        socket = self._socket
        if socket is None:
            self._urgent_until = loop.time() + URGENT_FOR_S
            self._hurry.set()
            raise ServerAwayError(self._problem, TODO)
        self._serial += 1
        number = self._serial
        waiting: asyncio.Future[MaskAnswer] = loop.create_future()
        self._pending[number] = waiting
        try:
            async with asyncio.timeout(timeout_s):
                await socket.send(msgspec.json.encode(msgspec.structs.replace(asked, id=number)))
                return await waiting
        except TimeoutError:
            self._lose(socket, "The server that masks for this seat does not answer.")
            raise ServerAwayError(self._problem, TODO) from None
        except WebSocketException:
            raise ServerAwayError(AWAY, TODO) from None
        finally:
            del self._pending[number]

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                await self._one_line()
                failures = 0
            except InvalidStatus as error:
                failures += 1
                self._fresh, self._problem = True, "The server that masks for this seat does not let it in."
                _log.warning("mask_line_refused", error=type(error).__name__)
            except (WebSocketException, OSError, TimeoutError, msgspec.DecodeError, UnicodeError) as error:
                failures += 1
                _log.info("mask_line_lost", error=type(error).__name__)
            except (ServerAwayError, RefusedError) as error:
                failures += 1
                self._problem = error.message
                _log.warning("mask_line_refused", error=type(error).__name__)
            await self._rest(failures)

    async def _rest(self, failures: int) -> None:
        """Wait before the next attempt; not long where somebody needs it."""
        loop = asyncio.get_running_loop()
        self._hurry.clear()
        if loop.time() >= self._urgent_until:
            try:
                async with asyncio.timeout(pace.delay(failures, between=self._between)):
                    await self._hurry.wait()
                return
            except TimeoutError:
                return
        await asyncio.sleep(self._between(0.0, URGENT_S))

    async def _one_line(self) -> None:
        """Connect and take answers until it ends. Raises what ended it."""
        token = await self._client.token(fresh=self._fresh)
        self._fresh = False
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(
            self._url,
            ssl=self._tls,
            additional_headers=headers,
            compression=None,
            max_size=LARGEST_MASK_MESSAGE,
            open_timeout=CONNECT_S,
            close_timeout=CONNECT_S,
            proxy=None,
        ) as socket:
            self._socket = socket
            _log.info("mask_line_up")
            if self._listener is not None:
                self._listener.line_up()
            try:
                async for data in socket:
                    self._take(_decoder.decode(data))
            finally:
                self._lose(socket, AWAY)

    def _take(self, said: FromMaskServer) -> None:
        if not isinstance(said, MaskAnswer):
            if self._listener is not None:
                self._listener.news(said)
            return
        waiting = self._pending.get(said.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(said)

    def _lose(self, socket: ClientConnection, words: str) -> None:
        """The line is of no use any more: everybody who waits or holds hears it, once."""
        if self._socket is not socket:
            return
        self._socket, self._problem = None, words
        if self._pending:
            self._urgent_until = asyncio.get_running_loop().time() + URGENT_FOR_S
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(ServerAwayError(words, TODO))
        socket.transport.abort()
        if self._listener is not None:
            self._listener.line_lost(words)
