"""set_shipping: how the order is sent, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Shop, text
from halodesk.engine.money import to_minor


class SetShipping:
    """`method`: a key of the catalogue; empty takes shipping away."""

    name = "set_shipping"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The cart with that method and its price."""
        key = text(args, "method")
        if not key and "method" in args:
            return msgspec.structs.replace(cart, shipping_key="", shipping_name="", shipping=0)
        method = next((method for method in shop.catalogue.shipping if method.key == key), None)
        if method is None:
            return CartRefusal(f'The catalogue has no shipping method "{key}".')
        return msgspec.structs.replace(
            cart,
            shipping_key=key,
            shipping_name=method.name,
            shipping=to_minor(method.price, cart.currency),
        )


ACTION = SetShipping()
