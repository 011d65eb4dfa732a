"""Finds speech in the sound of a caller: the fast gate says that there is some, the endpointer cuts it out.

Rules:
- Both cost some ten microseconds a frame, so they may run where frames come in.
- The endpointer leaves out how a word begins that begins softly (the f of "four", the h of "he"): what came
  just before is given, too.
- It gives each frame late by its window of 300 ms. Only the first is taken from it; the others are passed on
  as they come, so that a recogniser is not behind.
- It ends an utterance late, since it must see 300 ms that its detector does not take for speech, and the
  detector holds on for some more. So an utterance also ends after a hush of `PAUSE_MS`, or of `SOON_MS`
  where `complete` says that what was said needs no more words.
- What is said after such an end begins the next utterance, as soon as the gate opens for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pocketsphinx import Endpointer, Vad

from halodesk.voice.gate import FRAME_BYTES, FRAME_MS, Gate
from halodesk.voice.messages import SAMPLE_RATE

BEFORE_FRAMES = 3
"""90 ms before what the endpointer takes for the beginning."""
PAUSE_MS = 300
SOON_MS = 120
"""Longer than the closure of a t or k in the middle of a word."""
_WINDOW_S = 0.3
_GATE_FRAMES = 4
"""120 ms: what the gate needs to open."""


class Cutter:
    """Sound in; `voice` when the gate opens or closes, `speech` with pieces of an utterance, then `end`."""

    def __init__(
        self,
        *,
        voice: Callable[[bool], None],
        speech: Callable[[bytes], None],
        end: Callable[[], None],
        complete: Callable[[], bool] = lambda: False,
    ) -> None:
        self._voice, self._speech, self._tell_end, self._complete = voice, speech, end, complete
        vad = Vad(mode=Vad.STRICT, sample_rate=SAMPLE_RATE, frame_length=FRAME_MS / 1000)
        self._gate = Gate(vad.is_speech)
        self._ends = Endpointer(window=_WINDOW_S, ratio=0.9, vad_mode=Vad.STRICT, sample_rate=SAMPLE_RATE)
        self._end_bytes: int = self._ends.frame_bytes
        # The endpointer is late by its window; before that lies what it has passed over.
        frames = round(_WINDOW_S / self._ends.frame_length)
        self._last: deque[bytes] = deque(maxlen=frames + BEFORE_FRAMES)
        self._waiting_gate = bytearray()
        self._waiting_end = bytearray()
        self._hushed = False
        """The utterance has ended, and the endpointer does not know it yet."""
        self.speaking = False
        """An utterance is under way."""

    def feed(self, pcm: bytes) -> None:
        """Some more sound."""
        self._waiting_gate += pcm
        while len(self._waiting_gate) >= FRAME_BYTES:
            frame = bytes(self._waiting_gate[:FRAME_BYTES])
            del self._waiting_gate[:FRAME_BYTES]
            self._frame(frame)

    def finish(self) -> None:
        """The utterance ends here, if one is under way; what is still being said begins the next."""
        if self.speaking:
            self.speaking = False
            self._last.clear()
            self._tell_end()

    def _frame(self, frame: bytes) -> None:
        change = self._gate.take(frame)
        if change is not None:
            self._voice(change)
        self._waiting_end += frame
        while len(self._waiting_end) >= self._end_bytes:
            piece = bytes(self._waiting_end[: self._end_bytes])
            del self._waiting_end[: self._end_bytes]
            self._last.append(piece)
            self._hear(piece)
        hush = self._gate.hush_ms
        if self.speaking and (hush >= PAUSE_MS or (hush >= SOON_MS and self._complete())):
            self._end_by_hush()

    def _end_by_hush(self) -> None:
        self._hushed = bool(self._ends.in_speech)
        self.finish()
        if self._gate.open:
            self._gate.close()
            self._voice(False)

    def _hear(self, piece: bytes) -> None:
        late = self._ends.process(piece)
        inside = bool(self._ends.in_speech)
        if self.speaking:
            self._speech(piece)
        elif self._hushed:
            self._hushed = inside and not self._gate.open
            if inside and not self._hushed:
                self._begin(list(self._last)[-_GATE_FRAMES - BEFORE_FRAMES :])
        elif late is not None:
            self._begin(self._since(late))
        if not inside:
            self.finish()

    def _begin(self, frames: list[bytes]) -> None:
        self.speaking = True
        for frame in frames:
            self._speech(frame)

    def _since(self, first: bytes) -> list[bytes]:
        """The frames from a little before `first` on, which the endpointer gives late."""
        frames = list(self._last)
        at = frames.index(first) if first in frames else 0
        return frames[max(0, at - BEFORE_FRAMES) :]
