"""add_item: products of the catalogue only; what is there gets more pieces."""

from __future__ import annotations

import pytest

from tests.fakes.carts import Hand


def test_it_adds_and_adds_up() -> None:
    hand = (
        Hand().do("add_item", item="nap").do("add_item", item="book").do("add_item", item="nap", quantity="2")
    )
    assert [(line.item, line.quantity, line.price) for line in hand.cart.lines] == [
        ("nap", 3, 3995),
        ("book", 1, 1450),
    ]


def test_a_price_may_be_given_and_a_discount_stays() -> None:
    hand = Hand().do("add_item", item="nap", price="30").do("set_discount", item="nap", amount=5)
    hand.do("add_item", item="nap")
    assert (hand.cart.lines[0].price, hand.cart.total) == (3000, 5500)
    assert hand.do("add_item", item="nap", price=20).cart.lines[0].price == 2000
    assert Hand().do("add_item", item="nap", price={"amount": "1.00", "currency": "USD"}).cart.total == 100


@pytest.mark.parametrize("args", [{"item": "gone"}, {}, {"item": None}])
def test_only_what_the_catalogue_has(args: dict[str, object]) -> None:
    assert "no product" in Hand().refuse("add_item", **args)


@pytest.mark.parametrize("bad", [-1, 1.5, "two", None, "1e99", float("nan"), 10**7, {}, []])
def test_quantities_are_whole_and_bounded(bad: object) -> None:
    assert "not a number" in Hand().refuse("add_item", item="nap", quantity=bad)


@pytest.mark.parametrize("bad", ["free", -1, "1e99", {"amount": "1", "currency": "EUR"}, [], True])
def test_prices_are_amounts_of_the_cart_s_currency(bad: object) -> None:
    assert "not a number" in Hand().refuse("add_item", item="nap", price=bad)
