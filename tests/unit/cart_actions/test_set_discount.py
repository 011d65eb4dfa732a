"""set_discount: off a line or off the order, in place of what was there."""

from __future__ import annotations

import pytest

from tests.fakes.carts import filled


def test_off_the_order_and_off_a_line() -> None:
    hand = filled().do("set_discount", amount="10")
    assert (hand.cart.off, hand.cart.total) == (1000, 8440)
    hand.do("set_discount", item="nap", amount="5.00")
    assert (hand.cart.subtotal, hand.cart.total) == (8940, 7940)
    assert hand.do("set_discount", amount=0).cart.total == 8940


def test_it_takes_the_place_of_a_percentage() -> None:
    hand = filled().do("set_discount_percent", percent=10).do("set_discount", amount="1")
    assert hand.cart.off == 100
    hand.do("set_discount_percent", item="nap", percent=10).do("set_discount", item="nap", amount="1")
    assert hand.cart.lines[0].off == 100


def test_never_below_zero() -> None:
    assert filled().do("set_discount", amount="1000").cart.total == 0
    assert filled().do("set_discount", item="book", amount="1000").cart.total == 7990


def test_it_refuses() -> None:
    assert "not in the cart" in filled().refuse("set_discount", item="gone", amount=1)
    assert 'the role "lead"' in filled().refuse("set_discount", amount=1, role="lead")


@pytest.mark.parametrize("bad", ["-1", "x", None, [], "1e99"])
def test_what_is_no_amount(bad: object) -> None:
    assert "not a number" in filled().refuse("set_discount", amount=bad)
