"""Words of a caller against a page: what is certain, and what was said at all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from halodesk.runtime.flow_agent.page_words import certain, number_in, plain, was_said
from tests.fakes.copilot import order_desk


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Well, yes please.", "yes"),
        ("no thank you", "no thank you"),
        ("Extra-large", "extra large"),
        ("extraLarge, thanks", "extra large"),
        ("so 25 dollars please", "25 dollars"),
        ("please", "please"),
        ("twelve boxes", "12 boxes"),
        ("Oh, two hundred and five.", "205"),
        ("…", ""),
    ],
)
def test_polite_words_around_an_answer_do_not_count(text: str, words: str) -> None:
    assert plain(text) == words


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("25", "25"),
        ("25 dollars", "25"),
        ("12 boxes", "12"),
        ("1 box", "1"),
        ("1 day", ""),
        ("two", ""),
        ("25 or 30", ""),
        ("1.5", "1.5"),
    ],
)
def test_a_number_stands_alone_or_with_a_unit(said: str, number: str) -> None:
    assert number_in(said, "Boxes") == number


@pytest.mark.parametrize(
    ("quote", "there"),
    [
        ("It's Robin", True),
        ("its robin", True),
        ("Robin.", True),
        ("obin", False),
        ("", False),
        ("Ortiz", False),
    ],
)
def test_a_quote_is_whole_words_of_the_transcript(quote: str, there: bool) -> None:
    assert was_said(quote, "Hello?\nIt's Robin, from Leeds.") is there


def test_what_fits_two_is_not_certain() -> None:
    page = order_desk().page
    assert page is not None
    assert certain(page, "3", lambda idea: True) is not None
    twice = [field for field in page.fields if field.name == "boxes"] * 2
    assert certain(replace(page, fields=tuple(twice)), "3", lambda idea: True) is None


def test_a_field_with_a_value_is_not_open_to_plain_words() -> None:
    page = order_desk().page
    assert page is not None
    filled = tuple(replace(field, value=2) if field.name == "boxes" else field for field in page.fields)
    assert certain(replace(page, fields=filled), "3", lambda idea: True) is None
