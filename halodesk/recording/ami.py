"""A small client of the Asterisk Manager Interface (AMI) on asyncio.

Rules:
- One `AmiClient` keeps one connection up for ever: it connects, logs in, hands events on, and after a
  loss tries again with exponential back-off and full jitter, so that 2,000 seats do not storm a PBX
  that has just restarted. A refused login waits the longest time at once: fail2ban watches.
- One `_Connection` is one TCP connection with its own pending requests. What an old connection still
  delivers reaches nobody.
- Every request has a time limit. Where nothing at all was heard while a request ran out, the link is
  dead (a frozen PBX, a dropped VPN) and is dropped: events would be missed as silently.
- `ami_down` is called before any request hears that a connection which was up is lost.
- The secret goes out as MD5 challenge response. It goes out in clear only where the PBX offers no
  challenge and the link is TLS. It is never logged, never in a `repr`.

Why not a library: panoramisk 1.4 (2021) logs in in clear only, logs received messages, has no time
limit, no bounds on input, no check against header injection, and sends what was pending again after a
reconnect: a late unmask would run. pystrix and asterisk-ami are blocking.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import ssl
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami_wire import AmiMessage, AmiParser, Headers, encode

_log = structlog.get_logger("ami")

MAX_LIST_ROWS = 50_000
MAX_UNSENT_BYTES = 256 * 1024
CONNECT_SECONDS = 5.0
PING_SECONDS = 10.0
SILENCE_SECONDS = 0.5
"""A request that ran out sooner than this says nothing about the link."""
STABLE_SECONDS = 5.0
"""A connection that was up this long starts the back-off anew."""

MAX_FAILURES = 30
"""Exponent at which the back-off is at its longest, whatever its settings."""


class AmiAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Where the manager interface is and who asks. The manager user needs
    `read = call` and `write = call,reporting`.
    """

    host: str
    port: int = 5038
    username: str
    secret: str

    def __repr__(self) -> str:
        return f"AmiAccess(host={self.host!r}, port={self.port}, username={self.username!r})"


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between attempts to connect: a random part of first, twice that, … up to longest."""

    first: float = 0.25
    longest: float = 15.0


class AmiListener(Protocol):
    """Who is told. Called on the loop's thread; must not block and must not raise."""

    def ami_up(self) -> None:
        """Logged in; events flow from here on."""
        ...

    def ami_down(self, words: str) -> None:
        """The connection was lost; `words` say why."""
        ...

    def ami_event(self, event: AmiMessage) -> None: ...


class _LoginRefusedError(RecorderError):
    """The PBX knows this user or secret not: trying again soon does not help."""


