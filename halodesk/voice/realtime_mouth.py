"""Speaks with the voice a Realtime server made along with its words; anything else the spare mouth says.

Rules:
- The sound of a response comes as one stream, its text sentence by sentence. A sentence gets the sound that
  belongs to its share of the letters; the next goes on at that very sample, so a wrong guess is not heard.
- What no response under way has said (greeting, fixed lines, the rest of a sentence that was cut) is the
  spare mouth's. So is a sentence whose sound breaks off: it is said again from its beginning.
"""

from __future__ import annotations

import asyncio
import base64
from collections import deque
from collections.abc import AsyncIterator, Callable

import numpy as np
import soxr
import structlog

from halodesk.runtime.flow_agent_ports import TTS
from halodesk.voice.messages import SAMPLE_RATE
from halodesk.voice.realtime_ear import SERVED_RATE
from halodesk.voice.realtime_line import Event, RealtimeLine
from halodesk.voice.realtime_model import bare

_log = structlog.get_logger("voice")

STALL_S = 4.0
_BYTES_A_MS = 2 * SAMPLE_RATE // 1000
_BYTES_A_LETTER = 2 * SAMPLE_RATE // 13
_PIECE_BYTES = SAMPLE_RATE
_KEPT = 4


class _Sound:
    """The sound and the words of one response."""

    def __init__(self, response: str) -> None:
        self.response = response
        self.item = ""
        self.letters = ""
        self.asked = 0
        """Letters that a sentence was asked for already."""
        self.pcm = bytearray()
        self.given = 0
        self.made = self.broken = False
        self.more = asyncio.Event()
        self._resample = soxr.ResampleStream(SERVED_RATE, SAMPLE_RATE, 1, dtype="int16")
        self._odd = b""

    def add(self, pcm: bytes, *, last: bool = False) -> None:
        pcm = self._odd + pcm
        whole = len(pcm) // 2 * 2
        self._odd = pcm[whole:]
        samples = np.frombuffer(pcm[:whole], dtype="<i2")
        self.pcm += np.asarray(self._resample.resample_chunk(samples, last=last)).astype("<i2").tobytes()
        self.more.set()

    def end(self, *, broken: bool) -> None:
        if not self.made:
            self.made, self.broken = True, broken
            self.add(b"", last=True)

    def limit(self, letters: int) -> int:
        """The bytes that belong to so many letters from the beginning."""
        if letters >= len(self.letters):
            return len(self.pcm)
        if self.made:
            return len(self.pcm) * letters // max(1, len(self.letters)) // 2 * 2
        return min(len(self.pcm), letters * _BYTES_A_LETTER)


class RealtimeMouth:
    """See `runtime.flow_agent_ports.TTS`. `cut` is told which item was heard for how many milliseconds."""

    def __init__(self, line: RealtimeLine, spare: TTS | None, cut: Callable[[str, int], None]) -> None:
        self._spare, self._cut = spare, cut
        self._sounds: deque[_Sound] = deque(maxlen=_KEPT)
        self._spoken: dict[str, tuple[_Sound, int]] = {}
        line.listen(self._event)
        line.when_lost(self._lost)

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        """Sound of the text."""
        sound = self._sound_of(text)
        if sound is not None:
            begin = sound.given
            self._spoken[text] = (sound, begin)
            async for pcm in self._part(sound, len(bare(text))):
                yield pcm
            if not sound.broken and sound.given > begin:
                return
            self._spoken.pop(text, None)
        if self._spare is not None:
            async for pcm in self._spare.stream(text):
                yield pcm

    def played(self, text: str, played_ms: int, whole: bool) -> None:
        """How much of a speech was heard."""
        found = self._spoken.pop(text, None)
        if found is None or whole:
            return
        sound, begin = found
        heard_ms = min(begin // _BYTES_A_MS + played_ms, len(sound.pcm) // _BYTES_A_MS)
        if sound in self._sounds:
            self._sounds.remove(sound)  # what it has left nobody is to hear
        self._cut(sound.item, heard_ms)

    async def close(self) -> None:
        """The line is closed by whoever opened it."""
        if self._spare is not None:
            await self._spare.close()

    def _sound_of(self, text: str) -> _Sound | None:
        """The response that says this next."""
        wanted = bare(text)
        for sound in self._sounds:
            if wanted and not sound.broken and sound.letters.startswith(wanted, sound.asked):
                return sound
        return None

    async def _part(self, sound: _Sound, letters: int) -> AsyncIterator[bytes]:
        sound.asked += letters
        until = sound.asked
        while True:
            sound.more.clear()
            limit = sound.limit(until)
            if sound.given < limit:
                piece = bytes(sound.pcm[sound.given : min(limit, sound.given + _PIECE_BYTES)])
                sound.given += len(piece)
                yield piece
                continue
            more_words = until < len(sound.letters)
            if sound.made or (more_words and limit < len(sound.pcm)):
                return
            try:
                async with asyncio.timeout(STALL_S):
                    await sound.more.wait()
            except TimeoutError:
                _log.warning("speech_failed", provider="realtime", why="its sound stopped")
                sound.end(broken=True)
                return

    def _event(self, event: Event) -> None:
        match event["type"]:
            case "response.created":
                self._sounds.append(_Sound(str(event["response"]["id"])))
            case "response.output_audio_transcript.delta":
                if (sound := self._of(event)) is not None:
                    sound.letters += bare(str(event["delta"]))
                    sound.item = str(event["item_id"])
                    sound.more.set()
            case "response.output_audio.delta":
                if (sound := self._of(event)) is not None:
                    sound.item = str(event["item_id"])
                    sound.add(base64.b64decode(event["delta"], validate=True))
            case "response.done":
                response = event["response"]
                for sound in self._sounds:
                    if sound.response == response["id"]:
                        sound.end(broken=response["status"] == "failed")

    def _of(self, event: Event) -> _Sound | None:
        return next((one for one in self._sounds if one.response == event["response_id"]), None)

    def _lost(self) -> None:
        for sound in self._sounds:
            sound.end(broken=True)
