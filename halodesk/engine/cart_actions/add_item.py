"""add_item: a product of the catalogue; one that is there gets more pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal, Line
from halodesk.engine.cart_actions.base import Shop, amount, quantity, text, with_line
from halodesk.engine.money import to_minor


class AddItem:
    """`item`, `quantity` (1), `price` (a piece; the one of the catalogue)."""

    name = "add_item"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """One line more, or more pieces in it; a line that is there keeps its price and discount."""
        key = text(args, "item")
        product = shop.catalogue.product(key)
        if product is None:
            return CartRefusal(f'The catalogue has no product "{key}".')
        pieces, old = quantity(args, 1), cart.line(key)
        price = amount(args, "price", cart.currency) if args.get("price") is not None else None
        if old is None:
            usual = to_minor(product.price, cart.currency)
            line = Line(item=key, name=product.name, quantity=pieces, price=usual if price is None else price)
            return with_line(cart, line)
        line = msgspec.structs.replace(old, quantity=old.quantity + pieces)
        return with_line(cart, line if price is None else msgspec.structs.replace(line, price=price))


ACTION = AddItem()
