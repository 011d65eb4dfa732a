"""remove_item: all pieces go; what is not there is no error."""

from __future__ import annotations

from tests.fakes.carts import filled


def test_it_removes() -> None:
    hand = filled().do("remove_item", item="nap")
    assert [line.item for line in hand.cart.lines] == ["book"]
    before = hand.cart
    assert hand.do("remove_item", item="nap").cart == before
    assert hand.do("remove_item").cart == before
