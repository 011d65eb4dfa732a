"""Text to speech by OpenAI's `audio/speech`, and every server that speaks it (any base URL).

Rules:
- Sound is asked for as it is made, raw at 24 kHz, and resampled on the way: the first piece goes out before
  the last is made.
- A sentence has a time to its first sound and one for every pause in it. One that fails is said by the
  other mouth, if there is one, from its beginning: a caller hears some words twice rather than half of them.
- What comes is checked to be raw sound: a file of another kind played as such is noise at full volume.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

import numpy as np
import soxr
import structlog

from halodesk.runtime.flow_agent_ports import TTS
from halodesk.voice.messages import SAMPLE_RATE
from halodesk.voice.openai_speech import SpeechFaultError, faults, in_words, opened, unconnected
from halodesk.voice.provider import Mouth, SpeechAccount, SpeechAwayError

if TYPE_CHECKING:
    from openai._response import AsyncStreamedBinaryAPIResponse

_log = structlog.get_logger("voice")

MODEL = "gpt-4o-mini-tts"
VOICE = "alloy"
SERVED_RATE = 24_000
STALL_S = 4.0
LONGEST_S = 120.0
_PIECE_BYTES = 2 * SERVED_RATE // 10
_NO_SOUND = ("text/", "application/json", "audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/flac")
_FILES = (b"RIFF", b"ID3", b"OggS", b"fLaC")


class OpenAITTS:
    """See `runtime.flow_agent_ports.TTS`."""

    def __init__(self, account: SpeechAccount, instead: TTS | None = None) -> None:
        """`instead` says what the server does not. Raises `SettingsError`."""
        self._account, self._instead = account, instead
        self.cost = 0.0
        self._client = opened(account, STALL_S)
        self._faults = faults()

    async def start(self) -> None:
        """Has a word said: key, model and voice are known to be right then. Raises `SpeechAwayError`."""
        try:
            async with contextlib.aclosing(self._sound("Yes.")) as sound:
                await anext(sound, None)
        except self._faults as error:
            raise SpeechAwayError(f"The speech server {in_words(error)}.", "Check `speech.mouth`.") from None

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        """Sound of the text as it comes; closing it ends the request."""
        if not text.strip():
            return
        try:
            async with contextlib.aclosing(self._sound(text)) as sound:
                async for pcm in sound:
                    yield pcm
            return
        except self._faults as error:
            _log.warning("speech_failed", provider="openai", why=in_words(error))
        if self._instead is not None:
            async for pcm in self._instead.stream(text):
                yield pcm

    async def close(self) -> None:
        """Ends its connections."""
        await self._client.close()
        if self._instead is not None:
            await self._instead.close()

    async def _sound(self, text: str) -> AsyncGenerator[bytes, None]:
        """16 kHz; raises what `faults` lists, also when nothing came."""
        resample = soxr.ResampleStream(SERVED_RATE, SAMPLE_RATE, 1, dtype="int16")
        left, taken = b"", 0
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.timeout(self._account.first_sound_s):
                response = await self._asked(stack, text)
                _check_kind(response.headers.get("content-type", ""))
                pieces = response.iter_bytes(_PIECE_BYTES)
                piece = await anext(pieces, b"")
            if piece.startswith(_FILES):
                raise SpeechFaultError
            while piece:
                taken += len(piece)
                if taken > LONGEST_S * 2 * SERVED_RATE:
                    raise SpeechFaultError
                piece = left + piece
                whole = len(piece) // 2 * 2
                left = piece[whole:]
                if made := _resampled(resample, piece[:whole], last=False):
                    yield made
                async with asyncio.timeout(STALL_S):
                    piece = await anext(pieces, b"")
            if not taken:
                raise SpeechFaultError
            if made := _resampled(resample, b"", last=True):
                yield made

    async def _asked(self, stack: contextlib.AsyncExitStack, text: str) -> AsyncStreamedBinaryAPIResponse:
        """The answer once it begins. A connection that turns out to be closed is made anew, once."""
        self.cost += self._account.price_letters * len(text) / 1_000_000
        for last in (False, True):
            asked = self._client.audio.speech.with_streaming_response.create(
                model=self._account.model or MODEL,
                voice=self._account.voice or VOICE,
                input=text,
                response_format="pcm",
            )
            try:
                return await stack.enter_async_context(asked)
            except self._faults as error:
                if last or not unconnected(error):
                    raise
        raise SpeechFaultError


def _check_kind(content_type: str) -> None:
    if content_type.strip().lower().startswith(_NO_SOUND):
        raise SpeechFaultError


def _resampled(stream: soxr.ResampleStream, pcm: bytes, *, last: bool) -> bytes:
    return bytes(np.asarray(stream.resample_chunk(np.frombuffer(pcm, dtype="<i2"), last=last)).tobytes())


async def _open(account: SpeechAccount, instead: TTS | None) -> TTS:
    found = OpenAITTS(account, instead)
    try:
        await found.start()
    except BaseException:
        await found.close()
        raise
    return found


MOUTH = Mouth(key="openai", label="OpenAI, or a server that speaks its language", open=_open)
