"""multi_select: some of the options, always in their order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.fields import OPTIONS, field, refuse, show, take, wrong

FIELD = field("multi_select", options=OPTIONS)


@pytest.mark.parametrize(
    ("raw", "value"),
    [(["b", "a"], ["a", "b"]), (("c",), ["c"]), ("a", ["a"]), (["a", "a"], ["a"]), ([], None), ("", None)],
)
def test_values(raw: Any, value: Any) -> None:
    assert take(FIELD, raw) == value


@pytest.mark.parametrize("raw", [["d"], ["a", "d"], "Alpha", 7, {"a": True}, [["a"]], [None]])
def test_what_is_none_of_them(raw: Any) -> None:
    assert refuse(FIELD, raw) == "Choose some of the options."


def test_how_many() -> None:
    found = field("multi_select", options=OPTIONS, min=2, max=2)
    assert refuse(found, ["a"]) == "Choose at least 2; these are 1."
    assert refuse(found, ["a", "b", "c"]) == "Choose at most 2; these are 3."
    assert take(found, ["c", "a"]) == ["a", "c"]
    assert take(found, []) is None  # whether it must be answered is said elsewhere


def test_it_is_shown_in_labels() -> None:
    assert show(FIELD, ["a", "c", "gone"]) == "Alpha, c, gone"
    assert show(FIELD, "b") == "Beta"


def test_a_wrong_config_is_named() -> None:
    assert wrong(field("multi_select", options=OPTIONS, min=1, max=3)) == []
    assert wrong(field("multi_select", options=OPTIONS, min=0)) == ['"min" is no whole number above 0']
    assert wrong(field("multi_select", options=OPTIONS, min=4)) == ["nobody can choose 4 of these options"]
    assert wrong(field("multi_select", options=OPTIONS, min=2, max=1)) == [
        "nobody can choose 2 of these options"
    ]
