"""number: exact decimals in the locale's way, limits, steps."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.conditions import holds
from halodesk.engine.fields.number import MOST_DIGITS, TYPE
from halodesk.engine.flow import Condition
from tests.fakes.fields import field, refuse, show, take, wrong


@pytest.mark.parametrize(
    ("raw", "locale", "value", "shown"),
    [
        ("1,234.5", "en_US", 1234.5, "1,234.5"),
        (" 12 ", "en_US", 12, "12"),
        ("+7", "en_US", 7, "7"),
        ("−3.25", "en_US", -3.25, "-3.25"),
        ("-0", "en_US", 0, "0"),
        ("0.10", "en_US", 0.1, "0.1"),
        ("1.234,5", "de_DE", 1234.5, "1.234,5"),
        ("12,34,567", "en_IN", 1234567, "12,34,567"),
        (3, "en_US", 3, "3"),
        (Decimal("2.50"), "en_US", 2.5, "2.5"),
        (1e-7, "en_US", 1e-7, "0.0000001"),
        ("5", "no_such_locale", 5, "5"),
    ],
)
def test_what_is_typed_is_what_is_kept(raw: Any, locale: str, value: Any, shown: str) -> None:
    found = field("number", locale=locale)
    kept = take(found, raw)
    assert kept == value
    assert type(kept) is type(value)
    assert show(found, kept) == shown
    assert take(found, TYPE.input_words(found, kept)) == kept


@pytest.mark.parametrize(
    "raw",
    ["twelve", "1,2345", "1.2.3", "1e5", "0x10", "NaN", "inf", "--1", "$5", ",", True, float("nan"), [1]],
)
def test_what_is_no_number(raw: Any) -> None:
    assert "not a number" in refuse(field("number"), raw)


def test_too_many_digits_are_refused_not_rounded() -> None:
    assert take(field("number"), "9" * 15) == 10**15 - 1
    assert "15 digits" in refuse(field("number"), "1" + "2" * 15)
    assert refuse(field("number"), 10**400)
    assert take(field("number"), "100000000000000") == 10**14


def test_a_card_number_is_no_number() -> None:
    assert "card number" in refuse(field("number"), "378282246310005")


def test_limits_and_steps_are_said_in_words() -> None:
    assert refuse(field("number", min=1), "0.5") == "At least 1."
    assert refuse(field("number", max="10.5"), "10.6") == "At most 10.5."
    assert refuse(field("number", min=0.5, step=0.5), "2.3") == "Goes in steps of 0.5: 2 or 2.5."
    assert refuse(field("number", step="0.1", max=1), "0.95") == "Goes in steps of 0.1: 0.9 or 1."
    assert take(field("number", step=0.1), "0.3") == 0.3
    assert refuse(field("number", decimals=1), "1.25") == "At most 1 digit after the decimal point."
    assert refuse(field("number", decimals=2), "1.255") == "At most 2 digits after the decimal point."
    assert refuse(field("number", decimals=0), "1.5") == "A whole number, please."
    assert show(field("number", unit="kg"), 2.5) == "2.5 kg"


def test_the_arrow_keys_stay_on_the_steps_and_within_the_limits() -> None:
    found = field("number", min=1, max=10, step=3)
    assert TYPE.stepped(found, "1", 1) == "4"
    assert TYPE.stepped(found, "5", 1) == "7"
    assert TYPE.stepped(found, "5", -1) == "4"
    assert TYPE.stepped(found, "9", 10) == "10"
    assert TYPE.stepped(found, "2", -10) == "1"
    assert TYPE.stepped(found, "", 1) == "1"
    assert TYPE.stepped(found, "x", -1) == "10"
    assert TYPE.stepped(field("number"), "1,234", 1) == "1,235"


def test_a_value_a_function_has_set_is_shown_as_it_is() -> None:
    assert show(field("number"), "many") == "many"
    assert show(field("number"), {"a": 1}) == "{'a': 1}"


def test_a_wrong_config_is_named() -> None:
    assert wrong(field("number", min=1, max=2, step=0.5, locale="de_CH")) == []
    assert wrong(field("number", min="few", step=0, locale="tlh")) == [
        '"tlh" is no known locale',
        '"min" is not a number',
        '"step" must be above 0',
    ]
    assert wrong(field("number", min=2, max=1)) == ['"min" is above "max"']


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**10), max_value=10**10))
def test_every_decimal_survives_the_record_and_compares_as_itself(number: Decimal) -> None:
    value = take(field("number"), number)
    back = json.loads(json.dumps(value))
    assert Decimal(str(back)) == number
    assert holds([Condition(variable="x", op="equals", value=str(number))], {"x": back})
    assert take(field("number"), TYPE.input_words(field("number"), value)) == value


@given(st.text(max_size=25) | st.floats() | st.integers() | st.none())
def test_no_input_raises(raw: Any) -> None:
    value = TYPE.normalise(field("number", min=-5, max=10**MOST_DIGITS, step=0.01), raw)
    assert value is None or isinstance(value, int | float) or value.message
    TYPE.stepped(field("number"), raw, 1)
