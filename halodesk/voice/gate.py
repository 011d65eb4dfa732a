"""The fast gate: is the caller speaking? Three of four frames say yes, and then it takes some to say no.

It decides within 60 to 90 ms of speech.
`hush_ms` is the other side of it: how long nothing was said, without the time a voice-activity detector
takes until it believes in silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

FRAME_MS = 20
FRAME_BYTES = 2 * 16 * FRAME_MS
WINDOW = 4
_ENOUGH = 3
_QUIET_FRAMES = 20
"""400 ms without speech end it: the pause between two words does not."""
_FLOOR = 90.0
"""Mean amplitude below which a frame is silence, whatever it sounds like (-51 dB)."""
_UNDER_PEAK = 0.05
"""A frame of less than that share of the loudest (-26 dB) is no part of a word: an s has more."""
_OVER_NOISE = 2.0
_NOISE_SHARE = 0.05
"""How much each frame outside of speech counts for the noise of the line."""


class Gate:
    """`is_speech` judges one frame of `FRAME_BYTES`."""

    def __init__(self, is_speech: Callable[[bytes], bool]) -> None:
        self._is_speech = is_speech
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._quiet = 0
        self._hush = 0
        self._voiced = 0
        self._peak = 0.0
        self._noise = 0.0
        self.open = False

    @property
    def hush_ms(self) -> int:
        """Since the last sound that may belong to a word."""
        return self._hush * FRAME_MS

    @property
    def voiced_ms(self) -> int:
        """How much of what is being said is voice."""
        return self._voiced * FRAME_MS

    def take(self, frame: bytes) -> bool | None:
        """One frame; True when speech has begun with it, False when it is over, else None."""
        loudness = _loudness(frame)
        speech = loudness > _FLOOR and self._is_speech(frame)
        self._last.append(speech)
        self._quiet = 0 if speech else self._quiet + 1
        self._listen_for_hush(loudness)
        if not self.open and sum(self._last) >= _ENOUGH:
            self.open = True
            self._voiced = sum(self._last)
            return True
        self._voiced += speech
        if self.open and self._quiet >= _QUIET_FRAMES:
            self.close()
            return False
        return None

    def close(self) -> None:
        """What was said is over: whatever comes opens it anew."""
        self.open = False
        self._peak = 0.0
        self._last.clear()

    def _listen_for_hush(self, loudness: float) -> None:
        least = max(_FLOOR, _UNDER_PEAK * self._peak, _OVER_NOISE * self._noise)
        self._hush = self._hush + 1 if loudness < least else 0
        if self.open:
            self._peak = max(self._peak, loudness)
        elif not any(self._last):
            self._noise += _NOISE_SHARE * (loudness - self._noise)


def _loudness(frame: bytes) -> float:
    samples = memoryview(frame).cast("h")
    return sum(map(abs, samples)) / max(1, len(samples))
