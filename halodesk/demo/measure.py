"""Measures a mask from the recorded files: is the caller's marker gone where it must be?

Rules:
- Frames of 20 ms. The marker's level in a frame is the amplitude at its frequency, in dB
  relative to full scale, from a Hann-windowed single-bin transform.
- A silent file proves nothing: the marker must be there, within 3 dB of its own usual level,
  right before and right after each window.
- A frame leaks when the marker in it is less than 26 dB below its usual level.
- Another file of the same call is laid beside ours by what was spoken right before and right after
  each window: a recorder that lost or gained some frames meanwhile, on a busy machine, shows the
  same words a little earlier or later, and that is no leak. Where there is nothing to compare, the
  onset of the marker in both files counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import soundfile

Sound = Path | BinaryIO
"""A sound file, or an encrypted one opened."""

FRAME_S = 0.02
LEAK_DB = 26.0
NEAR_DB = 3.0
BESIDE_S = 0.4
"""How long a stretch beside a window is looked at."""
ONSET_FRAMES = 5
"""So many in a row are no click."""
FLOOR_DB = -120.0
WORDS_TOP_HZ = 2_000
"""Below the marker: the caller speaks here."""
WORDS_S = 1.0
LEAST_WORDS_S = 0.4
"""How long a stretch of words is compared, at most and at least."""
HOP_S = 0.005
DRIFT_S = 0.5
"""How far the two files may have come apart."""
QUIET = 1e-5
"""Power of what counts as a pause; a coder's noise is below it."""
ALIKE = 0.8
"""Correlation from which words are the same words."""


