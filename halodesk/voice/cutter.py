"""Finds speech in the sound of a caller: the fast gate says that there is some, an utterance is cut out.

Rules:
- It costs some ten microseconds a frame, so it may run where frames come in.
- The gate opens for 60 ms of voice; what has `LEAST_MS` of it is an utterance: a "no" is, a click is not.
  What came just before is given, too: words begin softly (the f of "four", the h of "he").
- An utterance ends after a hush of `PAUSE_MS`, or of `SOON_MS` where `complete` says that what was said needs
  no more words, or, on a line too noisy for a hush, when the gate closes.
- What is said after such an end begins the next utterance, as soon as the gate opens for it.

Pocketsphinx has an endpointer. It wants 270 ms of voice, so short words were lost, and gives each frame 300
ms late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pocketsphinx import Vad

from halodesk.voice.gate import FRAME_BYTES, FRAME_MS, WINDOW, Gate
from halodesk.voice.messages import SAMPLE_RATE

BEFORE_FRAMES = 5
"""100 ms before the gate saw the first of it."""
LEAST_MS = 120
PAUSE_MS = 300
SOON_MS = 160
"""Longer than the closure of a t or k in a word, and than the comma in "yes, speaking"."""
_KEPT_FRAMES = 50


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
        self._last: deque[bytes] = deque(maxlen=_KEPT_FRAMES)
        self._since_open = 0
        self._waiting = bytearray()
        self.speaking = False
        """An utterance is under way."""

    def feed(self, pcm: bytes) -> None:
        """Some more sound."""
        self._waiting += pcm
        while len(self._waiting) >= FRAME_BYTES:
            frame = bytes(self._waiting[:FRAME_BYTES])
            del self._waiting[:FRAME_BYTES]
            self._frame(frame)

    def finish(self) -> None:
        """The utterance ends here, if one is under way; what is still being said begins the next."""
        if self.speaking:
            self.speaking = False
            self._last.clear()
            self._tell_end()

    def _frame(self, frame: bytes) -> None:
        change = self._gate.take(frame)
        self._since_open = self._since_open + 1 if self._gate.open and not change else 1
        if change:
            self._voice(True)
        self._last.append(frame)
        if self.speaking:
            self._speech(frame)
        elif self._gate.open and self._gate.voiced_ms >= LEAST_MS:
            self._begin()
        hush = self._gate.hush_ms
        if self.speaking and (hush >= PAUSE_MS or (hush >= SOON_MS and self._complete())):
            self.finish()
            if self._gate.open:
                self._gate.close()
                change = False
        if change is False:
            self.finish()
            self._voice(False)

    def _begin(self) -> None:
        self.speaking = True
        for frame in list(self._last)[-(self._since_open + WINDOW - 1 + BEFORE_FRAMES) :]:
            self._speech(frame)
