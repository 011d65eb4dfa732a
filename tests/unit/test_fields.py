"""Field types: what raw input becomes, what is refused, and how a value is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.fields.base import Problem, plain_text
from halodesk.engine.flow import Field, Option
from halodesk.engine.pan import has_card_number, luhn
from halodesk.engine.registry import field_types

SHOULD_EXIST = {
    "text",
    "text_area",
    "boolean",
    "phone",
    "email",
    "address",
    "dropdown",
    "radio_group",
    "encrypted",
    "number",
    "currency",
    "date",
    "date_time",
    "multi_select",
    "checkbox",
}
OPTIONS = (Option(value="a", label="Alpha"), Option(value="b"))


def normalise(type_: str, raw: Any, **config: Any) -> Any:
    field = Field(name="x", type=type_, options=OPTIONS, config=config)
    return field_types()[type_].normalise(field, raw)


def problem(type_: str, raw: Any, **config: Any) -> Problem:
    found = normalise(type_, raw, **config)
    assert isinstance(found, Problem), found
    assert found.message
    return found


def show(type_: str, value: Any, **config: Any) -> str:
    return field_types()[type_].show(Field(name="x", type=type_, options=OPTIONS, config=config), value)


def test_all_fifteen_types_are_there() -> None:
    assert set(field_types()) == SHOULD_EXIST
    assert all(found.name == name for name, found in field_types().items())


@pytest.mark.parametrize("type_", sorted(SHOULD_EXIST))
def test_nothing_is_nothing(type_: str) -> None:
    assert normalise(type_, None) is None
    if type_ not in ("address", "encrypted"):
        assert normalise(type_, "") is None


# text


def test_text_is_one_line() -> None:
    assert normalise("text", "  Ann \n  Lee\t\u00a0 Jr. \u200b") == "Ann Lee Jr."
    assert normalise("text", 12) == "12"
    assert normalise("text", "\x00\x07") is None
    assert show("text", "Ann") == "Ann"


def test_text_has_a_length_and_a_pattern() -> None:
    assert "At most 3" in problem("text", "abcd", max_length=3).message
    assert normalise("text", "abc", max_length=3) == "abc"
    assert normalise("text", "a" * 200, max_length="many") == "a" * 200
    assert problem("text", "12a", pattern="[0-9]+", pattern_help="Digits only.").message == "Digits only."
    assert normalise("text", "12", pattern="[0-9]+") == "12"
    assert problem("text", "12", pattern="(").message


def test_text_area_keeps_its_lines() -> None:
    assert normalise("text_area", " a\n b\x07 ") == "a\n b"
    assert problem("text_area", "a" * 4001).message
    assert show("text_area", "a\nb") == "a\nb"


# boolean


@pytest.mark.parametrize(
    ("raw", "value"), [(True, True), ("TRUE", True), (" yes ", True), (False, False), ("no", False)]
)
def test_boolean(raw: Any, value: bool) -> None:
    assert normalise("boolean", raw) is value


def test_boolean_is_refused_when_it_is_neither() -> None:
    assert problem("boolean", "maybe").message
    assert problem("boolean", 1).message
    assert show("boolean", True, true_label="Same") == "Same"
    assert show("boolean", False) == "No"


# choices


@pytest.mark.parametrize("type_", ["dropdown", "radio_group"])
def test_a_choice_is_one_of_its_options(type_: str) -> None:
    assert normalise(type_, "a") == "a"
    assert problem(type_, "Alpha").message
    assert problem(type_, ["a"]).message
    assert show(type_, "a") == "Alpha"
    assert show(type_, "b") == "b"
    assert show(type_, "gone") == "gone"


# phone


@pytest.mark.parametrize(
    ("raw", "value", "shown"),
    [
        ("202 555 0143", "+12025550143", "(202) 555-0143"),
        ("(202) 555-0143 ext. 7", "+12025550143;ext=7", "(202) 555-0143 ext. 7"),
        ("+44 20 7946 0958", "+442079460958", "+44 20 7946 0958"),
        ("1-800-555-0142", "+18005550142", "(800) 555-0142"),
    ],
)
def test_phone(raw: str, value: str, shown: str) -> None:
    assert normalise("phone", raw) == value
    assert show("phone", value) == shown


def test_phone_problems() -> None:
    assert "not a phone number" in problem("phone", "call me").message
    assert "digits" in problem("phone", "12345").message
    assert normalise("phone", "020 7946 0958", region="GB") == "+442079460958"
    assert problem("phone", "7946 0958", region="nowhere").message
    assert show("phone", "nonsense") == "nonsense"


def test_a_real_phone_number_is_no_card_number() -> None:
    """One in ten numbers of 13 digits has the check digit of a card."""
    number = next(f"+49151234567{n:02}" for n in range(100) if luhn(f"49151234567{n:02}"))
    assert has_card_number(number)
    assert normalise("phone", number) == number
    assert problem("phone", "4222 2222 2222 2").incident == "card_number_in_plain_field"


# email


def test_email() -> None:
    assert normalise("email", " Jo@Example.COM ") == "Jo@example.com"
    assert normalise("email", "jo@bücher.example") == "jo@bücher.example"
    for wrong in ("jo", "jo@", "@x.com", "jo@x", "a b@x.com", "jo@x..com", "x" * 255 + "@example.com"):
        assert problem("email", wrong).message
    assert show("email", "jo@example.com") == "jo@example.com"


# address

STREET = {"line1": "1 Main St", "city": "Santa Cruz", "region": "ca", "postal_code": "95060"}


def test_address() -> None:
    value = normalise("address", {**STREET, "extra": "dropped", "line2": "  Apt  2 "})
    assert value == {
        "line1": "1 Main St",
        "line2": "Apt 2",
        "city": "Santa Cruz",
        "region": "CA",
        "postal_code": "95060",
        "country": "US",
    }
    assert show("address", value) == "1 Main St, Apt 2, Santa Cruz, CA 95060, US"


def test_address_in_canada() -> None:
    value = normalise("address", {**STREET, "country": "ca", "region": "on", "postal_code": "k1a0b1"})
    assert (value["country"], value["postal_code"]) == ("CA", "K1A 0B1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"line1": ""}, "street"),
        ({"city": " "}, "city"),
        ({"region": None}, "state"),
        ({"postal_code": ""}, "ZIP"),
        ({"postal_code": "9506"}, "ZIP code such as"),
        ({"country": "FR"}, "US, CA only"),
        ({"country": "CA", "postal_code": "D1A 0B1"}, "K1A 0B1"),
        ({"city": "x" * 121}, "At most 120"),
    ],
)
def test_address_problems(change: dict[str, Any], said: str) -> None:
    assert said in problem("address", {**STREET, **change}).message


def test_an_address_is_an_object_or_nothing() -> None:
    assert problem("address", "1 Main St").message
    assert normalise("address", {}) is None
    assert normalise("address", {"country": "US"}) is None
    assert normalise("address", {**STREET, "country": "DE"}, countries=["DE"])["country"] == "DE"
    assert "DE only" in problem("address", {**STREET, "country": "US"}, countries=["DE"]).message
    assert normalise("address", {**STREET}, countries="US")["country"] == "US"
    assert show("address", "set by a function") == "set by a function"
    assert show("address", {"line1": 3}) == "3"


# encrypted


def test_encrypted_takes_nothing_and_shows_nothing() -> None:
    assert problem("encrypted", "4242424242424242").message
    assert problem("encrypted", "").message
    assert show("encrypted", "4242") == "••••"


# card numbers

CARDS = {
    "visa": "4242424242424242",
    "visa 13": "4222222222222",
    "mastercard": "5555555555554444",
    "mastercard 2": "2223003122003222",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners": "30569309025904",
    "diners 36": "36227206271667",
    "jcb": "3530111333300000",
    "unionpay": "6200000000000005",
    "maestro": "6759649826438453",
}


def grouped(digits: str, sign: str) -> str:
    return sign.join(digits[at : at + 4] for at in range(0, len(digits), 4))


@pytest.mark.parametrize("digits", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize(
    "shape",
    [
        "{}",
        "card {}.",
        "2 {}",
        "qty 2, {} exp 12/30",
        "{} 123",
        "x{}x",
        "0000 {}",
        "({})",
        "12-{}-12",
    ],
)
def test_a_card_number_is_found(digits: str, shape: str) -> None:
    assert has_card_number(shape.format(digits))
    for sign in (" ", "-", ".", "  ", " - ", "_", "/", "\n", "\u00a0", "\u200b", ", "):
        assert has_card_number(shape.format(grouped(digits, sign))), sign


def test_digits_of_other_scripts_count() -> None:
    assert has_card_number("".join(chr(0xFF10 + int(digit)) for digit in CARDS["visa"]))
    assert has_card_number("".join(chr(0x0660 + int(digit)) for digit in CARDS["visa"]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4242424242424241",
        "0000000000000000",
        "4444",
        "call +1 (202) 555-0143 or +1 (202) 555-0144",
        "1234567890123456",
        "order 9400100000000000000000",
        "2026-11-21 14:30:22",
        "4111 or 1111 or 1111 then 1111 for sure",
        "12 34 56 78",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert not has_card_number(text)


@pytest.mark.parametrize("type_", ["text", "text_area", "email", "phone"])
@pytest.mark.parametrize("raw", [CARDS["visa"], "my card is 4242  4242  4242  4242 ok", int(CARDS["visa"])])
def test_a_card_number_in_a_plain_field_is_an_incident(type_: str, raw: Any) -> None:
    found = problem(type_, raw)
    assert found.incident == "card_number_in_plain_field"
    assert "4242" not in found.message


@pytest.mark.parametrize("part", ["line1", "line2", "city", "region", "postal_code", "country"])
def test_a_card_number_in_an_address_is_an_incident(part: str) -> None:
    assert problem("address", {**STREET, part: CARDS["amex"]}).incident == "card_number_in_plain_field"


def test_a_card_number_is_found_in_a_text_that_is_too_long() -> None:
    assert problem("text", "x" * 500 + CARDS["visa"]).incident


PARTS = ["line1", "city", "region", "postal_code", "country"]
KEYS = ["max_length", "pattern", "pattern_help", "region", "countries", "true_label", "max_digits"]
raws = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=5),
    max_leaves=6,
)
configs = st.dictionaries(st.sampled_from(KEYS), raws, max_size=3)


@given(st.sampled_from(sorted(SHOULD_EXIST)), raws, configs)
def test_whatever_is_typed_is_a_value_or_a_problem(type_: str, raw: Any, config: dict[str, Any]) -> None:
    value = normalise(type_, raw, **config)
    if not isinstance(value, Problem) and value is not None:
        assert isinstance(show(type_, value, **config), str)
        assert normalise(type_, value, **config) == value, "a value is its own normal form"


@given(st.text(max_size=30), st.sampled_from(sorted(CARDS.values())), st.text(max_size=30))
def test_no_plain_text_ever_holds_the_card(before: str, card: str, after: str) -> None:
    """Beside a letter or a blank; digits that run into the number make it another number."""
    value = plain_text(f"{before} {card} {after}", 1000)
    assert isinstance(value, Problem)