class Levels(msgspec.Struct, frozen=True):
    """Marker level of each 20 ms frame of one channel, in dBFS."""

    db: np.ndarray

    @property
    def usual(self) -> float:
        """Median of the frames in which the marker is on; `FLOOR_DB` without any."""
        loud = self.db[self.db > self.db.max() - 12] if len(self.db) else self.db
        return float(np.median(loud)) if len(loud) and self.db.max() > -60 else FLOOR_DB

    @property
    def onset_s(self) -> float:
        """Where the marker is first heard for five frames in a row; -1 when never."""
        if len(self.db) < ONSET_FRAMES:
            return -1.0
        on = self.db > self.usual - NEAR_DB * 2
        runs = np.convolve(on.astype(int), np.ones(ONSET_FRAMES, dtype=int), "valid") == ONSET_FRAMES
        return float(np.argmax(runs)) * FRAME_S if runs.any() and self.usual > FLOOR_DB else -1.0


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What a file shows of one masked stretch. Levels are dBFS of the marker."""

    from_s: float
    to_s: float
    frames: int
    """Whole frames that were looked at."""
    leaked_frames: int
    before_db: float
    after_db: float
    inside_db: float
    usual_db: float
    silent_s: float
    """Length of the whole stretch without the marker around this window."""

    @property
    def present_around(self) -> bool:
        """The marker is within 3 dB of its usual level on both sides, and the sides of each other."""
        around = (self.usual_db, self.before_db, self.after_db)
        return self.usual_db > FLOOR_DB and max(around) - min(around) <= NEAR_DB


def marker_levels(sound: Sound, channel: int, frequency: float) -> Levels:
    """Marker level of each frame of one channel of a sound file."""
    samples, rate = soundfile.read(sound, dtype="float32", always_2d=True)
    size = round(rate * FRAME_S)
    column = samples[:, min(channel, samples.shape[1] - 1)]
    frames = column[: len(column) // size * size].reshape(-1, size)
    weights = np.hanning(size)
    probe = weights * np.exp(-2j * np.pi * frequency * np.arange(size) / rate)
    amplitude = 2 * np.abs(frames @ probe) / weights.sum()
    return Levels(20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR_DB / 20))))


class Words(msgspec.Struct, frozen=True):
    """How loud the speech is, every 5 ms, in dB; to lay one file beside another."""

    db: np.ndarray

    @property
    def seconds(self) -> float:
        """Length of the file."""
        return len(self.db) * HOP_S

    def between(self, begin_s: float, end_s: float) -> np.ndarray:
        """That stretch; empty where the file does not have it whole."""
        first, last = round(begin_s / HOP_S), round(end_s / HOP_S)
        return self.db[first:last] if 0 <= first <= last <= len(self.db) else self.db[:0]


def words(sound: Sound, channel: int) -> Words:
    """The speech of one channel of a sound file, without the marker."""
    samples, rate = soundfile.read(sound, dtype="float32", always_2d=True)
    column = samples[:, min(channel, samples.shape[1] - 1)]
    spectrum = np.fft.rfft(column)
    spectrum[np.fft.rfftfreq(len(column), 1 / rate) > WORDS_TOP_HZ] = 0
    speech = np.fft.irfft(spectrum, len(column))
    size = round(rate * HOP_S)
    power = np.square(speech[: len(speech) // size * size].reshape(-1, size)).mean(axis=1)
    return Words(10 * np.log10(np.maximum(power, QUIET)))


def laid_beside(
    mine: Words, other: Words, windows: Sequence[tuple[float, float]], shift_s: float
) -> list[tuple[float, float]]:
    """How much later `other` shows what `mine` shows, right before and right after each window.

    `windows` are seconds of `mine`; `shift_s` is where the search begins, and the answer where
    there are no words to compare.
    """
    begins = [begin for begin, _ in windows] + [mine.seconds]
    ends = [0.0] + [end for _, end in windows]
    found = []
    for number, (begin, end) in enumerate(windows):
        before = (max(ends[number], begin - WORDS_S), begin)
        after = (end, min(begins[number + 1], end + WORDS_S))
        found.append((_shift(mine, other, before, shift_s), _shift(mine, other, after, shift_s)))
    return found


def _shift(mine: Words, other: Words, stretch: tuple[float, float], shift_s: float) -> float:
    begin, end = stretch
    if end - begin < LEAST_WORDS_S:
        return shift_s
    pattern = mine.between(begin, end)
    best, found = ALIKE, shift_s
    for hop in range(-round(DRIFT_S / HOP_S), round(DRIFT_S / HOP_S) + 1):
        shift = shift_s + hop * HOP_S
        likeness = _likeness(pattern, other.between(begin + shift, begin + shift + len(pattern) * HOP_S))
        if likeness > best:
            best, found = likeness, shift
    return found


def _likeness(one: np.ndarray, two: np.ndarray) -> float:
    if len(one) != len(two) or not len(one) or min(one.std(), two.std()) < 1.0:  # a pause is like a pause
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def window(levels: Levels, from_s: float, to_s: float) -> Window:
    """What the file shows of the stretch from `from_s` to `to_s` (whole frames inside it)."""
    db, usual = levels.db, levels.usual
    first, last = int(np.ceil(from_s / FRAME_S)), int(to_s / FRAME_S)
    inside = db[first:last]
    gone = db < usual - LEAK_DB
    begin, end = _stretch(gone, (first + last) // 2)
    beside = round(BESIDE_S / FRAME_S)
    before, after = db[max(0, begin - 1 - beside) : max(0, begin - 1)], db[end + 2 : end + 2 + beside]
    return Window(
        from_s=from_s,
        to_s=to_s,
        frames=len(inside),
        leaked_frames=int((inside >= usual - LEAK_DB).sum()) if usual > FLOOR_DB else len(inside),
        before_db=_median(before),
        after_db=_median(after),
        inside_db=float(inside.max()) if len(inside) else FLOOR_DB,
        usual_db=usual,
        silent_s=(end - begin) * FRAME_S,
    )


def _stretch(gone: np.ndarray, middle: int) -> tuple[int, int]:
    """The unbroken run of frames without the marker around the frame `middle`."""
    if not 0 <= middle < len(gone) or not gone[middle]:
        return middle, middle
    before, after = np.flatnonzero(~gone[:middle]), np.flatnonzero(~gone[middle:])
    return (int(before[-1]) + 1 if len(before) else 0), (middle + int(after[0]) if len(after) else len(gone))


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else FLOOR_DB
