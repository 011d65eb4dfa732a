"""set_discount: an amount off a line, or off the order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Shop, amount, no_line, role_missing, text, with_line


class SetDiscount:
    """`amount` (0 takes it away); with `item` off that line; `role` where only some may."""

    name = "set_discount"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """In place of the discount that was there, a percentage included."""
        off, key = amount(args, "amount", cart.currency), text(args, "item")
        refused = role_missing(args, shop)
        if refused is not None:
            return refused
        if not key:
            return msgspec.structs.replace(cart, discount=off, discount_percent="")
        old = cart.line(key)
        if old is None:
            return no_line(key)
        return with_line(cart, msgspec.structs.replace(old, discount=off, discount_percent=UNSET))


ACTION = SetDiscount()
