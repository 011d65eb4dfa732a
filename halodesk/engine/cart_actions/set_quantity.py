"""set_quantity: how many pieces of a product; 0 takes it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.add_item import ACTION as ADD_ITEM
from halodesk.engine.cart_actions.base import Shop, quantity, text, with_line


class SetQuantity:
    """`item`, `quantity` (1)."""

    name = "set_quantity"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The line with so many pieces; a product that is not there is added."""
        old = cart.line(text(args, "item"))
        if old is None:
            return ADD_ITEM.do(cart, args, shop)
        return with_line(cart, msgspec.structs.replace(old, quantity=quantity(args, 1)))


ACTION = SetQuantity()
