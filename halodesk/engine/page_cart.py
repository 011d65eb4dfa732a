"""The cart as a page shows it: every part of the total, in words."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from halodesk.engine.cart import AppliedCoupon, Cart
from halodesk.engine.money import words


class CartLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `total` is after its own `discount`, which is empty where there is none."""

    name: str
    quantity: int
    price: str
    total: str
    gross: str = ""
    """Before the line's own discount."""
    discount: str = ""
    """What comes off this line."""
    discount_label: str = ""
    """`10 %`, or nothing for an amount."""
    overridden: str = ""
    """Why it is not as the catalogue has it."""


class CouponView(msgspec.Struct, frozen=True, kw_only=True):
    """One coupon of the order; `waits` says what it still needs."""

    label: str
    discount: str
    waits: str = ""


class CartView(msgspec.Struct, frozen=True, kw_only=True):
    """The cart in words; amounts formatted for the screen."""

    lines: tuple[CartLineView, ...]
    subtotal: str
    discount: str
    """What comes off the order in all: the order discount, or the coupons."""
    shipping: str
    shipping_name: str
    tax: str
    tax_label: str
    total: str
    paid: bool
    quantity: int
    discount_label: str = ""
    """`10 %` or nothing; the codes where it is the coupons that count."""
    coupons: tuple[CouponView, ...] = ()
    note: str = ""


def cart_view(cart: Cart) -> CartView:
    """The cart in words."""

    def money(minor: int) -> str:
        return words(minor, cart.currency)

    by_coupon = cart.coupon_discount > cart.order_discount
    codes = ", ".join(coupon.code for coupon in cart.applied if coupon.worth(cart.subtotal))
    share = f"{cart.discount_percent} %" if cart.discount_percent and not cart.discount else ""
    return CartView(
        lines=tuple(
            CartLineView(
                name=line.name,
                quantity=line.quantity,
                price=money(line.price),
                total=money(line.total),
                gross=money(line.gross),
                discount=money(line.off) if line.off else "",
                discount_label=f"{line.discount_percent} %" if line.discount_percent else "",
                overridden=line.override.reason if line.override else "",
            )
            for line in cart.lines
        ),
        subtotal=money(cart.subtotal),
        discount=money(cart.off) if cart.off else "",
        discount_label=codes if by_coupon else share,
        coupons=tuple(_coupon(coupon, cart, money) for coupon in cart.applied),
        shipping=money(cart.shipping) if cart.lines else money(0),
        shipping_name=cart.shipping_name,
        tax=money(cart.tax),
        tax_label=cart.tax_label,
        total=money(cart.total),
        paid=cart.frozen,
        quantity=cart.quantity,
        note=cart.note,
    )


def _coupon(coupon: AppliedCoupon, cart: Cart, money: Callable[[int], str]) -> CouponView:
    waits = ""
    if cart.subtotal < coupon.minimum:
        waits = f"counts from {money(coupon.minimum)}"
    elif cart.order_discount >= cart.coupon_discount:
        waits = "the order discount is more"
    times = f"{coupon.times} × " if coupon.times > 1 else ""
    return CouponView(
        label=f"{times}{coupon.name or coupon.code}",
        discount=money(coupon.worth(cart.subtotal)),
        waits=waits,
    )
