"""set_tax: the tax on the goods, in percent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import LARGEST_PERCENT, Shop, percent, text


class SetTax:
    """`percent`, `label` (what the caller is told it is)."""

    name = "set_tax"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The cart with that rate."""
        rate = percent(args, LARGEST_PERCENT)
        return msgspec.structs.replace(cart, tax_percent=str(rate), tax_label=text(args, "label"))


ACTION = SetTax()
