"""When to try again: full jitter, so that seats that lost a server together do not come back together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

FIRST_S = 1.0
LONGEST_S = 60.0
AT_ONCE_S = 1.0
"""What "at once" is spread over: a whole site may have its network back in the same moment."""

Chance = Callable[[float, float], float]
"""A number between two; `random.uniform`, or the test's own."""

chance: Chance = random.SystemRandom().uniform


def delay(failures: int, retry_after: float = 0.0, *, between: Chance = chance) -> float:
    """Seconds to wait after that many failures in a row: what the server asked for, and then some."""
    return retry_after + between(0.0, min(LONGEST_S, FIRST_S * 2 ** min(failures, 10)))


def jittered(seconds: float, *, between: Chance = chance) -> float:
    """Between a half and one and a half of it."""
    return between(0.5 * seconds, 1.5 * seconds)


def back(failures: int, tell: Callable[[], None]) -> int:
    """0 failures from now on; `tell` is called if there were any."""
    if failures:
        tell()
    return 0


class Patience:
    """Waits between tries, which `end` cuts short. One task waits, on the loop that `end` is called on.

    `fresh` is called before each try: an `end` from then on counts for the wait after it, too.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]], between: Chance) -> None:
        self._sleep, self._between = sleep, between
        self._ended = asyncio.Event()

    def fresh(self) -> None:
        """A try begins."""
        self._ended.clear()

    def end(self) -> None:
        """The server may be there again: do not wait on."""
        self._ended.set()

    async def wait(self, seconds: float) -> None:
        """So long, or until `end` and up to a second more."""
        ends = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._ended.wait())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if ends[0].done():
                ends[0].result()
            else:
                await self._sleep(self._between(0.0, min(seconds, AT_ONCE_S)))
        finally:
            for one in ends:
                one.cancel()
