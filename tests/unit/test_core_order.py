"""The whole supplement order by commands: what is sold, what is asked, what is never done twice."""

from __future__ import annotations

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.page import page
from halodesk.engine.session import Session
from tests.fakes.order import ADDRESS, CALL, CARD, Run, texts

OBJECTIONS = ("tell_me_more", "is_it_safe", "how_different", "already_take")


def quantity(run: Run) -> int:
    return run.state.cart.quantity


def mask_of(run: Run) -> str:
    """Phase of the mask now."""
    return run.state.mask.phase


def test_the_whole_order() -> None:
    run = Run().to_offer()
    for objection in OBJECTIONS:
        run.submit(f"offer_response={objection}")
        assert run.at == objection
        run.submit()
    run.submit("offer_response=yes").submit("journal=true")
    run.answer(billing_address=ADDRESS, ship_to_billing=False, shipping_address={**ADDRESS, "region": "NY"})
    run.submit()
    assert run.at == "payment"
    cart = run.state.cart
    assert (cart.goods, cart.shipping, cart.tax) == (5445, 495, 218)  # New York, where it goes: 4 %
    run.attempt("declined", 1).attempt("declined", 2)
    run.to_charge().resolve("ok", charge_id="ch_3", auth_code="A1")
    assert run.at == "confirmation"
    assert run.state.cart.frozen
    run.submit("read_back=true").answer(disposition="sale").submit()
    assert (run.state.status, run.state.disposition) == ("ended", "sale")
    assert [charge.outcome for charge in run.state.charges] == ["declined", "declined", "ok"]
    assert {charge.amount for charge in run.state.charges} == {cart.total}
    assert len({ask.id for ask in run.of(e.EffectRequested)}) == len(run.of(e.EffectRequested))
    assert run.of(e.SessionEnded) == [e.SessionEnded(disposition="sale", reason="completed")]
    assert fold(run.events) == run.state


def test_four_objections_leave_one_bottle_in_the_cart() -> None:
    run = Run().to_offer()
    for objection in OBJECTIONS:
        run.submit(f"offer_response={objection}").submit()
        assert quantity(run) == 0
    run.submit("offer_response=yes")
    assert quantity(run) == 1
    assert run.state.visits["main_offer"] == 5


@pytest.mark.parametrize("objections", [0, 1, 4])
def test_a_no_leaves_nothing_in_the_cart(objections: int) -> None:
    run = Run().to_offer()
    for objection in OBJECTIONS[:objections]:
        run.submit(f"offer_response={objection}").submit()
    run.submit("offer_response=no")
    assert run.at == "no_sale"
    assert quantity(run) == 0
    run.answer(no_sale_reason="price").submit().answer(disposition="no_sale").submit()
    assert run.state.disposition == "no_sale"
    assert run.of(e.CartChanged) == []


def test_back_and_again_leaves_one_bottle() -> None:
    run = Run().to_offer()
    for _ in range(3):
        run.submit("offer_response=yes").do(c.Back())
        assert quantity(run) == 0
        assert run.page.choices[0].chosen, "what was typed is still there"
    run.submit("offer_response=yes")
    assert quantity(run) == 1
    run.submit("journal=true").do(c.Back()).submit("journal=false")
    assert quantity(run) == 1
    assert run.state.values["journal"] is False


def test_a_changed_mind_after_back_takes_the_bottle_out() -> None:
    run = Run().to_offer().submit("offer_response=yes").do(c.Back()).submit("offer_response=no")
    assert run.at == "no_sale"
    assert quantity(run) == 0


def test_back_restores_the_values_before_the_step_and_keeps_what_was_typed_there() -> None:
    run = Run().submit("call_type=order")
    before = run.state.values
    run.answer(first_name="Jordan", last_name="Miller", phone="202 555 0143").submit()
    run.do(c.Back())
    assert run.at == "gather"
    assert run.state.values == {
        **before,
        "first_name": "Jordan",
        "last_name": "Miller",
        "phone": "+12025550143",
    }
    run.do(c.Back())
    assert run.at == "start"
    assert "first_name" not in run.state.values
    assert run.refuse(c.Back()).code == "first_step"


