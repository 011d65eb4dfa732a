"""Keypad tones in the sound itself (ITU-T Q.23, Q.24): making them, and hearing those of the other side.

Rules:

1. `KeyTones` stands between a call and its line (microphone and ear), on the media clock: it must not
   block. Its tones go out however the microphone is set, as events in the stream (RFC 4733) would.
2. A key counts once two frames in a row (40 ms) hold its pair of tones and nothing else of weight, and
   again only after it has been silent. What a voice holds beside the pair keeps it from being a key.
3. What was pressed is reported and forgotten. It is never logged: it may be the digits of a card.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from halodesk.sip.phone.audio.bridge import FRAME_BYTES, Line
from halodesk.sip.phone.recorder import FRAME_SAMPLES, SAMPLE_RATE

LOW = (697.0, 770.0, 852.0, 941.0)
HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = ("123A", "456B", "789C", "*0#D")

TONE_FRAMES = 6
"""120 ms on, and 80 ms off between two keys: twice what Q.24 asks a receiver to understand."""
GAP_FRAMES = 4
_LEVEL = 10 ** (-10 / 20)
"""Of each of the two tones, in parts of full scale (-10 dB): loud enough for every receiver."""

_FAINT = 10 ** (-36 / 20)
"""Below this amplitude nothing is a key."""
_TWIST = 10 ** (9 / 20)
"""One tone may be this much louder than the other: wires damp the upper one."""
_PURE = 0.72
"""Share of a frame's power that its two tones must hold."""
_ALONE = 10 ** (5 / 20)
"""How far a tone stands above its neighbours of the same group."""
_FRAMES_IN_A_ROW = 2

_TIMES = np.arange(FRAME_SAMPLES) / SAMPLE_RATE
_OFF = (0.988, 1.0, 1.012)
"""Senders may be 1.5 % off (Q.24): each tone is looked for at three places."""
_ANGLES = 2 * np.pi * np.outer([hertz * off for hertz in (*LOW, *HIGH) for off in _OFF], _TIMES)
_WAVES = np.concatenate([np.cos(_ANGLES), np.sin(_ANGLES)]).astype(np.float32)
_WAVES *= 2 / FRAME_SAMPLES / 32_768
"""Of samples as they come: the sums are amplitudes in parts of full scale."""

OnKey = Callable[[str], None]


def tones(digits: str) -> list[bytes]:
    """Frames of 16-bit mono at 16 kHz that say `digits` (`0-9*#A-D`, others are left out)."""
    frames: list[bytes] = []
    for digit in digits:
        for row, keys in enumerate(KEYS):
            if digit in keys:
                frames += _pair(LOW[row], HIGH[keys.index(digit)])
                frames += [bytes(FRAME_BYTES)] * GAP_FRAMES
    return frames


def _pair(low: float, high: float) -> list[bytes]:
    times = np.arange(TONE_FRAMES * FRAME_SAMPLES) / SAMPLE_RATE
    sound = _LEVEL * (np.sin(2 * np.pi * low * times) + np.sin(2 * np.pi * high * times))
    edge = np.linspace(0.0, 1.0, 48)  # 3 ms: no click
    sound[:48] *= edge
    sound[-48:] *= edge[::-1]
    data = (sound * 32_767).astype("<i2").tobytes()
    return [data[at : at + FRAME_BYTES] for at in range(0, len(data), FRAME_BYTES)]


def key_of(frame: bytes) -> str:
    """The key whose tones fill this 20 ms frame (Goertzel's sum at the eight tones); empty: none.

    On the media clock between two sleeps a call of numpy costs ten times what it costs in a loop: so few.
    """
    if len(frame) != FRAME_BYTES:
        return ""
    sound = np.frombuffer(frame, dtype="<i2").astype(np.float32)
    power = float(np.dot(sound, sound)) / (FRAME_SAMPLES * 32_768.0**2)
    if power < _FAINT * _FAINT:
        return ""
    # No matrix product: its library would share it out among threads, and the media clock waits for none.
    sums: list[float] = np.einsum("ij,j->i", _WAVES, sound).tolist()
    half, offs = len(sums) // 2, len(_OFF)
    strong = [real * real + other * other for real, other in zip(sums[:half], sums[half:], strict=True)]
    levels = [math.sqrt(max(strong[at : at + offs])) for at in range(0, half, offs)]
    lows, highs = levels[:4], levels[4:]
    low, high = max(lows), max(highs)
    if min(low, high) < _FAINT or max(low, high) > _TWIST * min(low, high):
        return ""
    if (low * low + high * high) / 2 < _PURE * power:
        return ""
    if sorted(lows)[-2] * _ALONE > low or sorted(highs)[-2] * _ALONE > high:
        return ""
    return KEYS[lows.index(low)][highs.index(high)]


class Ear:
    """Tells keys from frames that follow each other."""

    def __init__(self) -> None:
        self._last, self._run, self._told = "", 0, False

    def hear(self, frame: bytes) -> str:
        """The key that is recognised with this very frame; empty for most frames."""
        key = key_of(frame)
        if key != self._last:
            self._last, self._run, self._told = key, 0, False
        self._run += 1
        if not key or self._told or self._run < _FRAMES_IN_A_ROW:
            return ""
        self._told = True
        return key


class KeyTones:
    """A call's line that can press keys and hears them; a `Line` itself."""

    def __init__(self, line: Line, on_key: OnKey) -> None:
        """`on_key` hears of each key of the other side, on the media clock: it only hands over."""
        self._line, self._on_key = line, on_key
        self._ear = Ear()
        self._frames: deque[bytes] = deque()
        self.muted = False
        """The microphone is shut; the line is read all the same."""

    def press(self, digits: str) -> None:
        """Sends `digits` with the next frames. Any thread."""
        self._frames.extend(tones(digits))

    def read(self, samples: int) -> bytes:
        """The tones that wait, else what the line says."""
        said = self._line.read(samples)
        if self._frames:
            return self._frames.popleft()
        return b"" if self.muted else said

    def hear(self, sound: bytes) -> None:
        """To the ear of the agent, and to ours."""
        self._line.hear(sound)
        key = self._ear.hear(sound)
        if key:
            self._on_key(key)

    def close(self) -> None:
        """The call is over."""
        self._frames.clear()
        self._line.close()
