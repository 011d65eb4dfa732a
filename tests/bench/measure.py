"""What all benchmarks share: medians, ratios, and how noisy the machine is right now."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure. `met` is None where no goal is set."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    runs: int
    goal: str = ""
    met: bool | None = None
    note: str = ""


def figure(
    name: str,
    values: Sequence[float],
    unit: str,
    *,
    goal: str = "",
    met: Callable[[float], bool] | None = None,
    note: str = "",
) -> Figure:
    """Median, least and most of several runs."""
    middle = statistics.median(values)
    return Figure(
        name=name,
        value=middle,
        unit=unit,
        low=min(values),
        high=max(values),
        runs=len(values),
        goal=goal,
        met=met(middle) if met else None,
        note=note,
    )


def share(values: Sequence[float], part: float) -> float:
    """The value below which that part of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def noise() -> float:
    """Spread of the same fixed work, (most - least) / median of 15 runs: 0 is a quiet machine."""
    spent = [seconds(lambda: sum(i * i for i in range(200_000))) for _ in range(15)]
    return (max(spent) - min(spent)) / statistics.median(spent)
