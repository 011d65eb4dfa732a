"""What is proven of conditions holds for every value: tried against the conditions themselves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.conditions import OPERATORS, holds
from halodesk.engine.flow import Condition
from halodesk.engine.reason import can_hold, verdict

CONSTANTS: list[Any] = [
    None,
    True,
    False,
    0,
    5,
    10,
    "10",
    "yes",
    "no",
    "x",
    "X y",
    "2026-01-01",
    "2026-06-01",
    "",
]
VALUES = st.one_of(
    st.sampled_from([*CONSTANTS, "007", "2026-03-01", "2026-01-01T12:00:00Z", [], ["x"], {}, {"a": 1}, 5.5]),
    st.integers(-3, 14),
    st.integers(-3, 14).map(str),
    st.dates().map(str),
    st.text("xyX 15-", max_size=4),
)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    op = draw(st.sampled_from(sorted(OPERATORS)))
    value: Any = draw(st.sampled_from(CONSTANTS))
    if op == "in_list":
        value = draw(st.lists(st.sampled_from(CONSTANTS), max_size=3))
    elif op == "matches":
        value = draw(st.sampled_from(["x.*", "[0-9]+", "yes|no"]))
    return Condition(variable=draw(st.sampled_from("ab")), op=op, value=value)


ANY_OF = st.lists(conditions(), min_size=1, max_size=2).map(lambda group: Condition(any_of=tuple(group)))
ROUTES = st.lists(
    st.lists(st.one_of(conditions(), ANY_OF), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3
)


@given(ROUTES, VALUES, VALUES)
def test_no_value_does_what_is_proven_impossible(ways: list[tuple[Condition, ...]], a: Any, b: Any) -> None:
    found = verdict(ways, {})
    if not found.complete:
        return
    held = [holds(when, {"a": a, "b": b}) for when in ways]
    winner = next((way for way, one in enumerate(held) if one), None)
    assert found.otherwise or winner is not None
    assert winner is None or winner in found.wins
    assert all(way in found.alone for way, one in enumerate(held) if one)


def when(op: str, value: Any = None, variable: str = "a") -> Condition:
    return Condition(variable=variable, op=op, value=value)


@pytest.mark.parametrize(
    "never",
    [
        (when("greater_than", 5), when("less_than", 3)),
        (when("equals", "x"), when("equals", "y")),
        (when("equals", "x"), when("not_equals", "x")),
        (when("is_empty"), when("is_not_empty")),
        (when("greater_than", "2026-06-01"), when("less_than", "2026-01-01")),
        (when("in_list", ["a", "b"]), when("equals", "c")),
        (when("contains", "q"), when("not_contains", "q")),
        (when("greater_than", None),),
    ],
)
def test_contradictions_are_found(never: tuple[Condition, ...]) -> None:
    assert not can_hold(never, {})


def test_known_options_are_all_there_is() -> None:
    options = {"a": ("yes", "no")}
    found = verdict([(when("equals", "yes"),), (when("equals", "no"),)], options)
    assert not found.otherwise
    assert found.outcomes == {(0, 0, True), (0, 0, False), (1, 0, True)}
    assert verdict([(when("equals", "yes"),), (when("equals", "no"),)], {}).otherwise


def test_too_much_at_once_proves_nothing() -> None:
    many = tuple(when("equals", str(n), variable=f"v{n}") for n in range(20))
    assert not verdict([many], {}).complete
    assert can_hold(many, {})
