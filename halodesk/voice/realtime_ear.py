"""The caller's words by a Realtime server: utterances are cut out here, read there.

Rules:
- The server's own turn detection is off: what is an utterance, and that somebody speaks, is known here at
  once (`cutter`). Sound goes out while it is said; its end is a `commit`.
- Words come in the order they were said. An utterance that nobody reads in time is one nobody understood,
  and is taken out of the server's conversation, so that the model hears no more than the transcript says.
- Should the line be lost, the spare ear takes over in mid-call. It is given what was not read yet.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import soxr
import structlog

from halodesk.engine.errors import HaloDeskError
from halodesk.engine.flow_agent import inputs as i
from halodesk.runtime.flow_agent_ports import STT, Expected
from halodesk.voice.cutter import Cutter
from halodesk.voice.messages import SAMPLE_RATE
from halodesk.voice.provider import RealtimeAccount
from halodesk.voice.realtime_line import Event, RealtimeLine

_log = structlog.get_logger("voice")

SERVED_RATE = 24_000
SHORTEST_BYTES = 2 * SAMPLE_RATE // 10
LONGEST_BYTES = 30 * 2 * SAMPLE_RATE
_MOST_TEXT = 4_000
_KEPT_BYTES = 10 * 2 * SAMPLE_RATE
_SILENCE = bytes(SAMPLE_RATE)


class _Utterance:
    def __init__(self) -> None:
        self.pcm = bytearray()
        self.item = ""
        self.commit = ""
        self.heard: asyncio.Future[i.Heard] = asyncio.get_running_loop().create_future()


class RealtimeEar:
    """See `runtime.flow_agent_ports.STT`. `told` gets each item of the conversation with its words."""

    def __init__(
        self,
        line: RealtimeLine,
        account: RealtimeAccount,
        spare: Callable[[], Awaitable[STT]],
        told: Callable[[str, str], None],
    ) -> None:
        self._line, self._open_spare, self._told = line, spare, told
        self._answer_s, self._price = account.answer_s, account.price_minute
        self.cost = 0.0
        self._news: asyncio.Queue[i.VoiceBegan | i.VoiceEnded | i.Heard | None] = asyncio.Queue()
        self._cutter = Cutter(voice=self._voice, speech=self._speech, end=self._end)
        self._now: _Utterance | None = None
        self._resample = _resampler()
        self._waiting: deque[_Utterance] = deque()
        self._more = asyncio.Event()
        self._expected = Expected()
        self._spare: STT | None = None
        self._kept = bytearray()
        self._tasks = [asyncio.create_task(self._deliver(), name="realtime-ear")]
        line.listen(self._event)
        line.when_lost(self._lost)

    def feed(self, pcm: bytes) -> None:
        """Some more sound of the caller."""
        if self._spare is not None:
            self._spare.feed(pcm)
        elif self._line.lost:
            self._kept += pcm
            del self._kept[: max(0, len(self._kept) - _KEPT_BYTES)]
        else:
            self._cutter.feed(pcm)

    def expect(self, expected: Expected) -> None:
        """For the spare ear; the server is given no hints, as in `openai_stt`."""
        self._expected = expected
        if self._spare is not None:
            self._spare.expect(expected)

    async def final(self) -> i.Heard | None:
        """What is being said, or was said last and is not told yet; None where nothing was."""
        if self._spare is not None:
            return await self._spare.final()
        self._cutter.finish()
        if not self._waiting:
            return None
        future = self._waiting[-1].heard
        await asyncio.wait({future}, timeout=self._answer_s)
        return future.result() if future.done() and not future.cancelled() else None

    async def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        """What is heard, until `close`."""
        while (found := await self._news.get()) is not None:
            yield found

    async def close(self) -> None:
        """Lets go of what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._spare is not None:
            await self._spare.close()
        self._news.put_nowait(None)

    # sound out

    def _voice(self, on: bool) -> None:
        self._news.put_nowait(i.VoiceBegan() if on else i.VoiceEnded())

    def _speech(self, pcm: bytes) -> None:
        if self._now is None:
            self._now, self._resample = _Utterance(), _resampler()
        self._now.pcm += pcm
        self._append(pcm, last=False)
        if len(self._now.pcm) >= LONGEST_BYTES:
            self._cutter.finish()

    def _append(self, pcm: bytes, *, last: bool) -> None:
        samples = np.frombuffer(pcm, dtype="<i2")
        made = np.asarray(self._resample.resample_chunk(samples, last=last)).astype("<i2").tobytes()
        if made:
            self._line.post(
                {"type": "input_audio_buffer.append", "audio": base64.b64encode(made).decode("ascii")}
            )

    def _end(self) -> None:
        utterance, self._now = self._now, None
        if utterance is None:
            return
        self._append(b"", last=True)
        if len(utterance.pcm) < SHORTEST_BYTES:
            self._line.post({"type": "input_audio_buffer.clear"})
            utterance.heard.set_result(_NOTHING)
        else:
            self.cost += self._price * len(utterance.pcm) / (2 * SAMPLE_RATE * 60)
            utterance.commit = self._line.post({"type": "input_audio_buffer.commit"})
        self._waiting.append(utterance)
        self._more.set()

    async def _deliver(self) -> None:
        while not self._line.lost:
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            utterance = self._waiting[0]
            await asyncio.wait({utterance.heard}, timeout=self._answer_s)
            self._tell(utterance)

    def _tell(self, utterance: _Utterance) -> None:
        if self._line.lost and not utterance.heard.done():
            return  # the spare ear reads it
        if not utterance.heard.done():
            _log.warning("transcription_failed", provider="realtime", why="did not come in time")
            self._forget(utterance)
        self._waiting.popleft()
        self._news.put_nowait(utterance.heard.result())

    # events in

    def _event(self, event: Event) -> None:
        match event["type"]:
            case "input_audio_buffer.committed":
                waiting = (one for one in self._waiting if one.commit and not one.item)
                utterance = next(waiting, None)
                if utterance is not None:
                    utterance.item = str(event["item_id"])
                    if utterance.heard.done():  # given up on before it was taken
                        self._delete(utterance.item)
            case "conversation.item.input_audio_transcription.completed":
                self._read(event)
            case "conversation.item.input_audio_transcription.failed":
                self._failed(lambda one: one.item == event["item_id"])
            case "error":
                self._failed(lambda one: one.commit == (event["error"].get("event_id") or "none"))

    def _read(self, event: Event) -> None:
        item, text = str(event["item_id"]), str(event["transcript"]).strip()[:_MOST_TEXT]
        utterance = next((one for one in self._waiting if one.item == item), None)
        if utterance is None or utterance.heard.done():
            return
        if not text:
            self._forget(utterance)
            return
        self._told(item, text)
        utterance.heard.set_result(i.Heard(text=text, confidence=_sure(event.get("logprobs"))))

    def _failed(self, which: Callable[[_Utterance], bool]) -> None:
        utterance = next((one for one in self._waiting if which(one)), None)
        if utterance is not None and not utterance.heard.done():
            _log.warning("transcription_failed", provider="realtime", why="the server said so")
            self._forget(utterance)

    def _forget(self, utterance: _Utterance) -> None:
        if utterance.item:
            self._delete(utterance.item)
        utterance.heard.set_result(_NOTHING)

    def _delete(self, item: str) -> None:
        self._line.post({"type": "conversation.item.delete", "item_id": item})

    # the line is lost

    def _lost(self) -> None:
        for utterance in self._waiting:
            if not utterance.heard.done():
                self._kept += utterance.pcm + _SILENCE
        if self._now is not None:
            self._kept += self._now.pcm
        self._tasks.append(asyncio.create_task(self._change()))

    async def _change(self) -> None:
        try:
            spare = await self._open_spare()
        except HaloDeskError as error:
            _log.error("no_spare_ear", error=type(error).__name__)
            return
        spare.expect(self._expected)
        for at in range(0, len(self._kept), SAMPLE_RATE // 25):
            spare.feed(bytes(self._kept[at : at + SAMPLE_RATE // 25]))
        self._kept.clear()
        self._spare = spare
        with contextlib.suppress(asyncio.CancelledError):
            async for news in spare.news():
                self._news.put_nowait(news)


_NOTHING = i.Heard(text="", confidence=0.0)


def _sure(logprobs: Any) -> float:
    """The geometric mean of what each token is worth; 1 where the server does not tell."""
    if not isinstance(logprobs, list) or not logprobs:
        return 1.0
    mean = sum(float(one["logprob"]) for one in logprobs) / len(logprobs)
    return round(min(1.0, math.exp(mean)), 2)


def _resampler() -> soxr.ResampleStream:
    return soxr.ResampleStream(SAMPLE_RATE, SERVED_RATE, 1, dtype="int16")
