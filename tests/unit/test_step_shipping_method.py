"""shipping_method: what is offered, what it costs, what becomes of a choice that vanishes."""

from __future__ import annotations

from typing import Any

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step

FAST = {
    "key": "fast",
    "name": "Express",
    "cost": "12.50",
    "timeframe": "1 day",
    "show_when": [{"variable": "country", "op": "equals", "value": "US"}],
}
SLOW = {"key": "slow", "name": "Post", "cost": "4.95", "timeframe": "5 days"}
COUNTRY = {"name": "country", "type": "text"}
CATALOGUE = {"products": [{"key": "p", "name": "P", "price": "10"}]}


def shop(*options: dict[str, Any], fields: tuple[dict[str, Any], ...] = (), **more: Any) -> Run:
    buy = [{"action": "add_item", "args": {"item": "p"}}]
    step = {
        "key": "ship",
        "type": "shipping_method",
        "fallback": "pay",
        "config": {"options": options},
        "fields": list(fields),
    }
    first = page_step("ask", "ship", fields=[] if fields else [COUNTRY], cart_actions=buy)
    return Run(small(first, step, page_step("pay"), catalogue={**CATALOGUE, **more})).submit()


def test_the_cost_goes_into_the_cart() -> None:
    run = shop(FAST, SLOW).answer(country="US").submit()
    assert [one.label for one in run.page.choices] == ["Express · $12.50 · 1 day", "Post · $4.95 · 5 days"]
    run.submit("ship=fast")
    assert run.at == "pay"
    assert (run.state.cart.shipping, run.state.cart.shipping_name, run.state.cart.total) == (
        1250,
        "Express",
        2250,
    )
    assert run.state.values["shipping_method"] == "fast"
    assert fold(run.events) == run.state


def test_only_what_its_conditions_allow_is_offered() -> None:
    run = shop(FAST, SLOW).answer(country="CA").submit()
    assert [one.key for one in run.page.choices] == ["ship=slow"]
    assert run.refuse(c.Submit(choice="ship=fast")).code == "not_offered"
    assert run.refuse(c.Submit()).code == "not_chosen"
    assert run.refuse(c.Submit(choice="ship=../x")).code == "not_offered"


def test_none_offered_takes_the_fallback_without_a_page() -> None:
    run = shop(FAST).answer(country="CA").submit()
    assert run.at == "pay"
    assert run.state.cart.shipping == 0
    assert [one.step for one in run.page.path] == ["start", "ask", "pay"]
    assert run.do(c.Back()).at == "ask"


def test_a_choice_that_vanished_is_cleared_with_a_warning() -> None:
    """The agent went on, came back by a route, and the country is another."""
    run = Run(
        small(
            page_step(
                "ask", "ship", fields=[COUNTRY], cart_actions=[{"action": "add_item", "args": {"item": "p"}}]
            ),
            {
                "key": "ship",
                "type": "shipping_method",
                "fallback": "again",
                "config": {"options": [FAST, SLOW]},
            },
            page_step(
                "again",
                "ship",
                fields=[{"name": "other", "type": "text"}],
                functions=[{"target": "country", "expression": "other"}],
            ),
            catalogue=CATALOGUE,
        )
    ).submit()
    run.answer(country="US").submit().submit("ship=fast")
    assert run.state.cart.shipping == 1250
    run.submit().resolve(value="CA")
    assert run.at == "ship"
    assert run.state.values["shipping_method"] is None
    assert (run.state.cart.shipping, run.state.cart.shipping_key) == (0, "")
    assert run.incidents() == ["choice_vanished"]
    assert "Express" in run.page.panel["warning"]
    run.submit("ship=slow")
    assert run.state.cart.shipping == 495


def test_a_choice_that_vanishes_on_the_page_itself() -> None:
    run = shop(FAST, SLOW, fields=(COUNTRY, {"name": "note", "type": "text", "required": True})).submit()
    run.answer(country="US")
    assert run.refuse(c.Submit(choice="ship=fast")).code == "incomplete"
    run.answer(country="CA", note="x")
    assert [one.key for one in run.page.choices] == ["ship=slow"]
    assert run.submit("ship=slow").at == "pay"


def test_back_takes_the_cost_back() -> None:
    run = shop(SLOW).submit().submit("ship=slow").do(c.Back())
    assert (run.at, run.state.cart.shipping) == ("ship", 0)
    run.submit("ship=slow")
    assert run.state.cart.shipping == 495
    assert len(run.of(e.CartChanged)) == 3


def test_without_options_the_catalogue_offers_its_own() -> None:
    run = shop(shipping=[{"key": "std", "name": "Standard", "price": "0", "timeframe": "soon"}]).submit()
    assert run.page.choices[0].label == "Standard · free · soon"
    assert run.page.panel["options"] == [
        {"name": "Standard", "cost": "$0.00", "timeframe": "soon", "chosen": False}
    ]


def test_what_the_health_check_says() -> None:
    step = {"key": "s", "type": "shipping_method", "fallback": "end", "config": {"options": [SLOW]}}
    assert codes(step) == []
    assert codes({**step, "config": {}}) == ["no_options"]
    assert codes({**step, "config": {"options": [SLOW, SLOW]}}) == ["duplicate_name"]
    assert codes({**step, "config": {"options": [{**SLOW, "cost": "four"}]}}) == ["shipping_cost"]
    assert codes({**step, "config": {"options": [{**SLOW, "cost": "-1"}]}}) == ["shipping_cost"]
