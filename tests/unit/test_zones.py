"""Time zones: gaps, folds, and the points in time between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.zones import exact, folded, gap_at, zone


def test_names() -> None:
    assert zone("UTC") is UTC
    assert zone("America/New_York") is not None
    for name in ("Mars/Olympus", "", "America", "../etc/passwd", "/etc/localtime", "a\0b"):
        assert zone(name) is None


@pytest.mark.parametrize(
    ("name", "local", "before", "after"),
    [
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T02:00", "2026-03-08T03:00"),
        ("America/New_York", "2026-03-08T02:00", "2026-03-08T02:00", "2026-03-08T03:00"),
        ("Europe/Berlin", "2026-03-29T02:59", "2026-03-29T02:00", "2026-03-29T03:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-04T02:00", "2026-10-04T02:30"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T00:00", "2011-12-31T00:00"),
    ],
)
def test_a_gap_has_two_ends(name: str, local: str, before: str, after: str) -> None:
    where = zone(name)
    assert where is not None
    gap = gap_at(datetime.fromisoformat(local), where)
    assert gap is not None
    assert (gap.before, gap.after) == (datetime.fromisoformat(before), datetime.fromisoformat(after))
    assert gap_at(gap.after, where) is None
    assert gap_at(gap.before - timedelta(minutes=1), where) is None


def test_a_fold_comes_twice_an_hour_apart() -> None:
    where = zone("America/New_York")
    assert where is not None
    local = datetime(2026, 11, 1, 1, 30)
    assert folded(local, where)
    assert gap_at(local, where) is None
    assert exact(local, where, 1) - exact(local, where, 0) == timedelta(hours=1)
    assert not folded(datetime(2026, 11, 1, 2, 0), where)
    assert not folded(datetime(2026, 3, 8, 2, 30), where)


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2037, 1, 1)),
    st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
)
def test_a_local_time_exists_unless_it_is_in_a_gap(local: datetime, name: str) -> None:
    where = zone(name)
    assert where is not None
    there = exact(local, where).astimezone(where).replace(tzinfo=None, fold=0)
    assert (there == local) is (gap_at(local, where) is None)
