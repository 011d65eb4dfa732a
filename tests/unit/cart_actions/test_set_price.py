"""set_price: of a line that is there; a role only where one is named."""

from __future__ import annotations

import pytest

from tests.fakes.carts import filled


def test_it_sets() -> None:
    assert filled().do("set_price", item="nap", price="30.005").cart.lines[0].price == 3001
    assert filled().do("set_price", item="nap", price=0).cart.total == 1450
    assert filled("lead").do("set_price", item="nap", price="1", role="lead").cart.lines[0].price == 100


def test_it_refuses() -> None:
    assert "not in the cart" in filled().refuse("set_price", item="gone", price="1")
    assert 'the role "lead"' in filled().refuse("set_price", item="nap", price="1", role="lead")


@pytest.mark.parametrize("bad", ["-0.01", "x", None, "NaN", {"amount": "1.00", "currency": "EUR"}])
def test_what_is_no_price(bad: object) -> None:
    assert "not a number" in filled().refuse("set_price", item="nap", price=bad)
