"""remove_item: takes a product out of the cart, all pieces of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Shop, text


class RemoveItem:
    """`item`. What is not there is no error."""

    name = "remove_item"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The cart without the line."""
        key = text(args, "item")
        return msgspec.structs.replace(cart, lines=tuple(line for line in cart.lines if line.item != key))


ACTION = RemoveItem()
