"""date_time: UTC and zone; gaps refused, folds asked about, both in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.conditions import holds
from halodesk.engine.fields.date_time import TYPE, zones_of
from halodesk.engine.flow import Condition
from tests.fakes.fields import field, refuse, show, take, wrong

NEW_YORK = field("date_time", zone="America/New_York")
GAP = {"date": "3/8/2026", "time": "2:30 AM"}
FOLD = {"date": "11/1/2026", "time": "1:30 AM"}


@pytest.mark.parametrize(
    ("date", "time", "utc"),
    [
        ("11/21/2026", "2:30 pm", "2026-11-21T19:30:00Z"),
        ("11/21/2026", "14:30", "2026-11-21T19:30:00Z"),
        ("11/21/2026", "2.30p.m.", "2026-11-21T19:30:00Z"),
        ("7/4/2026", "9 a", "2026-07-04T13:00:00Z"),
        ("7/4/2026", "12 AM", "2026-07-04T04:00:00Z"),
        ("7/4/2026", "12 pm", "2026-07-04T16:00:00Z"),
    ],
)
def test_a_local_time_becomes_a_point_in_time(date: str, time: str, utc: str) -> None:
    value = take(NEW_YORK, {"date": date, "time": time})
    assert value["utc"] == utc
    assert value["zone"] == "America/New_York"
    assert take(NEW_YORK, value) == value
    assert take(NEW_YORK, TYPE.input_words(NEW_YORK, value)) == value


def test_a_time_in_the_gap_is_refused_with_both_ends() -> None:
    assert refuse(NEW_YORK, GAP) == (
        "2:30 AM does not exist on March 8, 2026 in New York: the clocks go forward from 2:00 AM to 3:00 AM. "
        "Choose a time before or after."
    )
    assert refuse(NEW_YORK, {**GAP, "fold": 1})
    assert take(NEW_YORK, {**GAP, "time": "3:00 AM"})["utc"] == "2026-03-08T07:00:00Z"
    assert take(field("date_time", zone="Asia/Kolkata"), GAP)["utc"] == "2026-03-07T21:00:00Z"


def test_a_time_that_comes_twice_is_asked_about_in_words() -> None:
    words = refuse(NEW_YORK, FOLD)
    assert "comes twice on November 1, 2026 in New York" in words
    assert "the first (EDT) or the second (EST)" in words
    assert TYPE.twice(NEW_YORK, FOLD) == ("1:30 AM EDT", "1:30 AM EST")
    assert TYPE.twice(NEW_YORK, GAP) is None
    assert TYPE.twice(NEW_YORK, {"date": "x", "time": "1:30 AM"}) is None
    first, second = (take(NEW_YORK, {**FOLD, "fold": fold}) for fold in (0, 1))
    assert (first["utc"], second["utc"]) == ("2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z")
    for value, fold in ((first, 0), (second, 1)):
        assert TYPE.input_words(NEW_YORK, value)["fold"] == fold
        assert take(NEW_YORK, TYPE.input_words(NEW_YORK, value)) == value
        assert take(NEW_YORK, value) == value
    assert show(NEW_YORK, first).endswith("1:30 AM EDT")
    assert show(NEW_YORK, second).endswith("1:30 AM EST")


def test_conditions_across_gap_and_fold() -> None:
    def check(value: Any, op: str, right: Any) -> bool:
        return holds([Condition(variable="x", op=op, value=right)], {"x": value})

    before = take(NEW_YORK, {"date": "3/8/2026", "time": "1:59 AM"})
    after = take(NEW_YORK, {"date": "3/8/2026", "time": "3:00 AM"})
    assert check(before, "less_than", after)
    assert check(after, "equals", "2026-03-08T07:00:00Z")
    assert check(after, "greater_or_equal", "2026-03-08")  # a day is meant in the value's own zone
    assert check(after, "less_than", "2026-03-08T02:30") is True  # skipped: read with the old offset, 3:30
    late = take(NEW_YORK, {"date": "3/7/2026", "time": "11:30 PM"})
    assert check(late, "less_than", "2026-03-08")
    assert not check(late, "less_than", "2026-03-08T00:00:00Z")
    first, second = (take(NEW_YORK, {**FOLD, "fold": fold}) for fold in (0, 1))
    assert check(first, "less_than", second)
    assert check(first, "not_equals", second)
    other = take(field("date_time", zone="Europe/Berlin"), "2026-11-01T05:30:00Z")
    assert check(first, "equals", other)


def test_an_exact_time_is_taken_into_the_field_s_zone() -> None:
    value = take(NEW_YORK, "2026-11-21T19:30:00Z")
    assert value == {"utc": "2026-11-21T19:30:00Z", "zone": "America/New_York", "local": "2026-11-21T14:30"}
    assert take(NEW_YORK, "2026-11-21T14:30") == value
    assert take(NEW_YORK, "2026-11-01T06:30:00Z")["local"] == "2026-11-01T01:30"
    assert show(NEW_YORK, value) == "Nov 21, 2026, 2:30 PM EST"
    assert TYPE.reads(NEW_YORK, value) == "Saturday, November 21, 2026, 2:30 PM EST (7:30 PM UTC)"
    assert TYPE.reads(field("date_time"), take(field("date_time"), "2026-11-21T19:30")).endswith(
        "7:30 PM UTC"
    )


def test_refusals() -> None:
    assert refuse(NEW_YORK, {"date": "11/21/2026"}) == "The time is missing."
    assert refuse(NEW_YORK, {"time": "2 pm"}) == "The date is missing."
    for time in ("25:00", "2", "13 pm", "2:75", "noon"):
        assert "not a time of day" in refuse(NEW_YORK, {"date": "11/21/2026", "time": time})
    assert "has no day 30" in refuse(NEW_YORK, {"date": "2/30/2026", "time": "2 pm"})
    assert refuse(NEW_YORK, {**FOLD, "zone": "Europe/Berlin"}) == "Times are in New York here."
    assert refuse(NEW_YORK, "2026-11-21T99:00") == "This is not a time. Example: 2026-11-21T14:30."
    limited = field("date_time", zone="UTC", min="2026-01-01", max="2026-12-31")
    assert refuse(limited, "2025-12-31T23:59") == "Not before January 1, 2026."
    assert refuse(field("date_time", zone="Mars"), "2026-11-21T14:30")
    assert "out of reach" in refuse(NEW_YORK, "9999-12-31T23:00")


def test_nothing_is_nothing() -> None:
    for raw in (None, "", {}, {"date": "", "time": "", "zone": "America/New_York", "fold": None}):
        assert take(NEW_YORK, raw) is None
    assert TYPE.input_words(NEW_YORK, None)["date"] == ""
    assert show(NEW_YORK, "set by a function") == "set by a function"
    assert TYPE.reads(NEW_YORK, {"utc": "x", "zone": "UTC"}) == ""


def test_zones_to_choose_from() -> None:
    found = field("date_time", zone="America/Chicago", zones=["America/New_York", "America/Chicago"])
    assert zones_of(found) == ["America/Chicago", "America/New_York"]
    assert take(found, {**FOLD, "zone": "America/New_York", "fold": 0})["zone"] == "America/New_York"
    assert wrong(found) == []
    assert wrong(field("date_time", zones=["Mars"])) == ['"Mars" is no time zone such as America/New_York']


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "date": st.text(max_size=12) | st.dates().map(str) | st.datetimes().map(datetime.isoformat),
            "time": st.text(max_size=8) | st.times().map(str),
            "zone": st.sampled_from(["America/New_York", "UTC", "", None]),
            "fold": st.sampled_from([0, 1, 2, None, "first"]),
            "utc": st.text(max_size=5),
            "local": st.text(max_size=5),
        },
    )
    | st.text(max_size=25)
    | st.datetimes().map(str)
)
def test_no_input_raises(raw: Any) -> None:
    TYPE.normalise(NEW_YORK, raw)
    TYPE.twice(NEW_YORK, raw)
