"""When to try again: full jitter, so that seats that lost a server together do not come back together."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 60.0

Chance = Callable[[float, float], float]
"""A number between two; `random.uniform`, or the test's own."""

chance: Chance = random.SystemRandom().uniform


def delay(failures: int, retry_after: float = 0.0, *, between: Chance = chance) -> float:
    """Seconds to wait after that many failures in a row: what the server asked for, and then some."""
    return retry_after + between(0.0, min(LONGEST_S, FIRST_S * 2 ** min(failures, 10)))


def jittered(seconds: float, *, between: Chance = chance) -> float:
    """Between a half and one and a half of it."""
    return between(0.5 * seconds, 1.5 * seconds)
