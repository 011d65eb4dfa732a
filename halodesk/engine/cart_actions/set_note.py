"""set_note: a remark that goes with the order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Shop, text
from halodesk.engine.pan import has_card_number

LONGEST = 4000
"""Characters; what is longer is cut."""


class SetNote:
    """`note`; empty takes it away."""

    name = "set_note"

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The cart with the remark; never with a card number in it."""
        note = text(args, "note")
        if has_card_number(note):
            return CartRefusal("A note must not hold a card number.", stop=True)
        return msgspec.structs.replace(cart, note=note[:LONGEST])


ACTION = SetNote()
