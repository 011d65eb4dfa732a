"""Time zones (IANA): a local time as the point in time it means, and what summer time does to it.

Rules:
- When the clocks go forward, the times they skip do not exist (a gap); when they go back, an
  hour comes twice (a fold) and only the person can say which of the two is meant.
- Nothing is guessed: a time in a gap is refused, a time in a fold is asked about.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec


class Gap(msgspec.Struct, frozen=True):
    """A local time that the clocks skip: they go from `before` straight to `after`."""

    before: datetime
    after: datetime


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo | None:
    """The time zone of that name, or None."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        return None


def gap_at(local: datetime, where: tzinfo) -> Gap | None:
    """The gap a naive local time falls into, or None."""
    before, after = _offsets(local, where)
    if before >= after:
        return None
    jump = _jump(local, where, before)
    return Gap(before=jump + before, after=jump + after)


def folded(local: datetime, where: tzinfo) -> bool:
    """Whether a naive local time comes twice."""
    before, after = _offsets(local, where)
    return before > after


def exact(local: datetime, where: tzinfo, fold: int = 0) -> datetime:
    """The point in time of a naive local time; `fold` 1 is the second of two."""
    return local.replace(tzinfo=where, fold=fold).astimezone(UTC)


def _offsets(local: datetime, where: tzinfo) -> tuple[timedelta, timedelta]:
    """Offsets of both readings: the same on a plain day, growing in a gap, shrinking in a fold (PEP 495)."""
    nothing = timedelta()
    return (
        local.replace(tzinfo=where, fold=0).utcoffset() or nothing,
        local.replace(tzinfo=where, fold=1).utcoffset() or nothing,
    )


def _jump(local: datetime, where: tzinfo, before: timedelta) -> datetime:
    """The UTC time (naive) near `local` at which its zone leaves the offset `before`."""
    begin = (local - timedelta(days=1)).replace(tzinfo=UTC, microsecond=0)
    early, late = 0, int(timedelta(days=2).total_seconds())
    while late - early > 1:
        middle = (early + late) // 2
        if (begin + timedelta(seconds=middle)).astimezone(where).utcoffset() == before:
            early = middle
        else:
            late = middle
    return (begin + timedelta(seconds=late)).replace(tzinfo=None)
