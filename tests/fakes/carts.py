"""A catalogue and a cart in hand: what one action after the other makes of it."""

from __future__ import annotations

from typing import Any

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.cart_changes import Change, change
from halodesk.engine.flow import Catalogue, Coupon, Product, Shipping

NEW_YEAR_2027 = 1_798_761_600.0
"""2027-01-01T00:00:00Z."""
CATALOGUE = Catalogue(
    products=(Product(key="nap", name="Nap", price="39.95"), Product(key="book", name="Book", price="14.50")),
    shipping=(Shipping(key="std", name="Standard", price="4.95"),),
    coupons=(
        Coupon(code="TEN", name="Ten off", amount="10"),
        Coupon(code="FIFTH", percent="20", stacks=True),
        Coupon(code="VOUCHER", amount="5", once=False, stacks=True),
        Coupon(code="BIG", amount="30", minimum="100", stacks=True),
        Coupon(code="OLD", amount="1", expires="2026-12-31", stacks=True),
        Coupon(code="NOON", amount="1", expires="2027-01-01T12:00:00-05:00"),
        Coupon(code="ODD", amount="1", expires="soon"),
    ),
)


class Hand:
    """One cart. `do` fails on a refusal, `refuse` without one."""

    def __init__(self, *roles: str, now: float | None = NEW_YEAR_2027, cart: Cart | None = None) -> None:
        self.cart = cart or Cart()
        self.roles, self.now = roles, now
        self.dropped: tuple[str, ...] = ()

    def _change(self, action: str, args: dict[str, Any]) -> Change | CartRefusal:
        return change(self.cart, action, args, CATALOGUE, Moment(now=self.now, roles=self.roles))

    def do(self, action: str, **args: Any) -> Hand:
        """One action that is taken."""
        done = self._change(action, args)
        assert isinstance(done, Change), done
        self.cart, self.dropped = done.cart, done.dropped
        return self

    def refuse(self, action: str, **args: Any) -> str:
        """One that is not; its words."""
        done = self._change(action, args)
        assert isinstance(done, CartRefusal), done
        assert done.message
        return done.message


def filled(*roles: str, **more: Any) -> Hand:
    """Two naps and a book: 94.40."""
    return Hand(*roles, **more).do("add_item", item="nap", quantity=2).do("add_item", item="book")
