"""One conversation's socket to a Realtime server: events out in their order, events in to whoever listens.

Rules:
- `post` never blocks and never fails: what is posted to a line that is lost is forgotten. Order is kept.
- A line is lost for good: the socket closed, a write that takes too long, an answer that is no event. Each
  that asked for it is told once; nothing connects again, since the server's conversation is gone with it.
- Time-outs are ours; proxies and keys of the environment count for nothing (see `connectors.openai_client`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import structlog

from halodesk.voice.openai_speech import opened
from halodesk.voice.provider import RealtimeAccount, SpeechAwayError

if TYPE_CHECKING:
    from openai.resources.realtime.realtime import AsyncRealtimeConnection

_log = structlog.get_logger("voice")

MODEL = "gpt-realtime-2.1"
OPEN_S = 5.0
WRITE_S = 4.0
ALIVE_S = 5.0
"""How often the socket is asked for a sign of life, and how long that may take."""
LARGEST = 1 << 24
Event = dict[str, Any]
Listener = Callable[[Event], None]


class RealtimeLine:
    """Made on the loop it lives on. `listen` and `when_lost` before `open`."""

    def __init__(self, account: RealtimeAccount) -> None:
        """Raises `SettingsError`."""
        self._account = account
        self._client = opened(account, account.answer_s)
        self._connection: AsyncRealtimeConnection | None = None
        self._out: asyncio.Queue[Event] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self._listeners: list[Listener] = []
        self._when_lost: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = asyncio.Event()
        self._refused = ""
        self._open = False
        self.lost = False
        """Nothing will come any more."""

    def listen(self, listener: Listener) -> None:
        """Gets every event of the server."""
        self._listeners.append(listener)

    def when_lost(self, told: Callable[[], None]) -> None:
        """Is called once, should the line be lost; not when it is closed."""
        self._when_lost.append(told)

    async def open(self, session: Event) -> None:
        """Connects, and has the server take `session`. Raises `SpeechAwayError`."""
        import openai
        import websockets

        # Beyond what the library lists these go to its socket as they are.
        options = {"max_size": LARGEST, "proxy": None, "ping_interval": ALIVE_S, "ping_timeout": ALIVE_S}
        try:
            async with asyncio.timeout(OPEN_S):
                connection = await self._client.realtime.connect(
                    model=self._account.model or MODEL, websocket_connection_options=cast("Any", options)
                ).enter()
                self._connection = connection
                self._tasks = [
                    asyncio.create_task(self._read(connection)),
                    asyncio.create_task(self._write(connection)),
                ]
                self.post({"type": "session.update", "session": session})
                await self._ready.wait()
        except TimeoutError:
            raise SpeechAwayError("The Realtime server did not answer in time.", _TODO) from None
        except websockets.InvalidStatus as error:
            status = error.response.status_code
            words = "refused the key" if status in (401, 403) else f"answered {status}"
            raise SpeechAwayError(f"The Realtime server {words}.", _TODO) from None
        except (OSError, websockets.WebSocketException, openai.OpenAIError):
            raise SpeechAwayError("The Realtime server cannot be reached.", _TODO) from None
        self._open = not self.lost
        if self.lost:
            raise SpeechAwayError(f"The Realtime server {self._refused or 'closed the line'}.", _TODO)

    def post(self, event: Event) -> str:
        """Sends it after all that was posted before; its id, which an `error` of the server names."""
        event_id = f"h{next(self._numbers)}"
        if not self.lost:
            self._out.put_nowait({**event, "event_id": event_id})
        return event_id

    async def close(self) -> None:
        """Hangs up."""
        self._when_lost.clear()
        self.lost = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            with contextlib.suppress(Exception):  # it is over, whatever it says
                async with asyncio.timeout(1):
                    await self._connection.close()
        await self._client.close()

    async def _read(self, connection: AsyncRealtimeConnection) -> None:
        try:
            while True:
                event = json.loads(await connection.recv_bytes())
                if event["type"] == "session.updated":
                    self._ready.set()
                elif event["type"] == "error":
                    _log.info("realtime_error", code=str(event["error"].get("code"))[:60])
                    if not self._ready.is_set():
                        self._refused = "refused the session"
                        return
                for listener in self._listeners:
                    listener(event)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            _log.warning("realtime_nonsense", error=type(error).__name__)
        except Exception as error:
            _log.info("realtime_closed", error=type(error).__name__)
        finally:
            self._lose()

    async def _write(self, connection: AsyncRealtimeConnection) -> None:
        try:
            while True:
                event = await self._out.get()
                async with asyncio.timeout(WRITE_S):
                    await connection.send_raw(json.dumps(event))
        except Exception as error:
            _log.info("realtime_not_sent", error=type(error).__name__)
        finally:
            self._lose()

    def _lose(self) -> None:
        if self.lost:
            return
        self.lost = True
        self._ready.set()
        if self._open:
            _log.warning("realtime_lost")
            for told in self._when_lost:
                told()


_TODO = "Check `speech.realtime`."
