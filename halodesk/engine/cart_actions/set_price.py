"""set_price: another price a piece for a product that is in the cart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Shop, amount, no_line, role_missing, text, with_line


class SetPrice:
    """`item`, `price` (a piece); `role` where only some may."""

    name = "set_price"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The line at that price."""
        key = text(args, "item")
        old = cart.line(key)
        if old is None:
            return no_line(key)
        price = amount(args, "price", cart.currency)
        refused = role_missing(args, shop)
        return refused or with_line(cart, msgspec.structs.replace(old, price=price))


ACTION = SetPrice()
