"""The authenticated local socket of the phone process.

Rules:

1. `Listener(authkey=...)` would authenticate inside `accept`, where one mute client blocks
   everybody. So the listener has no key, and the handshake runs in the client's own reader
   thread, under a time limit.
2. A client has two threads: a reader, which also runs the request handler (so a mask waits
   for nobody), and a writer behind a bounded queue. Nobody but the writer ever blocks on a
   slow client. State is never dropped from the queue: a client that lets it fill is cut
   off, and gets the whole state when it attaches again.
3. A frame that is no request is answered and survived; one that is too large ends the
   connection. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import threading
from multiprocessing.connection import Client as connect
from multiprocessing.connection import Connection, Listener
from queue import Full, Queue
from typing import Protocol

import msgspec

from halodesk.protocol.phone_link import Fault, Notice, Refusal, Reply, Request, decode_request, encode
from halodesk.sip.link import HANDSHAKE_TIMEOUT_S, MAX_FRAME, sever, shake_hands
from halodesk.sip.phone.log import Log

MAX_CLIENTS = 8
"""Connections at a time, those in their handshake included."""

QUEUE_FRAMES = 1000
"""Notices a client may be behind before it is cut off."""

SOUND_FRAMES = 100
"""Frames a client may be behind before sound passes it by: two seconds of it, long before `QUEUE_FRAMES`."""

_FLUSH_S = 1.0


class Handler(Protocol):
    """What the phone does with requests. Called on the reader thread of the client."""

    def handle(self, request: Request, client: Client) -> None:
        """Sends exactly one reply with the `rid` of the request, now or later."""

    def gone(self, client: Client) -> None:
        """This client will send nothing more."""


class Client:
    """One connection."""

    def __init__(self, connection: Connection, number: int, hub: Hub) -> None:
        self.number = number
        self._connection = connection
        self._hub = hub
        self._queue: Queue[bytes | None] = Queue(hub.queue_frames)
        self._reader = threading.Thread(target=self._read, name=f"link-read-{number}", daemon=True)
        self._writer = threading.Thread(target=self._write, name=f"link-write-{number}", daemon=True)
        self._reader.start()

    def send(self, message: Reply | Notice) -> None:
        """Puts a message into the queue; never blocks. A client too far behind is cut off."""
        try:
            self._queue.put_nowait(encode(message))
        except Full:
            self._hub.log.warning("client_too_slow", client=self.number)
            sever(self._connection)

    def offer(self, message: Notice) -> None:
        """Puts sound into the queue; a client that is behind misses it, and nothing else."""
        if self._queue.qsize() < SOUND_FRAMES:
            self.send(message)

    def close(self) -> None:
        """Writes what is queued, as far as the client takes it, and ends the connection."""
        with contextlib.suppress(Full):
            self._queue.put_nowait(None)
            if self._writer.is_alive():
                self._writer.join(_FLUSH_S)
        sever(self._connection)
        self._reader.join(_FLUSH_S)

    def _read(self) -> None:
        try:
            shake_hands(self._connection, self._hub.key, listener=True, timeout_s=self._hub.handshake_s)
        except (multiprocessing.AuthenticationError, EOFError, OSError) as error:
            self._hub.log.warning("client_refused", client=self.number, error=str(error) or "silent")
            self._end()
            return
        self._writer.start()
        with contextlib.suppress(EOFError, OSError):  # OSError: too large a frame, or cut off
            while True:
                self._take(self._connection.recv_bytes(MAX_FRAME))
        self._hub.handler.gone(self)
        sever(self._connection)
        with contextlib.suppress(Full):
            self._queue.put_nowait(None)
        self._writer.join()
        self._end()

    def _take(self, frame: bytes) -> None:
        try:
            request = decode_request(frame)
        except msgspec.DecodeError as error:
            self._hub.log.warning("bad_frame", client=self.number, error=str(error))
            self._not_understood(frame)
            return
        try:
            self._hub.handler.handle(request, self)
        except Exception as error:  # one bad request must not end the phone
            text = f"{type(error).__name__}: {error}"
            self._hub.log.error("request_failed", client=self.number, error=text)
            self.send(Refusal(rid=request.rid, code="internal", message="The phone failed at this request."))

    def _not_understood(self, frame: bytes) -> None:
        """A newer seat may ask what we do not know: it must not wait for an answer in vain."""
        message, todo = "The phone does not understand this message.", "Restart HaloDesk."
        try:
            rid = msgspec.msgpack.decode(frame, type=_JustNumber).rid
        except msgspec.DecodeError:
            rid = 0
        if rid:
            self.send(Refusal(rid=rid, code="bad_message", message=message, todo=todo))
        else:
            self.send(Fault(code="bad_message", message=message, todo=todo))

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # the reader notices the end too
            while (frame := self._queue.get()) is not None:
                self._connection.send_bytes(frame)
        sever(self._connection)

    def _end(self) -> None:
        self._connection.close()
        self._hub.forget(self)


class _JustNumber(msgspec.Struct):
    rid: int = 0


class Hub:
    """Listens, and holds the clients."""

    def __init__(
        self,
        address: str,
        key: bytes,
        handler: Handler,
        log: Log,
        *,
        handshake_s: float = HANDSHAKE_TIMEOUT_S,
        queue_frames: int = QUEUE_FRAMES,
    ) -> None:
        """Binds `address`; raises `OSError` when that fails. Nobody is let in before `start`."""
        self.key = key
        self.handler = handler
        self.log = log
        self.handshake_s = handshake_s
        self.queue_frames = queue_frames
        self._address = address
        self._listener = Listener(address, backlog=MAX_CLIENTS)
        self._clients: list[Client] = []
        self._lock = threading.Lock()
        self._closing = False
        self._numbers = itertools.count(1)
        self._thread = threading.Thread(target=self._accept, name="link-accept", daemon=True)

    def start(self) -> None:
        """Lets clients in."""
        self._thread.start()

    def let_nobody_in(self) -> None:
        """Stops listening; those who are connected stay so."""
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(OSError):
            connect(self._address).close()  # ends `accept`
        self._thread.join(_FLUSH_S)
        self._listener.close()

    def close(self) -> None:
        """Ends all connections, once what is queued for them is written."""
        self.let_nobody_in()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            client.close()

    def forget(self, client: Client) -> None:
        """The connection of `client` is closed."""
        with self._lock:
            self._clients.remove(client)

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError as error:
                if self._closing:
                    return
                self.log.warning("accept_failed", error=str(error))
                continue
            with self._lock:
                if self._closing or len(self._clients) >= MAX_CLIENTS:
                    connection.close()
                    if self._closing:
                        return
                    continue
                self._clients.append(Client(connection, next(self._numbers), self))
