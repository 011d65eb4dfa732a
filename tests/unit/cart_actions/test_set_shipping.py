"""set_shipping: a method of the catalogue, or none."""

from __future__ import annotations

from tests.fakes.carts import Hand, filled


def test_it_sets_and_takes_away() -> None:
    hand = filled().do("set_shipping", method="std")
    assert (hand.cart.shipping_name, hand.cart.total) == ("Standard", 9440 + 495)
    assert hand.do("set_shipping", method="").cart == filled().cart
    assert Hand().do("set_shipping", method="std").cart.total == 0


def test_it_refuses() -> None:
    assert "no shipping method" in filled().refuse("set_shipping", method="drone")
    assert "no shipping method" in filled().refuse("set_shipping")
