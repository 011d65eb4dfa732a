"""Conditions: typed comparison, null, groups, and patterns that cannot run for ever."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.conditions import OPERATORS, holds, is_empty, look_up
from halodesk.engine.flow import Condition
from halodesk.engine.patterns import LONGEST, full_match, pattern_problem


def check(left: Any, op: str, right: Any = None) -> bool:
    return holds([Condition(variable="x", op=op, value=right)], {"x": left})


@pytest.mark.parametrize(
    ("left", "op", "right", "expected"),
    [
        # numbers as numbers
        (10, "greater_than", 9, True),
        ("10", "greater_than", "9", True),
        ("10", "greater_than", 9, True),
        (0.1, "equals", "0.10", True),
        (-1, "less_than", 0, True),
        ("1e3", "equals", 1000, False),
        (10, "greater_or_equal", 10, True),
        (10, "less_or_equal", 9, False),
        (10, "greater_than", "ten", False),
        (10, "less_than", "ten", False),
        # "007" is text: a postal code is not seven
        ("007", "equals", 7, False),
        ("007", "equals", "7", False),
        ("007", "equals", "007", True),
        ("02134", "greater_than", 9, False),
        ("0", "equals", 0, True),
        ("0.5", "equals", 0.5, True),
        # dates as dates
        ("2026-02-01", "greater_than", "2026-01-31", True),
        ("2026-02-01", "equals", "2026-02-01T00:00:00Z", True),
        ("2026-02-01T10:00", "greater_than", "2026-02-01", True),
        ("2026-02-01T10:00+02:00", "less_than", "2026-02-01T09:00Z", True),
        ("2026-02-30", "greater_than", "2026-02-01", True),  # no date: text
        # money: as its number, and only within one currency
        ({"amount": "10.00", "currency": "USD"}, "greater_than", 9, True),
        ({"amount": "10.00", "currency": "USD"}, "equals", "10", True),
        ({"amount": "10.00", "currency": "USD"}, "greater_than", {"amount": "9.00", "currency": "USD"}, True),
        (
            {"amount": "10.00", "currency": "USD"},
            "greater_than",
            {"amount": "9.00", "currency": "EUR"},
            False,
        ),
        ({"amount": "10.00", "currency": "USD"}, "equals", {"amount": "10.00", "currency": "EUR"}, False),
        ({"amount": 10, "currency": "USD"}, "greater_than", 9, False),  # a payment, not an amount
        # a time with its zone
        ({"utc": "2026-02-01T03:00:00Z", "zone": "America/New_York"}, "less_than", "2026-02-01", True),
        ({"utc": "2026-02-01T03:00:00Z", "zone": "America/New_York"}, "equals", "2026-01-31T22:00", True),
        ({"utc": "2026-02-01T03:00:00Z", "zone": "Mars"}, "less_than", "2026-02-01", False),
        # null and ""
        (None, "equals", "", False),
        ("", "equals", None, False),
        (None, "equals", None, True),
        (None, "not_equals", "a", True),
        (None, "is_empty", None, True),
        ("  ", "is_empty", None, True),
        ([], "is_empty", None, True),
        (0, "is_empty", None, False),
        (False, "is_empty", None, False),
        (False, "is_not_empty", None, True),
        (None, "greater_than", 0, False),
        (None, "less_than", 0, False),
        (None, "less_or_equal", None, False),
        (None, "contains", "", False),
        (None, "not_contains", "a", True),
        (None, "starts_with", "", False),
        (None, "in_list", [None], False),
        (None, "matches", ".*", False),
        # booleans
        (True, "equals", True, True),
        (True, "equals", "yes", True),
        ("False", "equals", False, True),
        (True, "equals", 1, False),
        (False, "equals", 0, False),
        (False, "not_equals", True, True),
        (True, "greater_than", False, False),
        # text
        ("Yes", "equals", " yes ", True),
        ("b", "greater_than", "A", True),
        ("Straße", "contains", "STRASSE", True),
        ("abc", "starts_with", "AB", True),
        ("abc", "contains", "", True),
        ("abc", "not_contains", "d", True),
        # lists
        (["A", 2], "contains", "a", True),
        (["a", 2], "contains", "2", True),
        (["a"], "equals", ["A"], True),
        (["a"], "equals", ["a", "b"], False),
        ("b", "in_list", ["a", "B"], True),
        ("b", "in_list", "abc", False),
        # patterns
        ("ab12", "matches", "[a-z]+[0-9]+", True),
        ("ab12!", "matches", "[a-z]+[0-9]+", False),
        ("a", "matches", "(", False),
        ("a", "matches", 3, False),
        ("é", "matches", ".", True),
        ("a\ud800", "matches", ".*", False),
        # what is no operator is false
        (1, "resembles", 1, False),
        (float("nan"), "greater_than", 1, False),
        (float("inf"), "equals", "inf", True),
        (10**40, "greater_than", 9, True),
    ],
)
def test_comparison(left: Any, op: str, right: Any, expected: bool) -> None:
    assert check(left, op, right) is expected


def test_there_are_thirteen_operators() -> None:
    assert len(OPERATORS) == 13


def test_all_conditions_must_hold_and_none_holds() -> None:
    both = [Condition(variable="a", value=1), Condition(variable="b", value=2)]
    assert holds(both, {"a": 1, "b": 2})
    assert not holds(both, {"a": 1, "b": 3})
    assert holds([], {})


def test_an_or_group_holds_when_one_does_and_groups_nest() -> None:
    group = Condition(
        any_of=(
            Condition(variable="a", value=1),
            Condition(any_of=(Condition(variable="b", value=2), Condition(variable="c", value=3))),
        )
    )
    assert holds([group], {"a": 1})
    assert holds([group], {"c": 3})
    assert not holds([group], {"a": 2, "b": 1, "c": 1})
    assert not holds([group, Condition(variable="d", value=4)], {"a": 1})


def test_paths_lead_into_objects() -> None:
    values = {"shipping": {"city": "Rome", "lines": []}, "a.b": 1}
    assert look_up(values, "shipping.city") == "Rome"
    assert look_up(values, "a.b") == 1
    assert look_up(values, "shipping.city.name") is None
    assert look_up(values, "nothing.at.all") is None


def test_a_pattern_that_would_backtrack_for_ever_answers_at_once() -> None:
    began = time.perf_counter()
    assert not check("a" * 5000 + "!", "matches", "(a+)+(a|aa)*$")
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("pattern", ["(", "a{2000000}", r"(?<=a)b", r"(a)\1", "a" * (LONGEST + 1), "\ud800"])
def test_a_pattern_that_cannot_be_read_is_named_and_matches_nothing(pattern: str) -> None:
    assert pattern_problem(pattern)
    assert not full_match(pattern, "a")


def test_a_wrong_pattern_is_not_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    check("a", "matches", "(unclosed")
    assert capfd.readouterr().err == ""


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates().map(str)
    | st.datetimes().map(str)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(values, st.sampled_from([*OPERATORS, "nonsense"]), values)
def test_no_comparison_ever_raises(left: Any, op: str, right: Any) -> None:
    assert check(left, op, right) in (True, False)


@given(values, values)
def test_pairs_of_operators_agree(left: Any, right: Any) -> None:
    assert check(left, "equals", right) is not check(left, "not_equals", right)
    assert check(left, "contains", right) is not check(left, "not_contains", right)
    assert is_empty(left) is check(left, "is_empty")
    assert not (check(left, "greater_than", right) and check(left, "less_or_equal", right))
    assert not (check(left, "greater_than", right) and check(right, "greater_than", left))
