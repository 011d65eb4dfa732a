"""The cart on the Desk: discounts, coupons, shipping, tax, as they change."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QLabel

from halodesk.engine import commands as c
from tests.fakes.carts import CATALOGUE
from tests.fakes.order import small
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import Hands


def step(key: str, then: str, *actions: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    made = [{"action": action, "args": args} for action, args in actions]
    return {"key": key, "type": "script", "cart_actions": made, "fallback": then}


@pytest.fixture
def desk() -> FakeDesk:
    flow = small(
        step(
            "goods",
            "more",
            ("add_item", {"item": "nap", "quantity": 2}),
            ("set_discount_percent", {"item": "nap", "percent": "10"}),
            ("apply_coupon", {"code": "TEN"}),
            ("set_shipping", {"method": "std"}),
            ("set_tax", {"percent": "7.25", "label": "CA 7.25 %"}),
        ),
        step(
            "more", "last", ("set_discount_percent", {"percent": "50"}), ("set_note", {"note": "Ring twice."})
        ),
        step("last", "end", ("clear_cart", {})),
    )
    return FakeDesk(replace(flow, catalogue=CATALOGUE))


def rows(hands: Hands) -> list[str]:
    """All visible words of the cart card, as they stand."""
    card = hands.window.context._cart
    return [label.text().strip() for label in card.findChildren(QLabel) if label.isVisible() and label.text()]


def test_every_part_of_the_total_is_in_sight(open_window: Opener) -> None:
    hands = open_window()
    hands.start_call()
    hands.desk.do(c.Submit())
    hands.desk.do(c.Submit())
    hands.settle()
    shown = rows(hands)
    for name, amount in (
        ("2 × Nap", "$79.90"),
        ("Discount, 10 %", "−$7.99"),
        ("Subtotal", "$71.91"),
        ("Discount, TEN", "−$10.00"),
        ("Shipping, Standard", "$4.95"),
        ("Tax, CA 7.25 %", "$4.49"),
    ):
        assert shown[shown.index(name) + 1] == amount
    assert hands.text("cart_total") == "$71.35"
    hands.desk.do(c.Submit())
    hands.settle()
    shown = rows(hands)
    assert shown[shown.index("Discount, 50 %") + 1] == "−$35.96"
    assert shown[shown.index("Coupon Ten off") + 1] == "the order discount is more"
    assert hands.text("cart_note") == "Ring twice."
    hands.desk.do(c.Submit())
    hands.settle()
    assert "The cart is empty." in rows(hands)
    assert hands.text("cart_total") == "$0.00"
