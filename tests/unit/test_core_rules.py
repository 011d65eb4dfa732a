"""Single rules of the core, each on the smallest flow that has it."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.core import decide
from halodesk.engine.evolve import fold
from halodesk.engine.flow import from_builtins
from halodesk.engine.moves import MAX_HOPS
from halodesk.engine.session import Session
from tests.fakes.order import Run, sample_document, small

LOST = c.LoseCall(reason="Bye.", by="caller")


def when(variable: str, value: Any, op: str = "equals") -> list[dict[str, Any]]:
    return [{"variable": variable, "op": op, "value": value}]


def page_step(key: str = "ask", **more: Any) -> dict[str, Any]:
    return {"key": key, "type": "script", "fallback": "end", **more}


# beginning


def refused_start(flow: Any) -> c.Refused:
    found = decide(flow, Session(), c.Start(agent="Ann"))
    assert isinstance(found, c.Refused)
    assert found.message
    return found


def test_a_flow_of_a_newer_version_is_refused_before_a_caller_is_greeted() -> None:
    refused = refused_start(small({"key": "x", "type": "hologram", "fallback": "end"}))
    assert refused.code == "unknown_type"
    assert "hologram" in refused.message
    refused = refused_start(small(page_step(fields=[{"name": "x", "type": "gesture"}])))
    assert "gesture" in refused.message
    assert refused.todo


def test_a_flow_that_is_set_up_wrong_is_refused_at_the_beginning() -> None:
    document = sample_document()
    del document["steps"][10]["config"]["cvv"]
    refused = refused_start(from_builtins(document))
    assert refused.code == "bad_config"
    assert "Payment" in refused.message


def test_a_flow_without_its_start_is_refused() -> None:
    flow = from_builtins({"key": "a", "name": "a", "start": "gone"})
    assert refused_start(flow).code == "no_start"


def test_a_session_begins_once() -> None:
    assert Run().refuse(c.Start(agent="Ann")).code == "running"


def test_defaults_are_values_that_their_fields_take() -> None:
    fields = [
        {"name": "a", "type": "text", "default": "  x  y "},
        {"name": "b", "type": "boolean", "default": "yes"},
        {"name": "c", "type": "dropdown", "options": [{"value": "1"}], "default": "2"},
        {"name": "d", "type": "text", "default": "4242424242424242"},
        {"name": "f", "type": "encrypted", "kind": "other", "retention": "capture", "default": "9"},
    ]
    variables = [{"name": "n", "type": "number", "default": 3}, {"name": "m"}]
    run = Run(small(page_step(fields=fields), variables=variables))
    assert run.state.values == {"a": "x y", "b": True, "n": 3, "m": None}


# functions


def with_function(**more: Any) -> Run:
    run = Run(
        small(
            page_step(
                functions=[
                    {"target": "n", "expression": "n + 1", "timeout_ms": 50, **more},
                    {"target": "m", "expression": "n * 2"},
                ],
                routes=[{"to": "big", "when": when("m", 5, "greater_than")}],
            ),
            page_step("big"),
        )
    )
    return run.submit().submit()


def test_functions_run_one_after_the_other_before_the_routes() -> None:
    run = with_function()
    assert run.ask() == e.EffectRequested(
        id="ask.1.function.0",
        kind="function",
        step="ask",
        visit=1,
        args={"target": "n", "expression": "n + 1", "timeout_ms": 50},
    )
    run.resolve("ok", value=3)
    assert run.ask().args["target"] == "m"
    run.resolve("ok", value=6)
    assert run.at == "big"
    assert (run.state.values["n"], run.state.values["m"]) == (3, 6)


def test_a_function_that_fails_leaves_null_and_an_incident_and_the_routes_decide() -> None:
    run = with_function().resolve("failed", reason="It ran too long.").resolve("unknown")
    assert run.at == "end"
    assert run.state.values["n"] is None
    assert run.incidents() == ["function_failed", "function_failed"]
    assert run.state.effects == {}


def test_a_function_that_fails_takes_its_own_way() -> None:
    run = with_function(on_error="big").resolve("failed", reason="No.")
    assert run.at == "big"
    assert run.of(e.StepEntered)[-1].reason == "error"


def test_a_way_that_does_not_exist_leads_to_the_wrap_up() -> None:
    run = with_function(on_error="nowhere").resolve("failed", reason="No.")
    assert run.at == "end"
    assert run.incidents() == ["function_failed", "dead_end"]
    assert run.of(e.StepEntered)[-1].reason == "error", "the call has not ended"


def test_functions_run_again_under_a_new_key_when_the_step_was_sent_back() -> None:
    """An amount of nothing: the payment form says no after its functions have run."""
    flow = small(payment_step(functions=[{"target": "n", "expression": "1"}]))
    run = Run(flow).submit()
    run.mask()
    for _ in range(2):
        for name in ("number", "expiry", "cvv"):
            run.do(c.EnterSecret(field=name, handle=f"pay:{name}"))
        run.submit().resolve("ok", value=1)
        assert run.page.problem == "The cart is empty: nothing to pay."
    ids = [ask.id for ask in run.of(e.EffectRequested)]
    assert len(set(ids)) == len(ids) == 2


def payment_step(**more: Any) -> dict[str, Any]:
    secret = {"type": "encrypted", "kind": "other", "retention": "capture", "required": True}
    return {
        "key": "pay",
        "type": "payment_form",
        "config": {"number": "number", "expiry": "expiry", "cvv": "cvv"},
        "fields": [{"name": name, **secret} for name in ("number", "expiry", "cvv")],
        "fallback": "end",
        **more,
    }


# routes


def test_the_first_route_that_holds_wins_and_the_fallback_takes_the_rest() -> None:
    step = page_step(
        fields=[{"name": "x", "type": "text"}],
        routes=[
            {"to": "one", "when": when("x", "a"), "label": "A"},
            {"to": "two", "when": when("x", "a")},
            {"to": "two", "when": when("x", "b") + when("y", None, "is_empty")},
        ],
    )
    flow = small(step, page_step("one"), page_step("two"))
    assert Run(flow).submit().answer(x="a").submit().at == "one"
    assert Run(flow).submit().answer(x="b").submit().at == "two"
    assert Run(flow).submit().answer(x="c").submit().at == "end"
    run = Run(flow).submit().answer(x="a").submit()
    assert run.of(e.StepEntered)[-1] == e.StepEntered(
        step="one", visit=1, reason="route", route="A", came_from="ask"
    )


@pytest.mark.parametrize("target", ["", "nowhere"])
def test_a_dead_end_leads_to_the_wrap_up_with_an_incident(target: str) -> None:
    run = Run(small(page_step(fallback=target))).submit().submit()
    assert run.at == "end"
    assert run.incidents() == ["dead_end"]
    assert run.state.call_left == ""


def test_an_endless_loop_of_decisions_ends_in_the_wrap_up() -> None:
    one = {"key": "a", "type": "decision", "fallback": "b"}
    two = {"key": "b", "type": "decision", "fallback": "a"}
    run = Run(small(one, two)).submit()
    assert run.at == "end"
    assert run.incidents() == ["endless_loop"]
    assert sum(event.step in "ab" for event in run.of(e.StepEntered)) == MAX_HOPS + 1


def test_functions_in_a_loop_do_not_hide_it() -> None:
    """Each of them is a command of its own: the count must outlive it."""
    step = {
        "key": "a",
        "type": "decision",
        "fallback": "a",
        "functions": [{"target": "n", "expression": "1"}],
    }
    run = Run(small(step)).submit()
    for turn in range(MAX_HOPS + 5):
        if run.at != "a":
            break
        run.resolve("ok", value=turn)
    assert run.at == "end"
    assert run.incidents() == ["endless_loop"]


def test_a_loop_with_a_page_in_it_may_go_on() -> None:
    step = {"key": "a", "type": "decision", "fallback": "ask"}
    run = Run(small(page_step(fallback="a"), step)).submit()
    for _ in range(MAX_HOPS * 2):
        run.submit()
    assert run.at == "ask"
    assert run.incidents() == []


# cart


def test_cart_actions_run_where_their_condition_holds_and_refusals_are_told() -> None:
    catalogue = {"products": [{"key": "nap", "name": "Nap", "price": "1"}]}
    step = page_step(
        fields=[{"name": "x", "type": "text"}],
        cart_actions=[
            {"action": "add_item", "args": {"item": "nap"}, "when": when("x", "yes")},
            {"action": "add_item", "args": {"item": "gone"}},
            {"action": "set_note", "args": {"note": ""}},
        ],
    )
    run = Run(small(step, catalogue=catalogue)).submit().answer(x="no").submit()
    assert run.state.cart.lines == ()
    assert run.incidents() == ["cart_refused"]
    assert run.of(e.CartChanged) == [], "an action that changes nothing is no fact"
    run = Run(small(step, catalogue=catalogue)).submit().answer(x="yes").submit()
    assert run.state.cart.quantity == 1


def test_the_cart_is_frozen_after_an_approval() -> None:
    document = sample_document()
    confirmation = next(step for step in document["steps"] if step["key"] == "confirmation")
    confirmation["cart_actions"] = [{"action": "clear_cart"}]
    run = Run(from_builtins(document)).to_step("confirmation")
    paid = run.state.cart
    run.submit("read_back=true")
    assert run.state.cart == paid
    assert "cart_refused" in run.incidents()


def test_a_step_that_is_sent_back_has_the_cart_it_was_entered_with() -> None:
    document = sample_document()
    billing = next(step for step in document["steps"] if step["key"] == "billing")
    billing["fields"][0]["required"] = False
    run = Run(from_builtins(document)).to_step("billing")
    cart = run.state.cart
    run.submit()
    assert run.at == "billing"
    assert run.of(e.SentBack) == [e.SentBack(step="billing", problem=run.page.problem)]
    assert "missing" in run.page.problem
    assert run.state.cart == cart
    assert run.state.stage == "page"


# charges


def charged(**changes: Any) -> Run:
    """The sample up to the charge, with other steps."""
    document = sample_document()
    for key, change in changes.items():
        next(step for step in document["steps"] if step["key"] == key).update(change)
    return Run(from_builtins(document)).to_payment().to_charge()


def test_an_amount_that_changed_since_the_card_was_entered_is_not_charged() -> None:
    raised = [{"action": "add_item", "args": {"item": "nap-enhancer", "quantity": 9}}]
    run = charged(post_payment={"cart_actions": raised})
    assert run.at == "declined"
    assert run.state.charges == ()
    assert run.state.values["post_payment"] == {
        "success": False,
        "reason": "The amount has changed since the card was entered.",
    }


def test_no_card_is_no_charge_and_no_approval() -> None:
    """Refused work must not take the fallback: in the sample that is the page of a paid order."""
    document = sample_document()
    next(step for step in document["steps"] if step["key"] == "billing")["fallback"] = "post_payment"
    run = Run(from_builtins(document)).to_payment()
    assert run.at == "declined"
    assert run.state.charges == ()
    assert not run.state.cart.frozen


def test_a_paid_order_is_not_charged_again() -> None:
    document = sample_document()
    confirmation = next(step for step in document["steps"] if step["key"] == "confirmation")
    confirmation["fallback"] = "post_payment"
    run = Run(from_builtins(document)).to_step("confirmation").submit("read_back=true")
    assert len(run.state.charges) == 1
    assert run.at == "declined"


def test_while_a_charge_is_unknown_the_payment_page_takes_no_other_card() -> None:
    document = sample_document()
    no_sale = next(step for step in document["steps"] if step["key"] == "no_sale")
    no_sale["fallback"], no_sale["fields"] = "payment", []
    run = Run(from_builtins(document)).to_payment().to_charge().resolve("unknown").submit("on_unknown")
    run.submit()
    assert run.at == "payment"
    run.secrets().submit()
    assert run.at == "payment"
    assert "not settled" in run.page.problem
    assert run.state.here is None


def test_without_a_way_on_the_step_waits_for_its_answer() -> None:
    document = sample_document()
    del next(step for step in document["steps"] if step["key"] == "post_payment")["config"]["on_unknown"]
    run = Run(from_builtins(document)).to_payment().to_charge().resolve("unknown")
    assert run.page.choices == ()
    assert run.refuse(c.Submit(choice="on_unknown")).code == "must_wait"
    run.do(LOST)
    assert run.at == "post_payment"
    run.resolve("declined", reason="No.")
    assert run.at == "end"


def test_a_tokeniser_that_does_not_know_is_one_that_failed() -> None:
    run = Run().to_payment().secrets().submit().resolve("unknown")
    assert run.at == "payment"
    assert run.state.effects == {}
    assert run.state.unknown == {}
    assert run.page.problem


# mask


def test_a_mask_is_kept_from_one_sensitive_page_to_the_next() -> None:
    flow = small(page_step("a", mask=True, fallback="b"), page_step("b", mask=True))
    run = Run(flow).submit().mask()
    lease = run.state.mask.lease
    run.submit()
    assert run.at == "b"
    assert [wipe.step for wipe in run.of(e.SecretsWiped)] == ["a"], "half-typed digits go with their page"
    assert (run.state.mask.phase, run.state.mask.lease) == ("held", lease)
    run.submit()
    assert run.state.mask.phase == "releasing"


def test_each_mask_has_a_lease_of_its_own() -> None:
    run = Run(small(page_step(mask=True))).submit().do(c.Back()).submit()
    leases = [change.lease for change in run.of(e.MaskChanged) if change.phase == "wanted"]
    assert len(set(leases)) == len(leases) == 2


def test_the_end_of_the_session_gives_the_mask_up() -> None:
    flow = from_builtins(
        {
            "key": "a",
            "name": "a",
            "start": "start",
            "steps": [
                {"key": "start", "type": "start", "fallback": "end"},
                {
                    "key": "end",
                    "type": "end",
                    "mask": True,
                    "fields": [{"name": "ssn", "type": "encrypted", "kind": "ssn", "retention": "sealed"}],
                },
            ],
        }
    )
    run = Run(flow).submit().mask().do(c.EnterSecret(field="ssn", handle="end:ssn"))
    run.do(LOST)
    assert run.at == "end"
    assert run.state.secrets == {}
    assert run.state.mask.phase == "releasing"
    other = Run(flow).submit().mask().do(c.EnterSecret(field="ssn", handle="end:ssn")).submit()
    other.resolve("ok", sealed={"ssn": "envelope"}, holders=["a", "b"])
    assert other.state.status == "ended"
    assert [type(event) for event in other.last] == [
        e.EffectResolved,
        e.AnswerGiven,
        e.SecretsWiped,
        e.MaskChanged,
        e.SessionEnded,
    ]


def test_without_any_end_a_hang_up_still_wipes_and_gives_the_mask_up() -> None:
    document = {
        "key": "a",
        "name": "a",
        "start": "s",
        "steps": [{"key": "s", "type": "start", "mask": True, "fallback": "s"}],
    }
    run = Run(from_builtins(document)).mask().do(LOST)
    assert run.at == "s"
    assert run.state.mask.phase == "releasing"
    run.do(c.Abandon(disposition="lost"))
    assert run.state.status == "ended"


def test_a_hang_up_on_any_end_stays_on_that_end() -> None:
    second = {
        "key": "end2",
        "type": "end",
        "config": {"disposition": "why"},
        "fields": [{"name": "why", "type": "text"}],
    }
    document = {
        "key": "a",
        "name": "a",
        "start": "s",
        "steps": [
            {"key": "s", "type": "start", "fallback": "end2"},
            {"key": "end", "type": "end", "fields": [{"name": "disposition", "type": "text"}]},
            second,
        ],
    }
    run = Run(from_builtins(document)).submit().answer(why="x").do(LOST)
    assert run.at == "end2"
    run.submit()
    assert run.state.disposition == "x"


def test_no_page_is_shown_for_steps_without_one() -> None:
    run = Run(small({"key": "a", "type": "decision", "fallback": "end"})).submit()
    assert run.at == "end"
    assert [visit.step for visit in run.state.path] == ["start", "a", "end"]
    assert [entry.step for entry in run.page.path] == ["start", "end"]
    run.do(c.Back())
    assert run.at == "start"


# fields


def test_hidden_fields_are_not_asked_for() -> None:
    step = page_step(
        fields=[
            {"name": "x", "type": "boolean"},
            {"name": "y", "type": "text", "required": True, "show_when": when("x", True)},
            {"name": "z", "type": "text", "required_when": when("x", False)},
            {"name": "r", "type": "text", "read_only": True},
        ]
    )
    run = Run(small(step)).submit().answer(x=True)
    assert run.refuse(c.Submit()).errors.keys() == {"y"}
    assert [field.name for field in run.page.fields] == ["x", "y", "z", "r"]
    run.answer(x=False)
    assert [field.name for field in run.page.fields] == ["x", "z", "r"]
    assert run.refuse(c.Submit()).errors.keys() == {"z"}
    assert run.refuse(c.Answer(field="r", raw="x")).code == "no_such_field"
    run.answer(z=" ok ").submit()
    assert run.at == "end"
    assert run.state.values["z"] == "ok"


def test_addresses_that_a_function_broke_are_refused_in_words() -> None:
    run = Run().to_step("billing")
    state = fold([e.VariableSet(name="billing_address", value="nonsense", source="function")], run.state)
    decided = decide(run.flow, state, c.Submit())
    assert not isinstance(decided, c.Refused)
    assert isinstance(decided[-1], e.SentBack)


@pytest.mark.parametrize(("region", "percent"), [("CA", "7.25"), ("NY", "4"), ("OR", "0")])
def test_the_tax_is_of_the_region(region: str, percent: str) -> None:
    run = Run().to_step("billing")
    run.answer(billing_address={"line1": "1", "city": "x", "region": region, "postal_code": "95060"}).submit()
    assert run.state.cart.tax_percent == percent
    assert run.state.values["shipping_address"] == run.state.values["billing_address"]
