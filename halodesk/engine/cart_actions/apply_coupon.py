"""apply_coupon: money off for a code of the catalogue.

Rules:
- A code is read without regard to case or blanks. No code at all takes all coupons off: the field
  a code is typed into says what holds.
- `once`: applying it again changes nothing; else it counts each time again.
- A coupon that does not stack stands alone; two that stack stand together.
- Its terms are copied into the cart when it is applied; whether it has expired is looked at on
  every later change of the cart too (`still_good`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
from msgspec import UNSET

from halodesk.engine.cart import AppliedCoupon, Cart, CartRefusal
from halodesk.engine.cart_actions.base import WHOLE, Moment, Shop, amount, percent, text
from halodesk.engine.flow import Coupon

_LAST_ZONE = timezone(timedelta(hours=-12))
"""Where a day ends last on earth."""


class ApplyCoupon:
    """`code`."""

    name = "apply_coupon"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The cart with the coupon, once more or for the first time."""
        code = text(args, "code")
        if not code:
            return msgspec.structs.replace(cart, coupons=UNSET)
        coupon = shop.catalogue.coupon(code)
        if coupon is None:
            return CartRefusal(f'There is no coupon "{code}".', stop=True)
        why = expired(coupon, shop.moment)
        if why:
            return CartRefusal(why, stop=True)
        terms = _terms(coupon, cart.currency)
        old = next((held for held in cart.applied if held.code == coupon.code), None)
        others = tuple(held for held in cart.applied if held is not old)
        if old is not None:
            times = old.times if coupon.once else old.times + 1
            terms = msgspec.structs.replace(terms, times=times)
            both = (terms if held is old else held for held in cart.applied)
            return msgspec.structs.replace(cart, coupons=tuple(both))
        alone = next((held for held in others if not (held.stacks and coupon.stacks)), None)
        if alone is not None:
            return CartRefusal(
                f'The coupons "{alone.code}" and "{coupon.code}" cannot be used together.', stop=True
            )
        return msgspec.structs.replace(cart, coupons=(*others, terms))


def still_good(cart: Cart, shop: Shop) -> tuple[Cart, list[str]]:
    """The cart without coupons that have expired or left the catalogue, and the words for each."""
    kept, lost = [], []
    for held in cart.applied:
        coupon = shop.catalogue.coupon(held.code)
        gone = f'There is no coupon "{held.code}" any more.'
        why = gone if coupon is None else expired(coupon, shop.moment)
        if why:
            lost.append(why)
        else:
            kept.append(held)
    return (msgspec.structs.replace(cart, coupons=tuple(kept) or UNSET), lost) if lost else (cart, [])


def expired(coupon: Coupon, moment: Moment) -> str:
    """Why the coupon is not good at this moment, or nothing."""
    if not coupon.expires:
        return ""
    end = _end(coupon.expires)
    if end is None or moment.now is None:
        return f'It cannot be told whether the coupon "{coupon.code}" is still good.'
    if datetime.fromtimestamp(moment.now, UTC) < end:
        return ""
    return f'The coupon "{coupon.code}" has expired: it was good until {coupon.expires}.'


def _end(expires: str) -> datetime | None:
    """The first moment at which it is not good any more; None where that is no date."""
    try:
        if len(expires) == 10:
            day = date.fromisoformat(expires) + timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=_LAST_ZONE)
        point = datetime.fromisoformat(expires)
    except (ValueError, OverflowError):
        return None
    return point if point.tzinfo is not None else None


def _terms(coupon: Coupon, currency: str) -> AppliedCoupon:
    """Raises ValueError or InvalidOperation when the catalogue's own amounts are none."""
    return AppliedCoupon(
        code=coupon.code,
        name=coupon.name,
        amount=amount({"amount": coupon.amount or "0"}, "amount", currency),
        percent=str(percent({"percent": coupon.percent}, WHOLE)) if coupon.percent else "",
        minimum=amount({"minimum": coupon.minimum or "0"}, "minimum", currency),
        stacks=coupon.stacks,
    )


ACTION = ApplyCoupon()
