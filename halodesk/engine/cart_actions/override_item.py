"""override_item: a line by hand, against the catalogue; for a reason, and only in a role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal, Override
from halodesk.engine.cart_actions.base import Shop, amount, no_line, quantity, role_missing, text, with_line


class OverrideItem:
    """`item`, `reason`, `role`, and what is to be otherwise: `price` (a piece), `name`, `quantity`."""

    name = "override_item"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The line as it was said; reason and role stay with it."""
        key, reason, role = text(args, "item"), text(args, "reason"), text(args, "role")
        old = cart.line(key)
        if old is None:
            return no_line(key)
        if not role:
            return CartRefusal("An override must name the role that may do it.", stop=True)
        refused = role_missing(args, shop)
        if refused is not None:
            return refused
        if not reason:
            return CartRefusal("Why is this line overridden? The reason is missing.", stop=True)
        line = msgspec.structs.replace(old, override=Override(reason=reason[:500], role=role))
        if args.get("price") is not None:
            line = msgspec.structs.replace(line, price=amount(args, "price", cart.currency))
        if text(args, "name"):
            line = msgspec.structs.replace(line, name=text(args, "name")[:200])
        if args.get("quantity") is not None:
            line = msgspec.structs.replace(line, quantity=quantity(args, old.quantity))
        same = (line.price, line.name, line.quantity) == (old.price, old.name, old.quantity)
        return cart if same else with_line(cart, line)


ACTION = OverrideItem()
