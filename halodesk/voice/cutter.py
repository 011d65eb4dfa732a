"""Finds speech in the sound of a caller: the fast gate says that there is some, the endpointer cuts it out.

Both cost some ten microseconds a frame, so they may run where frames come in.
"""

from __future__ import annotations

from collections.abc import Callable

from pocketsphinx import Endpointer, Vad

from halodesk.voice.gate import FRAME_MS, Gate
from halodesk.voice.messages import SAMPLE_RATE


class Cutter:
    """Sound in; `voice` when the gate opens or closes, `speech` with pieces of an utterance, then `end`."""

    def __init__(
        self, *, voice: Callable[[bool], None], speech: Callable[[bytes], None], end: Callable[[], None]
    ) -> None:
        self._voice, self._speech, self._tell_end = voice, speech, end
        vad = Vad(mode=Vad.STRICT, sample_rate=SAMPLE_RATE, frame_length=FRAME_MS / 1000)
        self._gate = Gate(vad.is_speech)
        self._gate_bytes: int = vad.frame_bytes
        self._ends = Endpointer(window=0.3, ratio=0.9, vad_mode=Vad.STRICT, sample_rate=SAMPLE_RATE)
        self._end_bytes: int = self._ends.frame_bytes
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
            self._hear(self._ends.process(bytes(self._waiting_end[: self._end_bytes])))
            del self._waiting_end[: self._end_bytes]

    def finish(self) -> None:
        """The utterance ends here, if one is under way; what is still being said begins the next."""
        if self.speaking:
            self.speaking = False
            self._tell_end()

    def _hear(self, speech: bytes | None) -> None:
        if speech is not None:
            self.speaking = True
            self._speech(speech)
        if not self._ends.in_speech:
            self.finish()
