"""currency: amount and code, exact to the smallest coin."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.fields.currency import TYPE, codes_of, currency_name, symbol
from halodesk.engine.money import is_money, to_minor
from tests.fakes.fields import field, refuse, show, take, wrong


@pytest.mark.parametrize(
    ("raw", "config", "amount", "code", "shown", "typed"),
    [
        ("1234.5", {}, "1234.50", "USD", "$1,234.50", "1,234.50"),
        ("$1,234.50", {}, "1234.50", "USD", "$1,234.50", "1,234.50"),
        ("USD 5", {}, "5.00", "USD", "$5.00", "5.00"),
        ("-5", {}, "-5.00", "USD", "-$5.00", "-5.00"),
        (3, {}, "3.00", "USD", "$3.00", "3.00"),
        (0.1, {}, "0.10", "USD", "$0.10", "0.10"),
        ("1500", {"currency": "JPY"}, "1500", "JPY", "¥1,500", "1,500"),
        ("1.5", {"currency": "KWD"}, "1.500", "KWD", "KWD1.500", "1.500"),
        ("€ 5", {"currencies": ["USD", "EUR"]}, "5.00", "EUR", "€5.00", "5.00"),
        ("1.234,50 €", {"currency": "EUR", "locale": "de_DE"}, "1234.50", "EUR", "1.234,50\xa0€", "1.234,50"),
        (
            {"amount": "7", "currency": "cad"},
            {"currencies": ["USD", "CAD"]},
            "7.00",
            "CAD",
            "CA$7.00",
            "7.00",
        ),
        ("CA$8", {"currencies": ["USD", "CAD"]}, "8.00", "CAD", "CA$8.00", "8.00"),
    ],
)
def test_amounts(raw: Any, config: dict[str, Any], amount: str, code: str, shown: str, typed: str) -> None:
    found = field("currency", **config)
    value = take(found, raw)
    assert value == {"amount": amount, "currency": code}
    assert is_money(value)
    assert show(found, value) == shown
    assert TYPE.input_words(found, value) == typed
    assert take(found, {"amount": typed, "currency": code}) == value


def test_refusals() -> None:
    assert refuse(field("currency"), "€5") == "Amounts are in USD here."
    assert refuse(field("currency", currencies=["USD", "EUR"]), "£5") == "Amounts are in USD or EUR here."
    assert refuse(field("currency"), {"amount": "5", "currency": "XXX"}) == "Amounts are in USD here."
    assert refuse(field("currency"), "1.999") == "USD has 2 digits after the decimal point."
    assert refuse(field("currency", currency="JPY"), "1500.5") == "JPY has no cents."
    assert "too large" in refuse(field("currency"), "10,000,000,000,000")
    assert refuse(field("currency", min=10), "9.99") == "At least 10."
    for raw in ("five", "5 5 USD USD", True, ["5"]):
        assert refuse(field("currency"), raw)


def test_nothing_is_nothing() -> None:
    for raw in (None, "", {"amount": "", "currency": "USD"}, {"currency": "USD"}, {}):
        assert take(field("currency"), raw) is None


def test_signs_names_and_codes() -> None:
    assert codes_of(field("currency", currency="eur", currencies=["USD", "EUR"])) == ["EUR", "USD"]
    assert symbol(field("currency"), "USD") == "$"
    assert symbol(field("currency", locale="de_DE"), "CAD") == "CA$"
    assert currency_name(field("currency"), "EUR") == "Euro"
    assert TYPE.stepped(field("currency", step="0.25"), "1", 1) == "1.25"
    assert show(field("currency"), "paid in kind") == "paid in kind"
    assert TYPE.input_words(field("currency"), "paid in kind") == "paid in kind"


def test_a_wrong_config_is_named() -> None:
    assert wrong(field("currency", currencies=["USD", "EUR"], min=0)) == []
    assert wrong(field("currency", currency="Taler")) == ['"TALER" is no ISO 4217 code']
    assert wrong(field("currency", max="lots")) == ['"max" is not a number']


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD", "EUR"]))
def test_every_amount_survives_its_own_words(minor: int, code: str) -> None:
    from halodesk.engine.money import to_major

    found = field("currency", currency=code)
    value = take(found, str(to_major(minor, code)))
    assert to_minor(value["amount"], code) == minor
    assert take(found, show(found, value)) == value


@given(
    st.text(max_size=20) | st.none() | st.floats() | st.dictionaries(st.text(max_size=8), st.text(max_size=5))
)
def test_no_input_raises(raw: Any) -> None:
    TYPE.normalise(field("currency", currencies=["USD", "EUR"]), raw)
