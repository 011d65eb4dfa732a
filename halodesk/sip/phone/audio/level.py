"""How loud it is: the loudest 10 to 60 ms since somebody last asked. Costs about 4 µs a block."""

from __future__ import annotations

import math
import threading

import numpy as np

from halodesk.protocol.phone_sound import SILENT_DB
from halodesk.sip.phone.audio.ring import Samples

_FULL = 32_768.0 / math.sqrt(2)
"""Root mean square of a sine at full scale: 0 dB."""


class Level:
    """Fed by the sound library, asked by the seat."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loudest = 0.0

    def note(self, block: Samples) -> None:
        """A block on its way through."""
        if not len(block):
            return
        wide = block.astype(np.float32)
        power = float(np.dot(wide, wide)) / len(block)
        with self._lock:
            self._loudest = max(self._loudest, power)

    def take(self) -> float:
        """dB below a sine at full scale since the last time; `SILENT_DB` for nothing."""
        with self._lock:
            loudest, self._loudest = self._loudest, 0.0
        if loudest <= 0.0:
            return SILENT_DB
        return max(SILENT_DB, round(20 * math.log10(math.sqrt(loudest) / _FULL), 1))
