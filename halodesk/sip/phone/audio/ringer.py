"""The ring tone: made here, so that there is no file to lose, and loud as the agent wants it.

Two tones (400 and 450 Hz, one second, then two of silence), with soft edges so that no speaker clicks.
While a call is up it is one short tone at a fifth of the loudness: somebody is on the ear.
"""

from __future__ import annotations

import threading

import numpy as np

from halodesk.sip.phone.audio.ring import RATE, Samples

_LOUD = 0.5
_EDGE_S = 0.02
_KNOCK = 0.2


def _tone(seconds: float, silence: float) -> np.ndarray:
    at = np.arange(round(seconds * RATE)) / RATE
    edge = np.clip(np.minimum(at, seconds - at) / _EDGE_S, 0, 1)
    sound = (np.sin(2 * np.pi * 400 * at) + np.sin(2 * np.pi * 450 * at)) / 2 * edge
    return np.concatenate((sound, np.zeros(round(silence * RATE))))


_RING = _tone(1.0, 2.0)
_WAITING = _tone(0.2, 3.8)


class Ringer:
    """What a ringing device plays; a `Feed`. Any thread. Several devices each have their own place in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._volume = 0.0
        self._pattern = _RING

    def set(self, volume: int, *, in_call: bool) -> None:
        """`volume`: 0 to 100. Half of it sounds half as loud: 10 dB less."""
        with self._lock:
            share = min(max(volume, 0), 100) / 100
            self._volume = _LOUD * share ** (10 / 6.02) * (_KNOCK if in_call else 1.0)
            self._pattern = _WAITING if in_call else _RING

    def feed(self) -> RingFeed:
        """For one device."""
        return RingFeed(self)

    def piece(self, at: int, count: int) -> Samples:
        """`count` samples from place `at` on."""
        with self._lock:
            volume, pattern = self._volume, self._pattern
        places = np.arange(at, at + count) % len(pattern)
        return np.asarray(np.rint(pattern[places] * volume * 32_767), dtype=np.int16)


class RingFeed:
    """One device's place in the tone."""

    def __init__(self, ringer: Ringer) -> None:
        self._ringer, self._at = ringer, 0

    def give(self, count: int) -> Samples:
        """The next samples."""
        piece = self._ringer.piece(self._at, count)
        self._at += count
        return piece