class _Connection:
    """One TCP connection: requests by ActionID, everything else to `on_event`.

    `on_end` is called with the words, once, before any request hears of the end.
    """

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        on_event: Callable[[AmiMessage], None],
        on_end: Callable[[RecorderError], None],
    ) -> None:
        self._writer = writer
        self._on_event = on_event
        self._on_end = on_end
        self._parser = AmiParser()
        self._pending: dict[str, asyncio.Future[AmiMessage]] = {}
        self._lists: dict[str, list[AmiMessage]] = {}
        self._serial = 0
        self._heard = 0.0
        self._loop = asyncio.get_running_loop()
        self._ended: RecorderError | None = None

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Receive until the connection ends. Raises `RecorderError` with the reason."""
        reason = RecorderError("The PBX closed the connection.")
        try:
            while data := await reader.read(64 * 1024):
                self._heard = self._loop.time()
                for message in self._parser.feed(data):
                    self._take(message)
        except RecorderError as problem:
            reason = problem
        except OSError as problem:
            reason = RecorderError(f"The connection to the PBX broke ({problem.strerror or 'network'}).")
        finally:
            reason = self.end(reason)
        raise reason

    def end(self, reason: RecorderError) -> RecorderError:
        """Close, and fail whatever is still asked. Returns the first reason that was given."""
        if self._ended is not None:
            return self._ended
        self._ended = reason
        self._writer.transport.abort()
        self._on_end(reason)
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(RecorderError(reason.message))
        return reason

    def _take(self, message: AmiMessage) -> None:
        action_id = message.get("ActionID")
        waiting = self._pending.get(action_id)
        rows = self._lists.get(action_id)
        if waiting is None or (message.event and rows is None):
            if message.event:
                self._on_event(message)
            return
        if rows is None:
            if not waiting.done():
                waiting.set_result(message)
            return
        if not message.event and message.success and message.get("EventList").lower() == "start":
            return
        if message.event and message.get("EventList").lower() != "complete":
            if len(rows) >= MAX_LIST_ROWS:
                raise RecorderError(f"The PBX sent a list of more than {MAX_LIST_ROWS} rows.")
            rows.append(message)
            return
        if not waiting.done():
            waiting.set_result(message)

    async def ask(
        self, action: str, headers: Headers, timeout_s: float, rows: list[AmiMessage] | None = None
    ) -> AmiMessage:
        if self._ended is not None:
            raise RecorderError(self._ended.message)
        self._serial += 1
        action_id = f"halodesk-{self._serial}"
        data = encode(action, action_id, headers)
        if self._writer.transport.get_write_buffer_size() + len(data) > MAX_UNSENT_BYTES:
            self.end(RecorderError("The PBX takes no more requests."))
            raise RecorderError("The PBX takes no more requests.")
        waiting: asyncio.Future[AmiMessage] = self._loop.create_future()
        self._pending[action_id] = waiting
        if rows is not None:
            self._lists[action_id] = rows
        sent = self._loop.time()
        self._writer.write(data)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting
        except TimeoutError:
            if timeout_s >= SILENCE_SECONDS and self._heard < sent:
                self.end(RecorderError("The PBX fell silent."))
            raise RecorderError(f"The PBX did not answer within {timeout_s:.1f} s.") from None
        finally:
            del self._pending[action_id]
            self._lists.pop(action_id, None)


class AmiClient:
    """Keeps one manager connection up and answers requests over it.

    `start` begins, `close` ends it; both on the loop's thread. `problem` is why it is not up, in words.
    """

    def __init__(
        self,
        access: AmiAccess,
        listener: AmiListener,
        *,
        tls: ssl.SSLContext | None = None,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        events: str = "call",
    ) -> None:
        """`events`: classes of events that are wanted, as `manager.conf` names them."""
        self._access = access
        self._events = events
        self._listener = listener
        self._tls = tls
        self._backoff = backoff or Backoff()
        self._chance = chance
        self._task: asyncio.Task[None] | None = None
        self._connection: _Connection | None = None
        self._up_since = 0.0
        self._failures = 0
        self.problem = "Not connected yet."

    @property
    def up(self) -> bool:
        return self._connection is not None

    def start(self) -> None:
        """Connect and stay connected. Idempotent."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected())

    async def close(self) -> None:
        """Drop the connection and stop trying. `ami_down` is called where it was up."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def drop(self, reason: RecorderError) -> None:
        """Give this connection up, for `reason`, and connect again later."""
        if self._connection is not None:
            self._connection.end(reason)

    async def ask(self, action: str, headers: Headers = (), *, timeout_s: float) -> AmiMessage:
        """Send one action and return its response, a refusal included.

        Raises `RecorderError`: not connected, connection lost, time out (seconds), unsendable header.
        """
        return await self._up().ask(action, headers, timeout_s)

    async def ask_list(self, action: str, headers: Headers = (), *, timeout_s: float) -> list[AmiMessage]:
        """Send a list action and return its rows. Raises `RecorderError`, also for a refusal."""
        rows: list[AmiMessage] = []
        end = await self._up().ask(action, headers, timeout_s, rows)
        if not end.event and not end.success:
            raise refused(action, end)
        return rows

    def _up(self) -> _Connection:
        if self._connection is None:
            raise RecorderError("The PBX manager interface is not connected.", self.problem)
        return self._connection

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._one_connection()
            except _LoginRefusedError as problem:
                self.problem = str(problem)
                self._failures = MAX_FAILURES
            except RecorderError as problem:
                self.problem = str(problem)
            _log.warning("pbx down", why=self.problem)
            longest = min(self._backoff.longest, self._backoff.first * 2.0**self._failures)
            self._failures = min(self._failures + 1, MAX_FAILURES)
            await asyncio.sleep(longest * self._chance())

    async def _one_connection(self) -> None:
        """Connect, log in, serve until it ends. Raises `RecorderError` with the reason."""
        where = self._access
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(where.host, where.port, ssl=self._tls)
        except (TimeoutError, OSError) as problem:
            words = "The PBX manager interface cannot be reached"
            raise RecorderError(f"{words} ({type(problem).__name__}).") from None
        connection = _Connection(writer, self._listener.ami_event, self._lost)
        reading = asyncio.get_running_loop().create_task(connection.read(reader))
        try:
            await self._login(connection)
            self._connection = connection
            self._up_since = asyncio.get_running_loop().time()
            self.problem = ""
            _log.info("pbx up")
            self._listener.ami_up()
            while not (await asyncio.wait([reading], timeout=PING_SECONDS))[0]:
                await connection.ask("Ping", (), CONNECT_SECONDS)
            await reading
        finally:
            connection.end(RecorderError("The connection to the PBX was closed."))
            if not reading.done():
                reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.exception()

    def _lost(self, reason: RecorderError) -> None:
        self.problem = str(reason)
        if self._connection is not None:
            self._connection = None
            if asyncio.get_running_loop().time() - self._up_since > STABLE_SECONDS:
                self._failures = 0
            self._listener.ami_down(reason.message)

    async def _login(self, connection: _Connection) -> None:
        access = self._access
        challenge = await connection.ask("Challenge", [("AuthType", "MD5")], CONNECT_SECONDS)
        who = [("Username", access.username)]
        if challenge.success and challenge.get("Challenge"):
            # MD5 is what the protocol offers; it keeps the secret off the wire and proves nothing more.
            salted = (challenge.get("Challenge") + access.secret).encode()
            key = hashlib.md5(salted, usedforsecurity=False).hexdigest()
            headers = [("AuthType", "MD5"), *who, ("Key", key)]
        elif self._tls is not None:
            headers = [*who, ("Secret", access.secret)]
        else:
            raise _LoginRefusedError(
                "The PBX offers no challenge login and the connection is not encrypted.",
                "Turn on TLS for the manager interface (tlsenable in manager.conf).",
            )
        answer = await connection.ask("Login", [*headers, ("Events", self._events)], CONNECT_SECONDS)
        if not answer.success:
            raise _LoginRefusedError(
                f"The PBX refuses the manager user {access.username!r}.",
                "Check the user, its secret and its permitted addresses in manager.conf.",
            )


def refused(action: str, answer: AmiMessage) -> RecorderError:
    """The PBX's refusal of an action as an error with words."""
    message = answer.get("Message") or "no reason given"
    todo = ""
    if "permission" in message.lower():
        todo = "Give the manager user read = call and write = call,reporting."
    return RecorderError(f"The PBX refused {action}: {message[:200]}.", todo)
