"""The sample that ships, figure by figure as it was ordered."""

from __future__ import annotations

import pytest

from halodesk.engine.flow import Step
from halodesk.engine.health import findings
from halodesk.runtime.sandbox import SyntaxChecker
from tests.fakes.order import FLOWS, sample

FLOW = sample()
OBJECTIONS = ("tell_me_more", "is_it_safe", "how_different", "already_take")

# key: type, fields, routes with conditions, cart actions, functions
FIGURES = {
    "start": ("start", 2, 2, 0, 0),
    "gather": ("script", 4, 0, 0, 0),
    "main_offer": ("script", 1, 6, 1, 0),
    "tell_me_more": ("script", 0, 0, 0, 0),
    "is_it_safe": ("script", 0, 0, 0, 0),
    "how_different": ("script", 0, 0, 0, 0),
    "already_take": ("script", 0, 0, 0, 0),
    "no_sale": ("script", 1, 0, 0, 0),
    "upsell": ("script", 1, 0, 1, 0),
    "billing": ("billing_shipping", 4, 0, None, 0),
    "payment": ("payment_form", 3, 0, 0, 0),
    "post_payment": ("api_call", 0, 1, 0, 0),
    "declined": ("script", 1, 1, 0, 0),
    "attempts_left": ("decision", 0, 1, 0, 1),
    "confirmation": ("script", 1, 0, 0, 0),
    "end": ("end", 1, 0, 0, 0),
}


def step(key: str) -> Step:
    found = FLOW.step(key)
    assert found is not None
    return found


def test_it_has_sixteen_steps_in_this_order() -> None:
    assert [found.key for found in FLOW.steps] == list(FIGURES)
    assert len(FLOW.steps) == 16


@pytest.mark.parametrize("key", FIGURES)
def test_figures_of_each_step(key: str) -> None:
    type_, fields, conditions, cart_actions, functions = FIGURES[key]
    found = step(key)
    assert found.type == type_
    assert len(found.fields) == fields
    assert sum(len(route.when) for route in found.routes) == conditions
    if cart_actions is not None:
        assert len(found.cart_actions) == cart_actions
    assert len(found.functions) == functions


def test_client_and_currency() -> None:
    assert FLOW.client == "SnoozeTech"
    assert FLOW.version > 0
    assert FLOW.catalogue.currency == "USD"


def test_the_start_asks_for_the_call_type_in_both_conditions() -> None:
    assert [c.variable for route in step("start").routes for c in route.when] == ["call_type"] * 2
    assert step("start").config["did_patterns"]
    assert step("start").config["queues"]


def test_the_objections_loop_back_to_the_offer() -> None:
    for key in OBJECTIONS:
        assert step(key).fallback == "main_offer"
        assert [route.to for route in step("main_offer").routes].count(key) == 1


def test_the_offer_adds_only_on_a_yes() -> None:
    action = step("main_offer").cart_actions[0]
    assert (action.action, action.args) == ("add_item", {"item": "nap-enhancer", "quantity": 1})
    assert [(c.variable, c.op, c.value) for c in action.when] == [("offer_response", "equals", "yes")]


def test_the_upsell_adds_only_on_a_yes() -> None:
    action = step("upsell").cart_actions[0]
    assert action.action == "add_item"
    assert [(c.variable, c.value) for c in action.when] == [("journal", True)]


def test_the_payment_page_captures_three_secrets_in_token_mode() -> None:
    payment = step("payment")
    assert {field.type for field in payment.fields} == {"encrypted"}
    assert {field.retention for field in payment.fields} == {"capture"}
    assert [field.kind for field in payment.fields] == ["card_number", "other", "cvv"]
    assert payment.config["mode"] == "token"
    assert payment.config["attempts"] == 3
    assert payment.fallback == "post_payment"


def test_the_charge_is_declined_on_success_false_and_approved_otherwise() -> None:
    post = step("post_payment")
    (condition,) = post.routes[0].when
    assert (condition.variable, condition.op, condition.value) == ("post_payment.success", "equals", False)
    assert (post.routes[0].to, post.fallback) == ("declined", "confirmation")


def test_the_declined_page_asks_for_a_retry() -> None:
    (condition,) = step("declined").routes[0].when
    assert (condition.variable, condition.value) == ("retry_payment", True)
    assert (step("declined").routes[0].to, step("declined").fallback) == ("attempts_left", "no_sale")


def test_the_attempts_are_counted_by_a_function_up_to_three() -> None:
    count = step("attempts_left")
    assert (count.functions[0].target, count.functions[0].expression) == ("attempts", "attempts + 1")
    (condition,) = count.routes[0].when
    assert (condition.variable, condition.op, condition.value) == ("attempts", "less_than", 3)
    assert (count.routes[0].to, count.fallback) == ("payment", "no_sale")
    assert next(variable for variable in FLOW.variables if variable.name == "attempts").default == 0


def test_the_wrap_ups() -> None:
    assert step("no_sale").fallback == "end"
    assert step("confirmation").fallback == "end"
    assert step("end").config["disposition"] == step("end").fields[0].name
    assert step("end").fields[0].required


def test_every_sample_is_without_findings() -> None:
    from halodesk.runtime.flow_files import load_all

    with SyntaxChecker() as js_problem:
        for flow in load_all([str(FLOWS)]):
            assert findings(flow, js_problem) == []
