"""Cart actions in a session: values that were captured, refusals the agent can mend, coupons that go."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.cart import AppliedCoupon, Cart, Line
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.cart_changes import filled, reads_values, tried
from halodesk.engine.core import decide
from halodesk.engine.evolve import fold
from halodesk.engine.flow import Flow
from halodesk.engine.registry import cart_actions
from tests.fakes.carts import CATALOGUE, NEW_YEAR_2027, Hand
from tests.fakes.order import Run, small

ACTIONS = """add_item remove_item override_item set_quantity set_price set_discount set_discount_percent
apply_coupon set_shipping set_tax set_note clear_cart""".split()


def test_there_are_twelve_actions_and_each_has_its_module() -> None:
    assert sorted(cart_actions()) == sorted(ACTIONS)
    for name, action in cart_actions().items():
        assert type(action).__module__ == f"halodesk.engine.cart_actions.{name}"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_paid_cart_refuses_every_action(action: str) -> None:
    paid = Cart(frozen=True, lines=(Line(item="nap", name="Nap", quantity=1, price=3995),))
    assert "paid" in Hand(cart=paid).refuse(action, item="nap", method="std", percent="1", code="TEN")


# values that were captured

VALUES = {"pieces": 3, "budget": {"amount": "5.00", "currency": "USD"}, "who": {"name": "Ann"}, "none": None}


def test_values_are_filled_in() -> None:
    args = {
        "a": "{{ pieces }}",
        "b": "{{budget}}",
        "c": "for {{ who.name }}",
        "d": "{{ gone }}",
        "e": 7,
        "f": "{{ x",
    }
    assert filled(args, VALUES) == {
        "a": 3,
        "b": {"amount": "5.00", "currency": "USD"},
        "c": "for Ann",
        "d": None,
        "e": 7,
        "f": None,
    }
    assert reads_values(args)
    assert not reads_values({"a": "nap", "b": 7})


def test_the_health_check_tries_what_is_written() -> None:
    for action, args in (
        ("override_item", {"item": "nap", "price": "1", "reason": "B", "role": "lead"}),
        ("set_price", {"item": "nap", "price": "1"}),
        ("apply_coupon", {"code": "OLD"}),
        ("set_quantity", {"item": "nap", "quantity": "{{ pieces }}"}),
    ):
        assert tried(action, args, CATALOGUE) is None
    assert tried("override_item", {"item": "nap", "price": "1", "reason": "B"}, CATALOGUE)
    assert tried("apply_coupon", {"code": "NONE"}, CATALOGUE)
    wrong = replace(CATALOGUE, products=(replace(CATALOGUE.products[0], price="free"),))
    assert tried("set_note", {"note": "x"}, wrong)


def shop(*actions: dict[str, Any], fields: tuple[dict[str, Any], ...] = ()) -> Flow:
    """A page with a code and a number of pieces, and these actions on submit."""
    import msgspec

    step = {
        "key": "shop",
        "type": "script",
        "fields": [{"name": "code", "type": "text"}, {"name": "pieces", "type": "number"}, *fields],
        "cart_actions": [{"action": "add_item", "args": {"item": "nap"}}, *actions],
        "fallback": "end",
    }
    flow = small(step)
    return msgspec.structs.replace(flow, catalogue=CATALOGUE)


def test_a_coupon_that_is_typed_is_applied_or_asked_for_again() -> None:
    run = Run(shop({"action": "apply_coupon", "args": {"code": "{{ code }}"}})).submit()
    run.answer(code="ELEVEN").submit()
    assert run.at == "shop"
    assert run.page.problem == 'There is no coupon "ELEVEN".'
    assert run.state.cart == Cart()  # as it was on entry
    assert run.answer(code="ten").submit().at == "end"
    assert run.state.cart.off == 1000
    assert run.incidents() == ["cart_refused"]


def test_a_number_that_is_typed_is_a_quantity() -> None:
    action = {"action": "set_quantity", "args": {"item": "nap", "quantity": "{{ pieces }}"}}
    run = Run(shop(action)).submit().answer(pieces=1.5).submit()
    assert run.at == "shop"
    assert run.answer(pieces=4).submit().state.cart.quantity == 4


def test_what_the_agent_cannot_mend_is_an_incident_and_goes_on() -> None:
    run = Run(shop({"action": "set_price", "args": {"item": "book", "price": "1"}})).submit().submit()
    assert (run.at, run.incidents()) == ("end", ["cart_refused"])


def test_an_action_sees_what_the_one_before_made_of_the_cart() -> None:
    when = [{"variable": "cart.total", "op": "greater_than", "value": 30}]
    run = Run(shop({"action": "set_discount", "args": {"amount": "5"}, "when": when})).submit().submit()
    assert run.state.cart.total == 3495


def test_time_and_roles_come_from_outside() -> None:
    flow = shop(
        {"action": "apply_coupon", "args": {"code": "OLD"}},
        {
            "action": "override_item",
            "args": {"item": "nap", "price": "1", "reason": "{{ code }}", "role": "lead"},
        },
    )
    run = Run(flow).submit().answer(code="Broken box")

    def cart(moment: Moment) -> tuple[str, Cart]:
        events = decide(flow, run.state, c.Submit(), moment)
        assert isinstance(events, list)
        state = fold(events, run.state)
        return state.problem, state.cart

    assert "cannot be told" in cart(Moment())[0]
    assert "has expired" in cart(Moment(now=NEW_YEAR_2027 + 86400, roles=("lead",)))[0]
    assert 'the role "lead"' in cart(Moment(now=NEW_YEAR_2027))[0]
    problem, done = cart(Moment(now=NEW_YEAR_2027, roles=("lead",)))
    assert (problem, done.subtotal) == ("", 100)


def test_a_coupon_that_expires_in_mid_call_goes_with_words() -> None:
    nap, book = ({"action": "add_item", "args": {"item": item}} for item in ("nap", "book"))
    coupon = {"action": "apply_coupon", "args": {"code": "OLD"}}
    first = small(
        {"key": "a", "type": "script", "fallback": "b", "cart_actions": [nap, coupon]},
        {"key": "b", "type": "script", "fallback": "end", "cart_actions": [book]},
    )
    run = Run(replace(first, catalogue=CATALOGUE)).submit()
    told: list[str] = []
    for now in (NEW_YEAR_2027, NEW_YEAR_2027 + 86400):
        events = decide(run.flow, run.state, c.Submit(), Moment(now=now))
        assert isinstance(events, list)
        told += [event.code for event in events if isinstance(event, e.Incident)]
        run.state = fold(events, run.state)
    assert run.state.cart.applied == ()
    assert told == ["coupon_dropped"]


# arithmetic, against a naive oracle in major units

CENT = Decimal("0.01")
money = st.integers(0, 100_000)
percents = st.decimals(0, 100, places=2).map(str) | st.just("")
lines = st.builds(
    Line,
    item=st.uuids().map(str),
    name=st.just("x"),
    quantity=st.integers(1, 50),
    price=money,
    discount=money,
    discount_percent=percents,
)
coupons = st.builds(
    AppliedCoupon,
    code=st.uuids().map(str),
    amount=money,
    percent=percents,
    minimum=money,
    times=st.integers(1, 3),
    stacks=st.just(True),
)
carts = st.builds(
    Cart,
    lines=st.lists(lines, max_size=5).map(tuple),
    coupons=st.lists(coupons, max_size=3).map(tuple),
    discount=money,
    discount_percent=percents,
    shipping=money,
    tax_percent=percents,
)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def share(amount: Decimal, percent: Any) -> Decimal:
    return cents(amount * Decimal(percent) / 100) if percent else Decimal(0)


def naive_total(cart: Cart) -> Decimal:
    goods = Decimal(0)
    for line in cart.lines:
        gross = line.quantity * Decimal(line.price) / 100
        off = Decimal(line.discount) / 100 + share(gross, line.discount_percent)
        goods += max(Decimal(0), gross - off)
    by_order = Decimal(cart.discount) / 100 + share(goods, cart.discount_percent)
    by_coupon = sum(
        (
            coupon.times * (Decimal(coupon.amount) / 100 + share(goods, coupon.percent))
            for coupon in cart.applied
            if goods >= Decimal(coupon.minimum) / 100
        ),
        Decimal(0),
    )
    goods = max(Decimal(0), goods - max(by_order, by_coupon))
    shipping = Decimal(cart.shipping) / 100 if cart.lines else Decimal(0)
    return goods + shipping + share(goods, cart.tax_percent)


@given(carts)
def test_the_total_is_what_decimals_say_and_never_below_zero(cart: Cart) -> None:
    assert Decimal(cart.total) / 100 == naive_total(cart)
    assert cart.total >= 0
    assert 0 <= cart.goods <= cart.subtotal
    assert cart.total == cart.goods + (cart.shipping if cart.lines else 0) + cart.tax


@given(carts, st.randoms())
def test_the_order_of_lines_and_coupons_does_not_matter(cart: Cart, shuffled: Any) -> None:
    some, others = list(cart.lines), list(cart.applied)
    shuffled.shuffle(some)
    shuffled.shuffle(others)
    assert replace(cart, lines=tuple(some), coupons=tuple(others)).total == cart.total


settings = st.permutations(
    [
        ("add_item", {"item": "nap", "quantity": 2}),
        ("add_item", {"item": "book"}),
        ("set_discount_percent", {"percent": "10"}),
        ("apply_coupon", {"code": "FIFTH"}),
        ("apply_coupon", {"code": "BIG"}),
        ("apply_coupon", {"code": "VOUCHER"}),
        ("set_shipping", {"method": "std"}),
        ("set_tax", {"percent": "7.25"}),
        ("set_note", {"note": "x"}),
    ]
)


@given(settings)
def test_actions_on_different_things_may_come_in_any_order(actions: list[tuple[str, dict[str, Any]]]) -> None:
    hand = Hand()
    for action, args in actions:
        hand.do(action, **args)
    assert (hand.cart.subtotal, hand.cart.off, hand.cart.total) == (9440, 2388, 8058)
