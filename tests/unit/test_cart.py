"""The cart and its money: exact, never below zero, frozen once paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.engine.cart import Cart, CartRefusal, Line
from halodesk.engine.cart_changes import Change, change
from halodesk.engine.flow import Catalogue, Product, Shipping
from halodesk.engine.money import LARGEST, digits, percent_of, to_major, to_minor, words
from halodesk.engine.registry import cart_actions

CATALOGUE = Catalogue(
    products=(Product(key="nap", name="Nap", price="39.95"), Product(key="book", name="Book", price="14.50")),
    shipping=(Shipping(key="std", name="Standard", price="4.95"),),
)


def after(cart: Cart, action: str, **args: Any) -> Cart:
    result = change(cart, action, args, CATALOGUE)
    assert isinstance(result, Change), result
    return result.cart


def refused(cart: Cart, action: str, **args: Any) -> str:
    result = change(cart, action, args, CATALOGUE)
    assert isinstance(result, CartRefusal)
    assert result.message
    return result.message


def test_a_whole_order() -> None:
    cart = after(Cart(), "add_item", item="nap", quantity=2)
    cart = after(cart, "add_item", item="book")
    cart = after(cart, "set_shipping", method="std")
    cart = after(cart, "set_tax", percent="7.25", label="CA")
    assert cart.subtotal == 2 * 3995 + 1450
    assert cart.tax == 684  # 683.675, half up
    assert cart.total == 9440 + 495 + 684
    assert cart.quantity == 3


def test_adding_again_raises_the_quantity_and_zero_removes() -> None:
    cart = after(after(Cart(), "add_item", item="nap"), "add_item", item="nap", quantity="2")
    assert [line.quantity for line in cart.lines] == [3]
    assert after(cart, "set_quantity", item="nap", quantity=5).quantity == 5
    assert after(cart, "set_quantity", item="nap", quantity=0).lines == ()
    assert after(cart, "remove_item", item="nap").lines == ()
    assert after(cart, "remove_item", item="gone") == cart
    assert after(Cart(), "set_quantity", item="nap", quantity=4).quantity == 4
    assert after(Cart(), "add_item", item="nap", quantity=0).lines == ()


def test_lines_keep_their_order() -> None:
    cart = after(after(Cart(), "add_item", item="nap"), "add_item", item="book")
    assert [line.item for line in after(cart, "add_item", item="nap").lines] == ["nap", "book"]


def test_shipping_counts_only_with_goods() -> None:
    cart = after(Cart(), "set_shipping", method="std")
    assert cart.total == 0
    assert after(cart, "add_item", item="book").total == 1450 + 495


def test_price_note_and_clear() -> None:
    cart = after(Cart(currency="USD"), "add_item", item="nap", price="30")
    assert cart.total == 3000
    assert after(cart, "set_note", note="gift").note == "gift"
    assert after(cart, "clear_cart") == Cart(currency="USD")


def test_discounts_never_go_below_zero() -> None:
    line = Line(item="nap", name="Nap", quantity=1, price=1000, discount=1500)
    assert line.total == 0
    cart = Cart(
        lines=(Line(item="nap", name="Nap", quantity=1, price=1000),), discount=700, discount_percent="50"
    )
    assert (cart.subtotal, cart.goods, cart.total) == (1000, 0, 0)


@pytest.mark.parametrize(
    ("action", "args", "said"),
    [
        ("add_item", {"item": "gone"}, "no product"),
        ("add_item", {}, "no product"),
        ("add_item", {"item": "nap", "quantity": "two"}, "not a number"),
        ("add_item", {"item": "nap", "quantity": -1}, "not a number"),
        ("add_item", {"item": "nap", "quantity": 1.5}, "not a number"),
        ("add_item", {"item": "nap", "quantity": "1e999999999"}, "not a number"),
        ("add_item", {"item": "nap", "quantity": None}, "not a number"),
        ("add_item", {"item": "nap", "price": "free"}, "not a number"),
        ("add_item", {"item": "nap", "price": "1e999999999"}, "not a number"),
        ("add_item", {"item": "nap", "price": "NaN"}, "not a number"),
        ("set_shipping", {"method": "drone"}, "no shipping method"),
        ("set_tax", {"percent": "lots"}, "not a number"),
        ("set_tax", {"percent": "-1"}, "not a number"),
        ("set_tax", {"percent": "1e99999"}, "not a number"),
        ("set_tax", {}, "not a number"),
        ("teleport", {}, "does not know"),
    ],
)
def test_what_cannot_be_done_is_said(action: str, args: dict[str, Any], said: str) -> None:
    assert said in refused(Cart(), action, **args)


@pytest.mark.parametrize("action", sorted(cart_actions()))
def test_a_paid_cart_is_frozen(action: str) -> None:
    paid = Cart(frozen=True, lines=(Line(item="nap", name="Nap", quantity=1, price=3995),))
    assert "paid" in refused(paid, action, item="nap", method="std", percent="1")


numbers = st.integers() | st.floats() | st.text(max_size=6) | st.none() | st.decimals()
steps = st.tuples(
    st.sampled_from([*cart_actions(), "teleport"]),
    st.fixed_dictionaries(
        {},
        optional={
            "item": st.sampled_from(["nap", "book", "gone"]),
            "quantity": numbers,
            "price": numbers,
            "method": st.sampled_from(["std", "x"]),
            "percent": numbers,
            "label": st.text(max_size=3),
            "note": st.text(max_size=3),
        },
    ),
)


@given(st.lists(steps, max_size=8))
def test_no_sequence_of_actions_raises_or_goes_below_zero(actions: list[tuple[str, dict[str, Any]]]) -> None:
    cart = Cart()
    for action, args in actions:
        result = change(cart, action, args, CATALOGUE)
        cart = cart if isinstance(result, CartRefusal) else result.cart
        assert cart.total >= 0
        assert cart.tax >= 0
        assert all(line.quantity > 0 for line in cart.lines)
        assert len({line.item for line in cart.lines}) == len(cart.lines)


# money


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("39.95", "USD", 3995),
        ("$1,234.50", "USD", 123450),
        (" 0.005 ", "USD", 1),
        ("-0.005", "USD", -1),
        (2, "EUR", 200),
        ("1500", "JPY", 1500),
        ("1500.5", "JPY", 1501),
        ("1.2345", "KWD", 1235),
        ("1e-999999999", "USD", 0),
        (Decimal("0.1"), "USD", 10),
    ],
)
def test_minor_units(amount: Any, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    "amount", ["", "free", "1.2.3", "NaN", "Infinity", "1e13", "1e999999999", "-1e999999999", None, True]
)
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        to_minor(amount, "USD")


def test_money_in_words_and_back() -> None:
    assert words(123450, "USD") == "$1,234.50"
    assert words(-50, "USD") == "-$0.50"
    assert words(1500, "JPY") == "¥1,500"
    assert to_major(3995, "USD") == Decimal("39.95")
    assert digits("USD") == 2
    assert digits("JPY") == 0
    assert percent_of(9440, "7.25") == 684
    assert percent_of(50, "1") == 1
    assert to_minor(LARGEST, "USD") == 10**14


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "JPY", "KWD"]))
def test_major_and_minor_are_inverse(minor: int, currency: str) -> None:
    assert to_minor(to_major(minor, currency), currency) == minor
