"""The fast gate: is the caller speaking? Three of four frames say yes, and then it takes some to say no.

It decides within 60 to 90 ms of speech, where the endpointer, which must find words, takes about 300.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

FRAME_MS = 20
FRAME_BYTES = 2 * 16 * FRAME_MS
_WINDOW = 4
_ENOUGH = 3
_QUIET_FRAMES = 20
"""400 ms without speech end it: the pause between two words does not."""
_FLOOR = 90.0
"""Mean amplitude below which a frame is silence, whatever it sounds like (-51 dB)."""


class Gate:
    """`is_speech` judges one frame of `FRAME_BYTES`."""

    def __init__(self, is_speech: Callable[[bytes], bool]) -> None:
        self._is_speech = is_speech
        self._last: deque[bool] = deque(maxlen=_WINDOW)
        self._quiet = 0
        self.open = False

    def take(self, frame: bytes) -> bool | None:
        """One frame; True when speech has begun with it, False when it is over, else None."""
        speech = _loudness(frame) > _FLOOR and self._is_speech(frame)
        self._last.append(speech)
        self._quiet = 0 if speech else self._quiet + 1
        if not self.open and sum(self._last) >= _ENOUGH:
            self.open = True
            return True
        if self.open and self._quiet >= _QUIET_FRAMES:
            self.open = False
            self._last.clear()
            return False
        return None


def _loudness(frame: bytes) -> float:
    samples = memoryview(frame).cast("h")
    return sum(map(abs, samples)) / max(1, len(samples))
