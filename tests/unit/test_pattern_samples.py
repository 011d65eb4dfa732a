"""Texts made from a pattern match it; what is not understood gives none."""

from __future__ import annotations

import pytest

from halodesk.engine.pattern_samples import samples
from halodesk.engine.patterns import full_match


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{5}(-\d{4})?",
        r"[A-Z]{2}\d{3}",
        r"(?i)(ord|inv)-[0-9]{6}(/[a-c]+)?",
        r"[^0-9]+",
        r"a|b|c{2,4}",
        r"(?P<year>\d{4})-\d\d-\d\d",
        r"^\w+@[\w.]+\.(com|org)$",
        r"[[:alpha:]]+x?",
        r"[]a]b",
        r"(?:a(?:b|c)){2}",
        r"\.\\\+",
        r"",
    ],
)
def test_samples_match(pattern: str) -> None:
    found = samples(pattern)
    assert found
    assert all(full_match(pattern, text) for text in found)


def test_each_way_is_among_them() -> None:
    assert set(samples("a|b|c")) == {"a", "b", "c"}


@pytest.mark.parametrize("pattern", ["(?=a)b", r"\p{Greek}", "(", "[a", "a{99999}", r"(a)\1", "\\"])
def test_what_is_not_understood_gives_none(pattern: str) -> None:
    assert samples(pattern) == []
