"""set_discount_percent: a share off a line or the order, rounded once each."""

from __future__ import annotations

import pytest

from tests.fakes.carts import Hand, filled


def test_off_the_order_and_off_a_line() -> None:
    hand = filled().do("set_discount_percent", percent="12.5")
    assert (hand.cart.off, hand.cart.total) == (1180, 8260)
    hand.do("set_discount_percent", item="nap", percent=10)
    assert hand.cart.lines[0].off == 799
    assert hand.cart.off == 1080  # of 86.41
    assert hand.do("set_discount_percent", percent=0).cart.discount_percent == ""
    assert hand.do("set_discount_percent", item="nap", percent=0).cart == filled().cart


def test_a_line_is_rounded_once() -> None:
    hand = Hand().do("add_item", item="book", quantity=3, price="0.05")
    assert hand.do("set_discount_percent", item="book", percent=50).cart.lines[0].off == 8  # 7.5, not 3 × 3


def test_all_of_it() -> None:
    assert filled().do("set_discount_percent", percent=100).cart.total == 0


def test_it_refuses() -> None:
    assert "not in the cart" in filled().refuse("set_discount_percent", item="gone", percent=1)
    assert 'the role "lead"' in filled().refuse("set_discount_percent", percent=1, role="lead")


@pytest.mark.parametrize("bad", [-1, 101, "x", None, "NaN"])
def test_what_is_no_share(bad: object) -> None:
    assert "not a number" in filled().refuse("set_discount_percent", percent=bad)
