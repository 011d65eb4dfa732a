"""apply_coupon: expiry, once, minimum, stacking, and all of it again on each change."""

from __future__ import annotations

from datetime import datetime

import pytest

from halodesk.engine.cart_actions.apply_coupon import expired
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.flow import Coupon
from tests.fakes.carts import NEW_YEAR_2027, Hand, filled


def codes(hand: Hand) -> list[tuple[str, int]]:
    return [(coupon.code, coupon.times) for coupon in hand.cart.applied]


def test_a_code_is_read_as_people_say_it() -> None:
    hand = filled().do("apply_coupon", code=" t e n ")
    assert (codes(hand), hand.cart.total) == ([("TEN", 1)], 8440)
    assert 'no coupon "ELEVEN"' in hand.refuse("apply_coupon", code="ELEVEN")


def test_once_counts_once_and_others_each_time() -> None:
    hand = filled().do("apply_coupon", code="TEN").do("apply_coupon", code="TEN")
    assert (codes(hand), hand.cart.off) == ([("TEN", 1)], 1000)
    hand = filled().do("apply_coupon", code="VOUCHER").do("apply_coupon", code="VOUCHER")
    assert (codes(hand), hand.cart.off) == ([("VOUCHER", 2)], 1000)


def test_stacking() -> None:
    hand = filled().do("apply_coupon", code="FIFTH").do("apply_coupon", code="VOUCHER")
    assert hand.cart.off == 1888 + 500
    assert '"FIFTH" and "TEN" cannot be used together' in hand.refuse("apply_coupon", code="TEN")
    alone = filled().do("apply_coupon", code="TEN")
    assert "cannot be used together" in alone.refuse("apply_coupon", code="FIFTH")


def test_no_code_takes_all_coupons_off() -> None:
    hand = filled()
    before = hand.cart
    for nothing in ("", " ", None):
        assert hand.do("apply_coupon", code="TEN").do("apply_coupon", code=nothing).cart == before


def test_a_minimum_waits_and_comes_back() -> None:
    hand = filled().do("apply_coupon", code="BIG")
    assert hand.cart.off == 0
    assert hand.do("add_item", item="book").cart.off == 3000
    assert hand.do("set_discount", item="nap", amount="50").cart.off == 0
    assert hand.do("set_discount", item="nap", amount="0").cart.off == 3000


def test_of_order_discount_and_coupons_the_larger_counts() -> None:
    hand = filled().do("apply_coupon", code="TEN").do("set_discount", amount="4")
    assert hand.cart.off == 1000
    assert hand.do("set_discount", amount="12").cart.off == 1200


@pytest.mark.parametrize(
    ("code", "now", "good"),
    [
        ("OLD", "2026-12-31T23:00:00+00:00", True),
        ("OLD", "2027-01-01T11:59:59+00:00", True),  # it is still the 31st on Baker Island
        ("OLD", "2027-01-01T12:00:00+00:00", False),
        ("NOON", "2027-01-01T16:59:59+00:00", True),
        ("NOON", "2027-01-01T17:00:00+00:00", False),
    ],
)
def test_expiry(code: str, now: str, good: bool) -> None:
    hand = filled(now=datetime.fromisoformat(now).timestamp())
    if good:
        assert codes(hand.do("apply_coupon", code=code)) == [(code, 1)]
    else:
        assert "has expired" in hand.refuse("apply_coupon", code=code)


def test_what_cannot_be_told_is_not_given() -> None:
    assert "cannot be told" in filled(now=None).refuse("apply_coupon", code="OLD")
    assert "cannot be told" in filled().refuse("apply_coupon", code="ODD")
    assert expired(Coupon(code="A", expires="9999-12-31"), Moment(now=NEW_YEAR_2027))
    assert expired(Coupon(code="A", expires="2027-01-01T12:00"), Moment(now=0.0))
    assert filled(now=None).do("apply_coupon", code="TEN").cart.off == 1000


def test_every_change_looks_at_the_expiry_again() -> None:
    hand = filled().do("apply_coupon", code="OLD").do("apply_coupon", code="VOUCHER")
    hand.now = NEW_YEAR_2027 + 86400
    hand.do("set_note", note="Ring twice.")
    assert codes(hand) == [("VOUCHER", 1)]
    assert hand.dropped == ('The coupon "OLD" has expired: it was good until 2026-12-31.',)
