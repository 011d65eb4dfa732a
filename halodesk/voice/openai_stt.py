"""Speech to text by OpenAI's `audio/transcriptions`, and every server that speaks it (any base URL).

Rules:
- Utterances are cut out here (`cutter`) and sent whole as WAV; the fast gate tells of voice at once, as it
  does offline, so that an interruption does not wait for the network.
- Words come in the order they were said, however long each takes. A request has a time; one that fails in
  passing is sent once more within it. Then the words are empty: a sound that nobody understood.
- What the node expects is not sent along as a hint: such models repeat a hint when they hear noise, and
  that would be an answer nobody gave.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import wave
from collections.abc import AsyncIterator

import structlog

from halodesk.engine.flow_agent import inputs as i
from halodesk.runtime.flow_agent_ports import STT, Expected
from halodesk.voice.cutter import Cutter
from halodesk.voice.messages import SAMPLE_RATE
from halodesk.voice.openai_speech import SpeechFaultError, faults, in_words, opened, passes
from halodesk.voice.provider import Ear, SpeechAccount, SpeechAwayError

_log = structlog.get_logger("voice")

MODEL = "gpt-4o-mini-transcribe"
LONGEST_BYTES = 30 * 2 * SAMPLE_RATE
"""An utterance is cut there, and goes on as the next."""
SHORTEST_BYTES = 2 * SAMPLE_RATE // 10
"""The server refuses less than a tenth of a second, and no word is so short."""
_MOST_TEXT = 4_000


class OpenAISTT:
    """See `runtime.flow_agent_ports.STT`. Used on one loop, made on it."""

    def __init__(self, account: SpeechAccount) -> None:
        """Raises `SettingsError`."""
        self._account = account
        self.cost = 0.0
        self._client = opened(account, account.answer_s)
        self._faults = faults()
        self._news: asyncio.Queue[i.VoiceBegan | i.VoiceEnded | i.Heard | None] = asyncio.Queue()
        self._sent: asyncio.Queue[asyncio.Task[i.Heard]] = asyncio.Queue()
        self._last: asyncio.Task[i.Heard] | None = None
        self._utterance = bytearray()
        self._cutter = Cutter(voice=self._voice, speech=self._speech, end=self._end)
        self._delivers = asyncio.create_task(self._deliver(), name="openai-ear")

    async def start(self) -> None:
        """Has half a second of silence read, so that key and model are known to be right.

        Raises `SpeechAwayError`.
        """
        try:
            await self._words(wav_of(bytes(SAMPLE_RATE)))
        except self._faults as error:
            raise SpeechAwayError(f"The speech server {in_words(error)}.", "Check `speech.ear`.") from None

    def feed(self, pcm: bytes) -> None:
        """Some more sound of the caller."""
        self._cutter.feed(pcm)

    def expect(self, expected: Expected) -> None:
        """Nothing: see the Rules."""

    async def final(self) -> i.Heard | None:
        """What is being said, or was said last and is not told yet; None where nothing was."""
        if self._cutter.speaking:
            self._cutter.finish()
        task = self._last
        if task is None or task.done():
            return None
        await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    async def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        """What is heard, until `close`."""
        while (found := await self._news.get()) is not None:
            yield found

    async def close(self) -> None:
        """Lets go of what is under way, and of its connections."""
        waiting = [self._delivers]
        self._delivers.cancel()
        while not self._sent.empty():
            task = self._sent.get_nowait()
            task.cancel()
            await asyncio.wait({task})
        if self._last is not None:
            self._last.cancel()
            await asyncio.wait({self._last})
        await asyncio.wait(waiting)
        await self._client.close()
        self._news.put_nowait(None)

    def _voice(self, on: bool) -> None:
        self._news.put_nowait(i.VoiceBegan() if on else i.VoiceEnded())

    def _speech(self, pcm: bytes) -> None:
        self._utterance += pcm
        if len(self._utterance) >= LONGEST_BYTES:
            self._cutter.finish()

    def _end(self) -> None:
        pcm = bytes(self._utterance)
        self._utterance.clear()
        self._last = asyncio.create_task(self._heard(pcm))
        self._sent.put_nowait(self._last)

    async def _deliver(self) -> None:
        while True:
            task = await self._sent.get()
            try:
                self._news.put_nowait(await task)
            finally:
                task.cancel()

    async def _heard(self, pcm: bytes) -> i.Heard:
        text = ""
        if len(pcm) >= SHORTEST_BYTES:
            try:
                async with asyncio.timeout(self._account.answer_s):
                    text = await self._tried(wav_of(pcm))
            except self._faults as error:
                _log.warning("transcription_failed", provider="openai", why=in_words(error))
        return i.Heard(text=text, final=True, confidence=1.0 if text else 0.0)

    async def _tried(self, wav: bytes) -> str:
        try:
            return await self._words(wav)
        except self._faults as error:
            if not passes(error):
                raise
        return await self._words(wav)

    async def _words(self, wav: bytes) -> str:
        self.cost += self._account.price_minute * len(wav) / (2 * SAMPLE_RATE * 60)
        language = {"language": self._account.language} if self._account.language else None
        found = await self._client.audio.transcriptions.create(
            file=("speech.wav", wav, "audio/wav"),
            model=self._account.model or MODEL,
            response_format="json",
            extra_body=language,
        )
        text = getattr(found, "text", None)
        if not isinstance(text, str):
            raise SpeechFaultError
        return text.strip()[:_MOST_TEXT]


def wav_of(pcm: bytes) -> bytes:
    """A WAV file of sound at 16 kHz."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)
    return out.getvalue()


async def _open(account: SpeechAccount) -> STT:
    found = OpenAISTT(account)
    try:
        await found.start()
    except BaseException:
        with contextlib.suppress(Exception):
            await found.close()
        raise
    return found


EAR = Ear(key="openai", label="OpenAI, or a server that speaks its language", open=_open)