def test_back_from_the_payment_takes_shipping_and_tax_back() -> None:
    run = Run().to_payment()
    assert run.state.cart.total == 3995 + 495 + 290
    run.do(c.Back())
    assert run.at == "billing"
    assert run.state.cart.total == 3995
    run.submit()
    assert run.state.cart.total == 3995 + 495 + 290


def test_a_charge_is_never_taken_back_or_repeated_by_going_back() -> None:
    run = Run().to_payment().to_charge().resolve("declined", reason="No funds.")
    assert run.at == "declined"
    run.do(c.Back())
    assert run.at == "payment"
    assert len(run.state.charges) == 1
    assert "payment" not in run.state.values or run.state.values["payment"] is None
    charges = [ask for ask in run.of(e.EffectRequested) if ask.kind == "charge"]
    run.to_charge()
    again = [ask for ask in run.of(e.EffectRequested) if ask.kind == "charge"]
    assert len(again) == len(charges) + 1
    assert again[-1].id not in {ask.id for ask in charges}


def test_the_page_after_an_approval_cannot_be_left_backwards() -> None:
    run = Run().to_step("confirmation")
    assert run.refuse(c.Back()).code == "paid"
    assert not run.page.can_go_back
    assert "paid" in run.page.back_refusal


def test_three_charges_in_all_then_no_sale() -> None:
    run = Run().to_payment()
    for attempt in (1, 2):
        run.attempt("declined", attempt)
        assert run.at == "payment"
    run.attempt("declined", 3)
    assert run.at == "no_sale"
    assert len(run.state.charges) == 3
    assert run.state.values["attempts"] == 3


def test_a_fourth_charge_is_not_made_by_going_back_either() -> None:
    run = Run().to_payment()
    for attempt in (1, 2):
        run.attempt("declined", attempt)
    run.to_charge().resolve("declined", reason="No.")
    run.do(c.Back())
    assert run.at == "payment"
    run.secrets().submit()
    assert run.at == "payment"
    assert "All 3 charges" in run.page.problem
    assert len(run.state.charges) == 3


def test_no_retry_goes_to_no_sale_with_the_cart_kept() -> None:
    run = Run().to_step("declined").submit("retry_payment=false")
    assert run.at == "no_sale"
    assert quantity(run) == 1
    assert not run.state.cart.frozen


@pytest.mark.parametrize(
    ("choice", "disposition"), [("service", "service"), ("wrong_number", "wrong_number")]
)
def test_calls_that_are_no_order_go_to_the_wrap_up(choice: str, disposition: str) -> None:
    run = Run().submit(f"call_type={choice}")
    assert run.at == "end"
    run.answer(disposition=disposition).submit()
    assert run.state.disposition == disposition


def test_a_card_the_tokeniser_refuses_is_asked_for_again_under_another_key() -> None:
    run = Run().to_payment()
    cart = run.state.cart
    first = run.secrets().submit().ask()
    run.resolve("declined", reason="The number is wrong.")
    assert run.at == "payment"
    assert "The number is wrong." in run.page.problem
    assert run.state.secrets == {}
    assert run.state.mask.phase == "held"
    assert run.state.cart == cart
    assert not any(field.filled for field in run.page.fields)
    second = run.secrets().submit().ask()
    assert second.id != first.id
    assert run.state.visit == 1
    run.resolve("ok", token="tok", last4="4242", brand="visa")
    assert run.at == "post_payment"


def test_a_cvv_is_asked_on_each_attempt() -> None:
    run = Run().to_payment().attempt("declined", 1)
    assert run.state.secrets == {}
    assert run.mask().refuse(c.Submit()).code == "incomplete"
    assert len([wipe for wipe in run.of(e.SecretsWiped) if wipe.reason == "used"]) == 1


# the mask


def test_a_submit_while_not_masked_is_refused() -> None:
    run = Run().to_payment()
    assert run.state.mask.phase == "wanted"
    assert run.refuse(c.Submit()).code == "not_masked"
    run.secrets().mask("lost", message="The PBX does not answer.", todo="Call IT.")
    refused = run.refuse(c.Submit())
    assert (refused.code, refused.message, refused.todo) == (
        "not_masked",
        "The PBX does not answer.",
        "Call IT.",
    )
    assert run.state.secrets == {}
    assert [wipe.reason for wipe in run.of(e.SecretsWiped)] == ["mask_lost"]


