"""set_discount_percent: a share off a line, or off the order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import WHOLE, Shop, no_line, percent, role_missing, text, with_line


class SetDiscountPercent:
    """`percent` (0 to 100; 0 takes it away); with `item` off that line; `role` where only some may."""

    name = "set_discount_percent"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """In place of the discount that was there, an amount included."""
        share, key = percent(args, WHOLE), text(args, "item")
        refused = role_missing(args, shop)
        if refused is not None:
            return refused
        words = str(share) if share else ""
        if not key:
            return msgspec.structs.replace(cart, discount=0, discount_percent=words)
        old = cart.line(key)
        if old is None:
            return no_line(key)
        return with_line(cart, msgspec.structs.replace(old, discount=0, discount_percent=words or UNSET))


ACTION = SetDiscountPercent()
