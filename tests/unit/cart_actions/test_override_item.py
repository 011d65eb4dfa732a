"""override_item: a line by hand needs a reason and a role, and keeps both."""

from __future__ import annotations

import msgspec

from halodesk.engine.cart import Override
from tests.fakes.carts import filled


def test_price_name_and_quantity_by_hand() -> None:
    hand = filled("lead").do(
        "override_item",
        item="nap",
        price="35",
        name="Nap, old box",
        quantity=1,
        reason=" Damaged ",
        role="lead",
    )
    line = hand.cart.lines[0]
    assert (line.price, line.name, line.quantity) == (3500, "Nap, old box", 1)
    assert line.override == Override(reason="Damaged", role="lead")
    assert b'"reason":"Damaged"' in msgspec.json.encode(hand.cart)


def test_reason_and_role_are_asked_for() -> None:
    hand = filled("lead")
    assert "reason is missing" in hand.refuse("override_item", item="nap", price="1", role="lead", reason=" ")
    assert "must name the role" in hand.refuse("override_item", item="nap", price="1", reason="Because")
    assert 'the role "owner"' in hand.refuse("override_item", item="nap", price="1", reason="B", role="owner")
    assert 'the role "lead"' in filled().refuse(
        "override_item", item="nap", price="1", reason="B", role="lead"
    )


def test_what_it_cannot_override() -> None:
    hand = filled("lead")
    assert "not in the cart" in hand.refuse("override_item", item="gone", price="1", reason="B", role="lead")
    assert "not a number" in hand.refuse("override_item", item="nap", price="-1", reason="B", role="lead")


def test_nothing_otherwise_is_no_override_and_quantity_0_removes() -> None:
    hand = filled("lead")
    before = hand.cart
    assert hand.do("override_item", item="nap", price="39.95", reason="B", role="lead").cart == before
    hand.do("override_item", item="nap", quantity=0, reason="B", role="lead")
    assert [line.item for line in hand.cart.lines] == ["book"]
