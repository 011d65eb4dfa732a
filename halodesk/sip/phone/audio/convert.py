"""What a device speaks, and what the phone speaks: 16-bit mono at 16 kHz.

Most systems convert by themselves, and then nothing is done here. A device that insists on its own
rate, channels and kind of sample is met by these two; a thread of its own each.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import soxr

from halodesk.sip.phone.audio.ring import RATE, Samples

Kind = Literal["uint8", "int16", "int32", "float32"]

_TYPES: dict[Kind, tuple[str, float, float]] = {
    # type, full scale, zero
    "uint8": ("u1", 128.0, 128.0),
    "int16": ("<i2", 32_768.0, 0.0),
    "int32": ("<i4", 2_147_483_648.0, 0.0),
    "float32": ("<f4", 1.0, 0.0),
}
_QUALITY = "LQ"
"""Good for 16 bits, and adds the least delay: 20 ms at 48 and 44.1 kHz, 61 ms at 8 kHz (better ones
up to twice that)."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How a device wants or gives its samples."""

    rate: int = RATE
    channels: int = 1
    kind: Kind = "int16"

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * np.dtype(_TYPES[self.kind][0]).itemsize


class FromDevice:
    """Bytes of a microphone to the phone's samples. Channels become their mean."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._resample = _resampler(layout.rate, RATE)
        self._rest = b""

    def convert(self, data: bytes) -> Samples:
        """As many samples as `data` makes; what is left of a frame waits for the next."""
        data = self._rest + data
        whole = len(data) - len(data) % self._layout.frame_bytes
        data, self._rest = data[:whole], data[whole:]
        kind, full, zero = _TYPES[self._layout.kind]
        found: npt.NDArray[Any] = np.frombuffer(data, dtype=kind)
        if self._layout == Layout():
            return found.astype(np.int16)
        mono = (found.reshape(-1, self._layout.channels).astype(np.float32) - zero).mean(axis=1) / full
        if self._resample is not None:
            mono = self._resample.resample_chunk(mono.astype(np.float32))
        return np.asarray(np.clip(np.rint(mono * 32_768), -32_768, 32_767), dtype=np.int16)


class ToDevice:
    """The phone's samples to bytes of a speaker. Every channel gets the same."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._resample = _resampler(RATE, layout.rate)
        self._owed = 0.0

    def samples_for(self, frames: int) -> int:
        """How many of the phone's samples make `frames` of the device, on the whole."""
        wanted = frames * RATE / self._layout.rate + self._owed
        whole = int(wanted)
        self._owed = wanted - whole
        return whole

    def convert(self, samples: Samples) -> bytes:
        """The bytes to write."""
        if self._layout == Layout():
            return samples.tobytes()
        kind, full, zero = _TYPES[self._layout.kind]
        mono = samples.astype(np.float32) / 32_768
        if self._resample is not None:
            mono = self._resample.resample_chunk(mono)
        scaled = np.repeat(mono.astype(np.float64), self._layout.channels) * full + zero
        if self._layout.kind != "float32":
            kinds = np.iinfo(kind)
            scaled = np.clip(np.rint(scaled), kinds.min, kinds.max)
        return scaled.astype(kind).tobytes()


def _resampler(from_rate: int, to_rate: int) -> soxr.ResampleStream | None:
    if from_rate == to_rate:
        return None
    return soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality=_QUALITY)
