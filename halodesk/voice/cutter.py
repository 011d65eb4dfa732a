"""Finds speech in the sound of a caller: the fast gate says that there is some, the endpointer cuts it out.

Both cost some ten microseconds a frame, so they may run where frames come in. The endpointer leaves out
how a word begins that begins softly (the f of "four", the h of "he"): what came just before is given, too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pocketsphinx import Endpointer, Vad

from halodesk.voice.gate import FRAME_MS, Gate
from halodesk.voice.messages import SAMPLE_RATE

BEFORE_FRAMES = 3
"""90 ms before what the endpointer takes for the beginning."""
_WINDOW_S = 0.3


class Cutter:
    """Sound in; `voice` when the gate opens or closes, `speech` with pieces of an utterance, then `end`."""

    def __init__(
        self, *, voice: Callable[[bool], None], speech: Callable[[bytes], None], end: Callable[[], None]
    ) -> None:
        self._voice, self._speech, self._tell_end = voice, speech, end
        vad = Vad(mode=Vad.STRICT, sample_rate=SAMPLE_RATE, frame_length=FRAME_MS / 1000)
        self._gate = Gate(vad.is_speech)
        self._gate_bytes: int = vad.frame_bytes
        self._ends = Endpointer(window=_WINDOW_S, ratio=0.9, vad_mode=Vad.STRICT, sample_rate=SAMPLE_RATE)
        self._end_bytes: int = self._ends.frame_bytes
        # The endpointer is late by its window; before that lies what it has passed over.
        frames = round(_WINDOW_S / self._ends.frame_length)
        self._last: deque[bytes] = deque(maxlen=frames + BEFORE_FRAMES)
        self._waiting_gate = bytearray()
        self._waiting_end = bytearray()
        self.speaking = False
        """An utterance is under way."""

    def feed(self, pcm: bytes) -> None:
        """Some more sound."""
        self._waiting_gate += pcm
        while len(self._waiting_gate) >= self._gate_bytes:
            change = self._gate.take(bytes(self._waiting_gate[: self._gate_bytes]))
            del self._waiting_gate[: self._gate_bytes]
            if change is not None:
                self._voice(change)
        self._waiting_end += pcm
        while len(self._waiting_end) >= self._end_bytes:
            frame = bytes(self._waiting_end[: self._end_bytes])
            del self._waiting_end[: self._end_bytes]
            self._last.append(frame)
            self._hear(self._ends.process(frame))

    def finish(self) -> None:
        """The utterance ends here, if one is under way; what is still being said begins the next."""
        if self.speaking:
            self.speaking = False
            self._tell_end()

    def _hear(self, speech: bytes | None) -> None:
        if speech is not None:
            if not self.speaking:
                self.speaking = True
                for frame in self._before(speech):
                    self._speech(frame)
            self._speech(speech)
        if not self._ends.in_speech:
            self.finish()

    def _before(self, first: bytes) -> list[bytes]:
        """The frames that came right before `first`."""
        frames = list(self._last)
        at = frames.index(first) if first in frames else 0
        return frames[max(0, at - BEFORE_FRAMES) : at]
