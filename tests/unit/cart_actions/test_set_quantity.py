"""set_quantity: 0 takes the line out; a product that is not there is added."""

from __future__ import annotations

import pytest

from tests.fakes.carts import Hand, filled


def test_it_sets() -> None:
    assert filled().do("set_quantity", item="nap", quantity=5).cart.quantity == 6
    assert [line.item for line in filled().do("set_quantity", item="nap", quantity="0").cart.lines] == [
        "book"
    ]
    assert Hand().do("set_quantity", item="nap", quantity=4).cart.quantity == 4
    assert Hand().do("set_quantity", item="nap", quantity=0).cart.lines == ()


@pytest.mark.parametrize("bad", [-1, "x", 1.5, None])
def test_it_refuses(bad: object) -> None:
    assert "not a number" in filled().refuse("set_quantity", item="nap", quantity=bad)
    assert "no product" in filled().refuse("set_quantity", item="gone", quantity=1)
