"""JSONPath: names, places, the wildcard; everything else is said to be none."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine.json_path import pick, problem

DOCUMENT = {"a": {"b c": [1, {"d": "x"}, None]}, "list": [{"n": 1}, {"n": 2}, {}], "ü": True, "a-b": 0}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DOCUMENT),
        ("$.a['b c'][0]", 1),
        ('$.a["b c"][1].d', "x"),
        ("$.a['b c'][-1]", None),
        ("$.list[*].n", [1, 2]),
        ("$.list.*.n", [1, 2]),
        ("$['a'].gone.more", None),
        ("$.list[9]", None),
        ("$.list[-9]", None),
        ("$.list.n", None),
        ("$.gone[*]", []),
        ("$.ü", True),
        ("$.a-b", 0),
    ],
)
def test_values(path: str, value: Any) -> None:
    assert problem(path) == ""
    assert pick(DOCUMENT, path) == value


@pytest.mark.parametrize(
    "path", ["", "a", "$a", "$.", "$..a", "$[?(@.a)]", "$.a[", "$['a", "$[1:2]", "$.a b", "$[1.5]"]
)
def test_what_is_no_path(path: str) -> None:
    assert problem(path)
    assert pick(DOCUMENT, path) is None
