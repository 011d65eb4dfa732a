"""The recording of a masked call: is there any energy where there must be none?

Rules:
- Inside a masked window every sample of both channels is silence: speech, keypad tones and the caller's
  marker alike. A frame (20 ms) with more than `SILENT_DB` of power is a leak.
- A silent file proves nothing: the caller's marker sounds without a break, so it must be heard outside
  of the windows, right up to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import soundfile

FRAME_S = 0.02
SILENT_DB = -80.0
"""Below this is the noise of no channel (16 bits reach to -96 dB)."""
DTMF_HZ = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
"""ITU-T Q.23."""
_MARKER_DB = -45.0
_BESIDE_S = 0.5


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """What the masked windows of a recording hold. Levels in dB of full scale; -200 is nothing at all."""

    windows: int
    masked_s: float
    frames: int
    loud_frames: int
    """Frames with any energy, in either channel."""
    dtmf_frames: int
    """Frames with the two tones of a key."""
    loudest_db: float
    unproven: int
    """Windows beside which the caller's marker is not heard: nothing is known of them."""


def measure(path: Path, windows: Sequence[tuple[float, float]], marker_hz: float) -> Sound:
    """Look into the masked windows (seconds) of a sound file."""
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    size = round(rate * FRAME_S)
    frames = loud = keys = unproven = 0
    loudest = -200.0
    for begin, end in windows:
        inside = samples[round(begin * rate) : round(end * rate)]
        for channel in inside.T:
            cut = _frames(channel, size)
            db = _db(np.sqrt(np.mean(np.square(cut), axis=1))) if len(cut) else np.array([])
            frames += len(cut)
            loud += int((db > SILENT_DB).sum())
            keys += int((_keys(cut, rate) >= 2).sum())
            loudest = max(loudest, float(db.max(initial=-200.0)))
        beside = (
            samples[max(0, round((begin - _BESIDE_S) * rate)) : round(begin * rate)],
            samples[round(end * rate) : round((end + _BESIDE_S) * rate)],
        )
        heard = [_tone(_frames(part[:, -1], size), rate, (marker_hz,)).max(initial=-200.0) for part in beside]
        unproven += int(min(heard) < _MARKER_DB)
    return Sound(
        windows=len(windows),
        masked_s=round(sum(end - begin for begin, end in windows), 3),
        frames=frames,
        loud_frames=loud,
        dtmf_frames=keys,
        loudest_db=round(loudest, 1),
        unproven=unproven,
    )


def _frames(channel: np.ndarray, size: int) -> np.ndarray:
    return channel[: len(channel) // size * size].reshape(-1, size)


def _db(amplitude: np.ndarray) -> np.ndarray:
    return np.asarray(20 * np.log10(np.maximum(amplitude, 1e-10)))


def _tone(frames: np.ndarray, rate: int, frequencies: Sequence[float]) -> np.ndarray:
    """Level of each frequency in each frame."""
    size = frames.shape[1]
    weights = np.hanning(size)
    time = np.arange(size) / rate
    probes = np.exp(-2j * np.pi * np.outer(time, frequencies)) * weights[:, None]
    return _db(2 * np.abs(frames @ probes) / weights.sum())


def _keys(frames: np.ndarray, rate: int) -> np.ndarray:
    """How many tones of the keypad sound in each frame."""
    if not len(frames):
        return np.array([], dtype=int)
    return np.asarray((_tone(frames, rate, DTMF_HZ) > SILENT_DB).sum(axis=1))