@pytest.mark.parametrize("phase", ["wanted", "lost"])
def test_secrets_are_refused_while_the_mask_is_not_held(phase: str) -> None:
    run = Run().to_payment()
    if phase == "lost":
        run.mask().mask("lost")
    refused = run.refuse(c.EnterSecret(field="card_number", handle="payment:card_number"))
    assert (refused.code, refused.field) == ("not_masked", "card_number")
    assert all(field.locked and field.why for field in run.page.fields)
    assert run.of(e.SecretEntered) == []


def test_secrets_are_taken_again_once_the_mask_is_held_again() -> None:
    run = Run().to_payment().secrets().mask("lost").secrets()
    assert run.state.secrets.keys() == {"card_number", "card_expiry", "card_cvv"}
    run.submit()
    assert run.ask().args["number"] == "payment:card_number"


def test_secrets_belong_to_encrypted_fields_only() -> None:
    run = Run().to_payment().mask()
    assert run.refuse(c.EnterSecret(field="first_name", handle="x")).code == "no_such_field"
    assert run.refuse(c.EnterSecret(field="card_cvv", handle="x", problem="Too short.")).code == "invalid"
    assert run.refuse(c.Answer(field="card_number", raw=CARD)).code == "invalid"
    run.do(c.ClearSecret(field="card_number"))
    assert run.last == []
    run.secrets().do(c.ClearSecret(field="card_number"))
    assert run.state.secrets.keys() == {"card_expiry", "card_cvv"}
    assert run.refuse(c.Submit()).errors.keys() == {"card_number"}


def test_secrets_are_refused_while_the_tokeniser_works() -> None:
    run = Run().to_payment().secrets().submit()
    assert run.refuse(c.EnterSecret(field="card_cvv", handle="other")).code == "busy"


def test_leaving_wipes_first_and_unmasks_second() -> None:
    run = Run().to_payment().secrets().do(c.Back())
    kinds = [type(event) for event in run.last]
    assert kinds.index(e.SecretsWiped) < kinds.index(e.MaskChanged) < kinds.index(e.StepEntered)
    assert mask_of(run) == "releasing"
    run.mask("none")
    assert mask_of(run) == "none"
    assert run.state.mask.lease == ""


def test_a_step_entered_while_the_last_mask_is_being_released_asks_for_its_own() -> None:
    run = Run().to_payment().secrets().do(c.Back())
    old = run.state.mask.lease
    run.submit()
    assert (run.state.mask.phase, run.state.mask.lease) == ("wanted", "payment.2")
    run.do(c.ReportMask(lease=old, phase="none"))
    run.do(c.ReportMask(lease=old, phase="held", confirmed_by=("own",)))
    assert run.last == []
    assert run.state.mask.phase == "wanted"


def test_a_late_word_on_a_mask_that_was_given_up_unlocks_nothing() -> None:
    run = Run().to_payment().secrets().do(c.Back())
    for phase in ("held", "lost"):
        run.mask(phase)
        assert run.last == []
    assert run.state.mask.phase == "releasing"


def test_a_recorder_that_records_again_by_itself_is_a_mask_lost() -> None:
    run = Run().to_payment().secrets().mask("none")
    assert run.state.mask.phase == "lost"
    assert run.state.secrets == {}


def test_the_same_word_twice_is_one_event() -> None:
    run = Run().to_payment().mask().mask()
    assert run.last == []
    run.mask(message="Paused: own, pbx.")
    assert len(run.last) == 1


# card numbers where none belong


