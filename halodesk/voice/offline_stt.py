"""Speech to text without a network: the seat's side of the speech worker.

Rules:
- A worker serves one conversation. One that dies is started again, and told what is expected; what was
  being said is lost, which the flow takes as silence.
- `feed` never blocks: sound beyond what the pipe takes is dropped, the oldest not yet sent first.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Sequence

import msgspec
import structlog

from halodesk.engine.flow_agent import inputs as i
from halodesk.runtime.flow_agent_ports import STT, Expected
from halodesk.runtime.program import command
from halodesk.voice import messages as m
from halodesk.voice.provider import OFFLINE, Ear, SpeechAccount, SpeechAwayError

_log = structlog.get_logger("voice")

START_S = 20.0
_FINISH_S = 2.0
_MOST_WAITING = 250
"""Pieces of sound, 20 ms each as they come from a call: five seconds."""
_TRIES = 3


class OfflineSTT:
    """See `runtime.flow_agent_ports.STT`. Made on the loop it lives on, started by `start`."""

    def __init__(self, argv: Sequence[str]) -> None:
        """`argv`: the command of the speech worker."""
        self._argv = tuple(argv)
        self._news: asyncio.Queue[i.VoiceBegan | i.VoiceEnded | i.Heard | None] = asyncio.Queue()
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._more = asyncio.Event()
        self._ready = asyncio.Event()
        self._numbers = itertools.count(1)
        self._finishing: dict[int, asyncio.Future[i.Heard | None]] = {}
        self._last_final: i.Heard | None = None
        self._expected = m.Expect()
        self._process: asyncio.subprocess.Process | None = None
        self._runs: asyncio.Task[None] | None = None

    async def start(self) -> bool:
        """Loads the models (about half a second). False: the worker does not start."""
        self._runs = asyncio.create_task(self._live(), name="speech-worker")
        try:
            async with asyncio.timeout(START_S):
                await self._ready.wait()
        except TimeoutError:
            return False
        return self._process is not None

    def feed(self, pcm: bytes) -> None:
        """Some more sound of the caller."""
        self._waiting.append(pcm)
        self._more.set()

    def expect(self, expected: Expected) -> None:
        """From the next utterance on."""
        self._expected = m.Expect(phrases=expected.phrases, numbers=expected.numbers, free=expected.free)
        self._send(self._expected)

    async def final(self) -> i.Heard | None:
        """What was said up to now, at once; None where nothing was."""
        number = next(self._numbers)
        future: asyncio.Future[i.Heard | None] = asyncio.get_running_loop().create_future()
        self._finishing[number] = future
        self._last_final = None
        self._send(m.Finish(number=number))
        try:
            async with asyncio.timeout(_FINISH_S):
                return await future
        except TimeoutError:
            return None
        finally:
            self._finishing.pop(number, None)

    async def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        """What is heard, until `close`."""
        while (found := await self._news.get()) is not None:
            yield found

    async def close(self) -> None:
        """Ends the worker."""
        if self._runs is not None:
            self._runs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runs
        self._news.put_nowait(None)

    async def _live(self) -> None:
        for attempt in range(_TRIES):
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
                )
            except OSError as error:
                _log.error("speech_worker_not_started", error=type(error).__name__)
                break
            if process.stdin is None or process.stdout is None:
                break
            self._process = process
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._write(process.stdin))
                    group.create_task(self._read(process.stdout))
            except* (_Ended, OSError, msgspec.DecodeError):
                _log.warning("speech_worker_ended", attempt=attempt)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        self._process = None
        self._ready.set()  # whoever waits for it must not wait for ever

    async def _write(self, sink: asyncio.StreamWriter) -> None:
        sink.write(m.framed(self._expected))
        while True:
            while self._waiting:
                sink.write(m.framed(m.Sound(pcm=self._waiting.popleft())))
                await sink.drain()
            self._more.clear()
            await self._more.wait()

    async def _read(self, source: asyncio.StreamReader) -> None:
        while True:
            try:
                (size,) = m.HEAD.unpack(await source.readexactly(m.HEAD.size))
                self._told(m.told(await source.readexactly(min(size, m.LARGEST))))
            except asyncio.IncompleteReadError:
                raise _Ended from None

    def _told(self, told: m.Told) -> None:
        match told:
            case m.Ready():
                self._ready.set()
            case m.VoiceOn():
                self._news.put_nowait(i.VoiceBegan())
            case m.VoiceOff():
                self._news.put_nowait(i.VoiceEnded())
            case m.Words(text=text, final=final, confidence=confidence):
                heard = i.Heard(text=text, final=final, confidence=confidence)
                if final:
                    self._last_final = heard
                self._news.put_nowait(heard)
            case m.Finished(number=number):
                future = self._finishing.get(number)
                if future is not None and not future.done():
                    future.set_result(self._last_final)

    def _send(self, message: m.Asked) -> None:
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(m.framed(message))


class _Ended(Exception):
    """The worker closed its output."""


async def _open(account: SpeechAccount) -> STT:
    found = OfflineSTT([*command(), "speech-worker"])
    try:
        if not await found.start():
            raise SpeechAwayError("Speech recognition does not start here.", "Run: halodesk doctor")
    except BaseException:  # whoever has changed their mind meanwhile leaves no process behind
        await found.close()
        raise
    return found


EAR = Ear(key=OFFLINE, label="This computer (pocketsphinx, English)", open=_open)
