"""The sandbox gateway's card rules."""

from __future__ import annotations

from datetime import date

import pytest

from halodesk.demo.gateway.rules import (
    CardFacts,
    Refusal,
    brand_of,
    cvv_ok,
    examine,
    expiry_ok,
    length_ok,
    luhn_ok,
    postal_check,
)

TODAY = date(2026, 6, 15)


@pytest.mark.parametrize("number", ["4242424242424242", "378282246310005", "79927398713", "0"])
def test_luhn_accepts(number: str) -> None:
    assert luhn_ok(number)


@pytest.mark.parametrize("number", ["4242424242424241", "4242424242424224", "79927398710", ""])
def test_luhn_refuses(number: str) -> None:
    assert not luhn_ok(number)


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4242424242424242", "visa"),
        ("4222222222222", "visa"),
        ("5555555555554444", "mastercard"),
        ("2223003122003222", "mastercard"),
        ("378282246310005", "amex"),
        ("341111111111111", "amex"),
        ("6011111111111117", "discover"),
        ("30569309025904", "diners"),
        ("36227206271667", "diners"),
        ("3566002020360505", "jcb"),
        ("6200000000000005", "unionpay"),
    ],
)
def test_test_numbers_are_whole(number: str, brand: str) -> None:
    assert brand_of(number) == brand
    assert luhn_ok(number)
    assert length_ok(number)


@pytest.mark.parametrize("number", ["2220999999999999", "2721000000000000", "1234", "", "9999"])
def test_no_brand(number: str) -> None:
    assert brand_of(number) == ""
    assert not length_ok(number)


@pytest.mark.parametrize(
    "number", ["37828224631000", "3782822463100050", "424242424242424", "55555555555544443"]
)
def test_wrong_length_for_the_brand(number: str) -> None:
    assert brand_of(number)
    assert not length_ok(number)


@pytest.mark.parametrize(
    ("expiry", "valid"),
    [
        ("0626", True),
        ("0526", False),
        ("1225", False),
        ("0127", True),
        ("0646", True),
        ("0147", False),
        ("0026", False),
        ("1326", False),
        ("626", False),
        ("06226", False),
        ("ab26", False),
        ("", False),
        ("٠٦٢٦", False),
    ],
)
def test_expiry(expiry: str, valid: bool) -> None:
    assert expiry_ok(expiry, TODAY) is valid


def test_card_is_valid_through_the_last_day_of_its_month() -> None:
    assert expiry_ok("0226", date(2026, 2, 28))
    assert not expiry_ok("0226", date(2026, 3, 1))


@pytest.mark.parametrize(
    ("cvv", "brand", "valid"),
    [
        ("123", "visa", True),
        ("1234", "visa", False),
        ("1234", "amex", True),
        ("123", "amex", False),
        ("12a", "visa", False),
        ("", "visa", False),
    ],
)
def test_cvv_length(cvv: str, brand: str, valid: bool) -> None:
    assert cvv_ok(cvv, brand) is valid


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("94107", "match"),
        ("94107-1234", "match"),
        ("941071234", "match"),
        ("K1A 0B1", "match"),
        ("k1a0b1", "match"),
        ("00000", "mismatch"),
        ("99999-1234", "mismatch"),
        ("", "not_checked"),
        ("SW1A 1AA", "not_checked"),
    ],
)
def test_postal_check(code: str, result: str) -> None:
    assert postal_check(code) == result


@pytest.mark.parametrize(
    ("number", "expiry", "cvv", "refusal"),
    [
        ("4242424242424241", "1228", "123", Refusal("invalid_number", "number")),
        ("42424242", "1228", "123", Refusal("invalid_number", "number")),
        ("4242 4242 4242 4242", "1228", "123", Refusal("invalid_number", "number")),
        ("424242424242424200", "1228", "123", Refusal("invalid_number", "number")),
        ("9999999999999995", "1228", "123", Refusal("unsupported_brand", "number")),
        ("4242424242424242", "0526", "123", Refusal("invalid_expiry", "expiry")),
        ("4242424242424242", "1228", "12", Refusal("invalid_cvv", "cvv")),
        ("378282246310005", "1228", "123", Refusal("invalid_cvv", "cvv")),
        ("4242424242424242", "1228", "999", Refusal("incorrect_cvv", "cvv")),
        ("378282246310005", "1228", "9999", Refusal("incorrect_cvv", "cvv")),
        ("4000000000000127", "1228", "123", Refusal("incorrect_cvv", "cvv")),
    ],
)
def test_refusals_name_the_part(number: str, expiry: str, cvv: str, refusal: Refusal) -> None:
    assert examine(number, expiry, cvv, "", TODAY) == refusal


def test_facts_keep_the_last_four_only() -> None:
    facts = examine("378282246310005", "1228", "1234", "94107", TODAY)
    assert facts == CardFacts(brand="amex", last4="0005", avs="postal_code")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000002", "do_not_honor"),
        ("4000000000009995", "insufficient_funds"),
        ("4000000000009987", "lost_card"),
        ("4000000000009979", "stolen_card"),
        ("4000000000000119", "processing_error"),
        ("4000000000000036", "postal_code_mismatch"),
    ],
)
def test_numbers_that_are_declined(number: str, code: str) -> None:
    facts = examine(number, "1228", "123", "", TODAY)
    assert isinstance(facts, CardFacts)
    assert facts.decline == code


def test_postal_code_mismatch_declines_any_card() -> None:
    facts = examine("4242424242424242", "1228", "123", "00000", TODAY)
    assert isinstance(facts, CardFacts)
    assert facts.decline == "postal_code_mismatch"
