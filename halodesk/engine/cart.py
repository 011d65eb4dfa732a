"""The cart and its arithmetic: immutable, in minor units, recalculated as a whole on each change.

Rules:
- total = lines - line discounts - (order discount or coupons) + shipping + tax, never below
  zero. What a percentage takes is rounded half up, once a line, once for the order discount, once
  a coupon and once for the tax.
- Of the order discount and the coupons the one that takes off more counts, never both. Several
  coupons each count from the same goods, so their order does not matter.
- A coupon below its minimum stays in the cart and waits: it counts as soon as the goods reach it.
- Shipping counts only with goods and is not taxed.

What changes a cart is in `halodesk.engine.cart_actions`, one module an action.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from halodesk.engine.money import percent_of


class CartRefusal(msgspec.Struct, frozen=True):
    """Why an action was not done, in words.

    `stop`: the agent can do something about it, so the page opens again and says so.
    """

    message: str
    stop: bool = False


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line is not as the catalogue has it, and in which role that was allowed."""

    reason: str
    role: str


class AppliedCoupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon with its terms as they were when it was applied; amounts in minor units."""

    code: str
    name: str = ""
    amount: int = 0
    percent: str = ""
    minimum: int = 0
    times: int = 1
    stacks: bool = False

    def worth(self, goods: int) -> int:
        """What it takes off these goods; nothing below its minimum."""
        if goods < self.minimum:
            return 0
        return self.times * (self.amount + (percent_of(goods, self.percent) if self.percent else 0))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One product of the cart. `price` is per piece.

    What later releases added is left out of the encoding where it is not set: the bytes of old
    events must not change.
    """

    item: str
    name: str
    quantity: int
    price: int
    discount: int = 0
    discount_percent: str | UnsetType = UNSET
    override: Override | UnsetType = UNSET

    @property
    def gross(self) -> int:
        """Before the line's own discount."""
        return self.quantity * self.price

    @property
    def off(self) -> int:
        """The line's own discount, at most all of it."""
        share = percent_of(self.gross, self.discount_percent) if self.discount_percent else 0
        return min(self.gross, self.discount + share)

    @property
    def total(self) -> int:
        """Minor units, never below zero."""
        return self.gross - self.off


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """All of an order that has a price."""

    currency: str = "USD"
    lines: tuple[Line, ...] = ()
    discount: int = 0
    discount_percent: str = ""
    shipping_key: str = ""
    shipping_name: str = ""
    shipping: int = 0
    tax_percent: str = ""
    tax_label: str = ""
    note: str = ""
    frozen: bool = False
    coupons: tuple[AppliedCoupon, ...] | UnsetType = UNSET

    @property
    def subtotal(self) -> int:
        """Lines after their own discounts."""
        return sum(line.total for line in self.lines)

    @property
    def order_discount(self) -> int:
        """What the order discount would take off by itself."""
        share = percent_of(self.subtotal, self.discount_percent) if self.discount_percent else 0
        return min(self.subtotal, self.discount + share)

    @property
    def applied(self) -> tuple[AppliedCoupon, ...]:
        """The coupons of the order, whether they count now or wait for their minimum."""
        return self.coupons or ()

    @property
    def coupon_discount(self) -> int:
        """What the coupons would take off by themselves."""
        goods = self.subtotal
        return min(goods, sum(coupon.worth(goods) for coupon in self.applied))

    @property
    def off(self) -> int:
        """What comes off the goods: the order discount or the coupons, whichever is more."""
        return max(self.order_discount, self.coupon_discount)

    @property
    def goods(self) -> int:
        """Lines after all discounts."""
        return self.subtotal - self.off

    @property
    def tax(self) -> int:
        """Tax on the goods; shipping is not taxed."""
        return percent_of(self.goods, self.tax_percent) if self.tax_percent else 0

    @property
    def total(self) -> int:
        """What will be charged. Shipping counts only where there is something to ship."""
        return max(0, self.goods + (self.shipping if self.lines else 0) + self.tax)

    @property
    def quantity(self) -> int:
        """Pieces in all lines."""
        return sum(line.quantity for line in self.lines)

    def line(self, item: str) -> Line | None:
        """The line of that product, or None."""
        return next((line for line in self.lines if line.item == item), None)
