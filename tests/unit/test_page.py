"""The page: every word, lock and button the window shows stands here."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.flow import from_builtins
from halodesk.engine.page import Page, page
from halodesk.engine.replay import frames
from halodesk.engine.session import Session
from tests.fakes.order import Run, sample, small


def field(found: Page, name: str) -> Any:
    return next(one for one in found.fields if one.name == name)


def test_the_first_page() -> None:
    found = Run().page
    assert (found.step, found.visit, found.type, found.title) == ("start", 1, "start", "Welcome")
    assert "my name is Ann" in found.html
    assert [choice.label for choice in found.choices] == [
        "Place an order",
        "Customer service",
        "Wrong number",
    ]
    assert [choice.primary for choice in found.choices] == [True, False, False]
    assert [one.name for one in found.fields] == ["heard_from"], "buttons are no field"
    assert not found.can_go_back
    assert found.back_refusal
    assert found.waiting == ""
    assert found.progress == 0.0
    assert found.cart.total == "$0.00"


def test_texts_follow_the_answers() -> None:
    run = Run().to_offer()
    assert "Jordan, the" in run.page.html
    assert "$39.95" in run.page.html


def test_a_caller_with_a_markdown_name_stays_text() -> None:
    run = Run().submit("call_type=order")
    run.answer(first_name="[x](https://evil.example)", last_name="<img src=x>", phone="202 555 0143").submit()
    assert "<a" not in run.page.html
    assert "<img" not in run.page.html


def test_choices_of_a_page_without_buttons() -> None:
    run = Run().to_step("is_it_safe")
    assert [(one.key, one.label, one.primary) for one in run.page.choices] == [
        ("", "Back to the offer", True)
    ]
    assert Run().to_step("end").page.choices[0].label == "Finish"
    assert Run().to_step("gather").page.choices[0].label == "Continue"


def test_the_chosen_button_is_marked_after_going_back() -> None:
    run = Run().to_offer().submit("offer_response=yes").submit("journal=true").do(c.Back())
    assert [one.chosen for one in run.page.choices] == [True, False]
    assert [one.label for one in run.page.choices] == ["Yes, add it", "No, just the capsules"]


def test_the_payment_page_is_locked_until_the_mask_is_held() -> None:
    run = Run().to_payment()
    found = run.page
    assert found.sensitive
    assert {one.role for one in found.fields} == {"number", "expiry", "cvv"}
    assert all(one.locked and "masked" in one.why and one.value is None for one in found.fields)
    run.mask("lost", message="The PBX does not answer.")
    assert field(run.page, "card_cvv").why == "The PBX does not answer."
    run.secrets()
    assert not any(one.locked for one in run.page.fields)
    assert all(one.filled for one in run.page.fields)
    assert run.page.mask.confirmed_by == ("own", "pbx")
    run.submit()
    assert run.page.waiting == "Checking the card with the gateway …"
    assert run.page.choices == ()
    assert all(one.locked for one in run.page.fields)


def test_waiting_words() -> None:
    run = Run().to_payment().to_charge()
    assert run.page.waiting == "Charging the card …"
    run.resolve("unknown")
    assert "has not answered" in run.page.waiting
    assert [one.label for one in run.page.choices] == ["Continue without an answer"]
    assert Run().to_step("attempts_left").page.waiting == "Working …"


def test_the_cart_in_words() -> None:
    cart = Run().to_payment().page.cart
    assert [(line.quantity, line.name, line.total) for line in cart.lines] == [
        (1, "Nap Enhancer, 60 capsules", "$39.95")
    ]
    assert (cart.subtotal, cart.shipping, cart.tax, cart.tax_label) == (
        "$39.95",
        "$4.95",
        "$2.90",
        "CA 7.25 %",
    )
    assert (cart.total, cart.discount, cart.quantity, cart.paid) == ("$47.80", "", 1, False)
    assert Run().to_step("confirmation").page.cart.paid


def test_a_discount_is_shown_as_one() -> None:
    run = Run().to_payment()
    from msgspec.structs import replace

    state = replace(run.state, cart=replace(run.state.cart, discount=500))
    assert page(run.flow, state).cart.discount == "$5.00"


def test_path_answers_and_progress() -> None:
    run = Run().to_payment()
    found = run.page
    assert [entry.step for entry in found.path] == [
        "start",
        "gather",
        "main_offer",
        "upsell",
        "billing",
        "payment",
    ]
    assert [entry.route for entry in found.path][1] == "Order"
    assert [entry.current for entry in found.path] == [False] * 5 + [True]
    answers = {one.label: one.value for one in found.answers}
    assert answers["Phone"] == "(202) 555-0143"
    assert answers["What is the call about?"] == "Place an order"
    assert answers["Billing address"] == "12 Ocean View Road, Santa Cruz, CA 95060, US"
    assert "Card number" not in answers
    steps = ["start", "gather", "main_offer", "upsell", "billing", "payment", "confirmation", "end"]
    progress = [Run().to_step(key).page.progress for key in steps]
    assert progress[0] == 0
    assert progress[-1] == 1
    assert all(0 <= one <= 1 for one in progress)


def test_after_the_end() -> None:
    run = Run().submit("call_type=service").answer(disposition="service").submit()
    found = run.page
    assert (found.ended, found.disposition, found.choices, found.can_go_back) == (True, "service", (), False)
    assert found.progress == 1.0


def test_a_broken_text_shows_as_its_error_and_nothing_is_raised() -> None:
    broken = {
        "key": "a",
        "type": "script",
        "title": "Hi {{ 'x' * 9 }}",
        "config": {"body": "{{ '<b>{{' * 9 }} <script>"},
        "fallback": "end",
    }
    found = Run(small(broken)).submit().page
    assert found.title == "Hi {{ 'x' * 9 }}"
    assert "cannot be shown" in found.html
    assert "<script>" not in found.html
    assert Run(small({**broken, "config": {"body": "{{ a { }}{{ <b> }}"}})).submit().page.html


def test_a_page_of_nothing_at_all() -> None:
    found = page(sample(), Session())
    assert (found.type, found.choices) == ("unknown", ())


def test_values_a_function_made_are_shown_as_they_are() -> None:
    run = Run().to_payment()
    state = fold([e.VariableSet(name="billing_address", value=5, source="function")], run.state)
    assert {one.label: one.value for one in page(run.flow, state).answers}["Billing address"] == "5"


@pytest.mark.parametrize("kind", ["dropdown", "radio_group"])
def test_a_flow_of_a_newer_version_still_replays(kind: str) -> None:
    """Its unknown field type is shown by name, not dropped."""
    flow = from_builtins(
        {
            "key": "a",
            "name": "a",
            "start": "s",
            "steps": [{"key": "s", "type": "hologram", "fields": [{"name": "x", "type": "gesture"}]}],
        }
    )
    state = fold([e.StepEntered(step="s", visit=1, reason="start")])
    found = page(flow, state)
    assert (found.type, found.fields[0].type, found.choices) == ("hologram", "gesture", ())


def test_replay_shows_what_was_seen_then() -> None:
    run = Run(start=False)
    seen: list[Page] = []
    for command in (
        c.Start(agent="Ann"),
        c.Submit(choice="call_type=order"),
        c.Answer(field="first_name", raw="Jo"),
        c.Back(),
    ):
        run.do(command)
        seen.append(run.page)
    shown = [frame.page for frame in frames(run.flow, run.events)]
    assert [frame.index for frame in frames(run.flow, run.events)] == list(range(1, len(run.events) + 1))
    assert all(one in shown for one in seen)
    assert shown[-1] == run.page
