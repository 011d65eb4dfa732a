"""set_tax: a rate on the goods after discounts."""

from __future__ import annotations

import pytest

from tests.fakes.carts import filled


def test_it_is_on_the_goods_after_discounts_and_not_on_shipping() -> None:
    hand = filled().do("set_shipping", method="std").do("set_tax", percent="7.25", label="CA")
    assert (hand.cart.tax, hand.cart.tax_label) == (684, "CA")  # 683.675... half up
    assert hand.do("set_discount", amount="44.40").cart.tax == 363  # 362.5
    assert hand.do("set_tax", percent=0).cart.tax == 0


@pytest.mark.parametrize("bad", ["lots", -1, 1001, None, "NaN"])
def test_it_refuses(bad: object) -> None:
    assert "not a number" in filled().refuse("set_tax", percent=bad)
