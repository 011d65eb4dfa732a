"""set_note: a remark, never a card number."""

from __future__ import annotations

from halodesk.engine.cart_actions.set_note import LONGEST
from tests.fakes.carts import filled


def test_it_sets() -> None:
    assert filled().do("set_note", note=" gift ").cart.note == "gift"
    assert filled().do("set_note", note="gift").do("set_note", note=None).cart.note == ""
    assert len(filled().do("set_note", note="x" * 9000).cart.note) == LONGEST


def test_it_refuses_a_card_number() -> None:
    assert "card number" in filled().refuse("set_note", note="4242 4242 4242 4242")
