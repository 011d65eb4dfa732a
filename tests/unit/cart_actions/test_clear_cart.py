"""clear_cart: everything out; not after an authorised charge, unless it is voided."""

from __future__ import annotations

from msgspec.structs import replace

from halodesk.engine import events as e
from halodesk.engine.cart import Cart
from halodesk.engine.evolve import evolve
from tests.fakes.carts import Hand, filled
from tests.fakes.order import Run


def test_it_clears_and_keeps_the_currency() -> None:
    hand = Hand(
        cart=Cart(currency="EUR", note="x", discount=5, tax_percent="7", shipping=9, shipping_key="a")
    )
    assert hand.do("clear_cart").cart == Cart(currency="EUR")
    assert filled().do("apply_coupon", code="TEN").do("clear_cart").cart == Cart()


def test_an_authorised_charge_freezes_the_cart_until_it_is_voided() -> None:
    run = Run().to_step("post_payment").resolve(charge_id="ch_1")
    paid = run.state.cart
    assert paid.frozen
    assert paid.total > 0
    assert "paid" in Hand(cart=paid).refuse("clear_cart")
    voided = evolve(run.state, e.CartChanged(action="void", cart=replace(paid, frozen=False))).cart
    assert Hand(cart=voided).do("clear_cart").cart == Cart()