@pytest.mark.parametrize(
    ("step", "command"),
    [
        ("gather", c.Answer(field="first_name", raw=CARD)),
        ("gather", c.Answer(field="email", raw=f"{CARD}@example.com")),
        ("gather", c.Answer(field="phone", raw="4242 4242 4242 4242")),
        ("gather", c.Submit(choice="last_name=4242-4242-4242-4242")),
        ("gather", c.AddNote(text=f"the card is {CARD}")),
        ("gather", c.AddNote(text="x" * 4000 + CARD)),
        ("billing", c.Answer(field="billing_address", raw={**ADDRESS, "line2": CARD})),
        ("billing", c.Answer(field="delivery_note", raw="2 4242  4242  4242  4242 12/30")),
    ],
)
def test_a_card_number_in_a_plain_place_is_refused_and_told_without_it(step: str, command: c.Command) -> None:
    run = Run().to_step(step)
    refused = run.refuse(command)
    assert refused.code == "invalid"
    assert [incident.code for incident in refused.incidents] == run.incidents()
    assert len(run.incidents()) == 1
    assert run.incidents()[0].startswith("card_number_in")
    log = texts(run.events)
    assert "4242" not in log


def test_a_card_number_is_no_disposition() -> None:
    assert Run().refuse(c.Abandon(disposition=CARD)).code == "invalid"


# restart


def test_after_a_crash_the_secrets_are_gone_and_the_page_is_the_same() -> None:
    run = Run().to_payment().secrets()
    run.do(c.Restart())
    assert run.state.secrets == {}
    assert run.at == "payment"
    assert [wipe.reason for wipe in run.of(e.SecretsWiped)] == ["restart"]


def test_after_a_crash_while_the_card_was_checked_it_is_asked_for_again() -> None:
    run = Run().to_payment().secrets().submit().do(c.Restart())
    assert run.at == "payment"
    assert run.state.effects == {}
    assert "restarted" in run.page.problem
    assert run.state.mask.phase == "held"


def test_after_a_crash_a_charge_stays_open_for_a_query() -> None:
    run = Run().to_payment().to_charge()
    ask = run.ask()
    run.do(c.Restart())
    assert run.ask() is ask
    assert run.last == []


def test_a_state_from_the_log_is_the_state_at_each_moment() -> None:
    run = Run().to_payment().attempt("declined", 1).attempt("ok", 2)
    state = Session()
    seen = []
    for event in run.events:
        state = fold([event], state)
        seen.append(page(run.flow, state).step)
    assert state == run.state
    assert seen[-1] == "confirmation"


# what the caller brings


def test_the_call_fills_the_phone_in() -> None:
    run = Run(start=False)
    run.do(c.Start(agent="Ann", call=CALL, prefill={"phone": CALL.number, "email": "no", "gone": 1}))
    assert run.state.values["phone"] == "+12025550143"
    assert "email" not in run.state.values
    assert "gone" not in run.state.values
    assert run.state.values["ship_to_billing"] is True


def test_a_prefill_never_brings_a_card_number_or_a_secret() -> None:
    run = Run(start=False)
    run.do(c.Start(agent="Ann", prefill={"first_name": CARD, "card_number": CARD, "call_type": "x"}))
    assert "4242" not in texts(run.events)
    assert run.state.values.keys().isdisjoint({"first_name", "card_number", "call_type"})


def test_answers_are_of_this_page_only_and_change_nothing_twice() -> None:
    run = Run()
    assert run.refuse(c.Answer(field="first_name", raw="Ann")).code == "no_such_field"
    run.answer(call_type="order").answer(call_type="order")
    assert run.last == []
    run.answer(call_type=None)
    assert run.last == [e.AnswerGiven(step="start", field="call_type", value=None)]
    assert run.refuse(c.Submit()).errors == {"call_type": "What is the call about? is still missing."}
    assert run.refuse(c.Submit(choice="nonsense")).code == "no_such_choice"
    assert run.refuse(c.Submit(choice="call_type=maybe")).code == "invalid"
    assert run.refuse(c.Submit(choice="on_unknown")).code == "no_such_choice"


def test_answers_are_refused_while_the_step_works() -> None:
    run = Run().to_step("attempts_left")
    assert run.refuse(c.Submit()).code == "busy"
    run = Run().to_payment().secrets().submit()
    assert run.refuse(c.Answer(field="card_number", raw="1")).code == "busy"


def test_notes_are_kept() -> None:
    run = Run().do(c.AddNote(text="  calls back  "), c.AddNote(text=" "))
    assert run.state.notes == ("calls back",)
    assert run.page.notes == ("calls back",)
