"""clear_cart: everything out. After an authorised charge it is refused until that is voided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Shop


class ClearCart:
    """No values."""

    name = "clear_cart"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """An empty cart of the same currency."""
        return Cart(currency=cart.currency)


ACTION = ClearCart()
