"""The way to the PBX: one datagram socket, or one stream that is opened again after a loss.

Rules:
- The datagram socket is connected: what comes from elsewhere never gets here.
- TLS verifies the server, against the account's own authorities where it names some.
- A stream that breaks, or brings what is no SIP, is closed; the next attempt comes after a delay that
  grows, with full jitter.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable

import structlog

from halodesk.engine.errors import SipFormError
from halodesk.protocol.phone_link import Account
from halodesk.sip.watch.message import Framer, Message, decode

CONNECT_S = 5.0
RETRY_FIRST_S = 0.5
RETRY_MOST_S = 30.0
KEEP_ALIVE = b"\r\n\r\n"
_log = structlog.get_logger("watch")


class Connection:
    """Loop thread only. `on_up` and `on_lost` tell of streams and of the first datagram socket."""

    def __init__(
        self,
        account: Account,
        on_message: Callable[[Message], None],
        on_up: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        self.account = account
        self._on_message, self._on_up, self._on_lost = on_message, on_up, on_lost
        self._send: Callable[[bytes], None] | None = None
        self._local = ("", 0)

    @property
    def up(self) -> bool:
        """Whether something can be sent."""
        return self._send is not None

    @property
    def address(self) -> str:
        """Our own host and port."""
        host, port = self._local
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, data: bytes) -> None:
        """Hand over; what cannot be sent is lost, as on any network."""
        if self._send is not None:
            self._send(data)

    async def keep(self) -> None:
        """Connect and stay connected, until cancelled."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                if self.account.transport == "udp":
                    await self._datagrams()
                else:
                    await self._stream()
            except (OSError, TimeoutError, ssl.SSLError, SipFormError) as error:
                _log.info("watch_connection", error=type(error).__name__)
            finally:
                if self._send is not None:
                    self._send = None
                    self._on_lost()
            if asyncio.get_running_loop().time() - began > RETRY_MOST_S:
                failures = 0
            failures = min(failures + 1, 16)
            longest = min(RETRY_MOST_S, RETRY_FIRST_S * 2.0**failures)
            await asyncio.sleep(random.uniform(0.1, longest))  # noqa: S311  # jitter, no secret

    async def _datagrams(self) -> None:
        host, port = peer_of(self.account)
        loop = asyncio.get_running_loop()
        lost = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._take, lost), remote_addr=(host, port)
        )
        try:
            self._opened(transport.get_extra_info("sockname"), transport.sendto)
            every = self.account.keep_alive_s or None
            while not lost.done():
                await asyncio.wait([lost], timeout=every)
                if not lost.done():
                    transport.sendto(KEEP_ALIVE)
        finally:
            transport.close()

    async def _stream(self) -> None:
        host, port = peer_of(self.account)
        context = None
        if self.account.transport == "tls":
            context = ssl.create_default_context(cafile=self.account.ca_file or None)
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
        try:
            framer = Framer()
            self._opened(writer.get_extra_info("sockname"), writer.write)
            while data := await reader.read(64 * 1024):
                for message in framer.feed(data):
                    self._on_message(message)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    def _opened(self, local: tuple[str, int], send: Callable[[bytes], None]) -> None:
        self._local, self._send = (local[0], local[1]), send
        self._on_up()

    def _take(self, data: bytes) -> None:
        if data.strip(b"\r\n\0"):
            try:
                self._on_message(decode(data))
            except SipFormError as error:
                _log.info("watch_datagram", error=error.message)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes], None], lost: asyncio.Future[None]) -> None:
        self._take, self._lost = take, lost

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there now: a request that runs out will tell."""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)


def peer_of(account: Account) -> tuple[str, int]:
    """Host and port everything is sent to: the outbound proxy, or the registrar."""
    address = account.proxy or account.registrar or account.uri.rpartition("@")[2]
    address = address.removeprefix("sips:").removeprefix("sip:").split(";")[0].rstrip(">")
    default = 5061 if account.transport == "tls" else 5060
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, int(rest[1:]) if rest[1:].isdecimal() else default
    host, _, port = address.partition(":")
    return host, int(port) if port.isdecimal() else default
