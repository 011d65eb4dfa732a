"""A bucket of tokens for each asker: a flood is slowed down, never dropped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from halodesk.protocol.sync import Problem, RefusedError

_MANY = 100_000


class Flood:
    """`rate` requests a second after a burst of `burst`, for each key. `mono` is monotonic seconds."""

    def __init__(self, rate: float, burst: float, mono: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._mono = rate, burst, mono
        self._buckets: dict[str, tuple[float, float]] = {}

    def check(self, key: str) -> None:
        """Count one request. Raises `RefusedError` (429) with the seconds to wait."""
        now = self._mono()
        level, at = self._buckets.get(key, (self._burst, now))
        level = min(self._burst, level + (now - at) * self._rate)
        if level < 1:
            wait = math.ceil((1 - level) / self._rate * 1000) / 1000
            raise RefusedError(
                429,
                Problem(
                    code="slow_down",
                    message="Too many requests at once.",
                    todo="They are taken a little later.",
                    retry_after=wait,
                ),
            )
        if len(self._buckets) >= _MANY:  # full buckets say nothing, and the table must not grow for ever
            self._buckets.clear()
        self._buckets[key] = (level - 1, now)
