"""The clock of the running loop; under a loop with virtual time everything is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class LoopClock:
    """Seconds and timers of the loop that runs."""

    def now(self) -> float:
        """Seconds that only go on."""
        return asyncio.get_running_loop().time()

    def later(self, seconds: float, ring: Callable[[], None]) -> asyncio.TimerHandle:
        """Ring once, later."""
        return asyncio.get_running_loop().call_later(seconds, ring)
