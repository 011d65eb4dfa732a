"""Money in a session: charges of the payment form, captures, voids, refunds, and what the agent sees."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.core import decide
from halodesk.engine.evolve import evolve, fold
from halodesk.engine.flow import Flow, from_builtins
from tests.fakes.order import ADDRESS, TOKEN, Run, sample_document

TOLD = {"charge_id": "ch_1", "auth_code": "123456", "avs": "postal_code", "cvv": "match"}


def document(**config: Any) -> dict[str, Any]:
    """The sample with another payment form; it charges by itself."""
    made = sample_document()
    step = next(step for step in made["steps"] if step["key"] == "payment")
    step["config"] = step["config"] | {"mode": "sale", "avs": ["billing_address"]} | config
    step["fallback"] = "confirmation"
    return made


def direct(**config: Any) -> Flow:
    """As `document`, without the step that charges a token."""
    made = document(**config)
    made["steps"] = [step for step in made["steps"] if step["key"] != "post_payment"]
    return from_builtins(made)


def charging(**config: Any) -> Run:
    """The payment form has its token and charges."""
    run = Run(direct(**config)).to_payment().secrets().submit()
    return run.resolve("ok", **TOKEN)


def paid() -> Run:
    """Charged, on the page after it."""
    return charging().resolve("ok", **TOLD)


def supervised(run: Run, command: c.Command) -> c.Refused | None:
    """The same by somebody with the role."""
    decided = decide(run.flow, run.state, command, Moment(roles=("supervisor",)))
    if isinstance(decided, c.Refused):
        return decided
    for event in decided:
        run.state = evolve(run.state, event)
    run.events += decided
    return None


# the form that charges by itself


def test_the_form_charges_by_itself_what_the_cart_was() -> None:
    run = charging()
    ask = run.ask()
    assert (ask.kind, ask.args["amount"], ask.args["token"]) == ("charge", run.state.cart.total, "tok_1")
    assert ask.args["address"]["postal_code"] == ADDRESS["postal_code"]
    assert "capture" not in ask.args
    assert run.page.waiting
    run.resolve("ok", **TOLD)
    assert run.at == "confirmation"
    assert run.state.cart.frozen
    value = run.state.values["payment"]
    assert (value["success"], value["avs"], value["cvv"]) == (True, "postal_code", "match")
    assert run.page.payment is not None
    assert run.page.payment.state == "Paid, approval 123456."
    assert run.page.payment.checks.startswith("Postal code matches")
    assert "Security code" in run.page.payment.checks or "security code matches" in run.page.payment.checks
    assert run.page.payment.title.endswith("Visa ···· 4242")


def test_the_address_goes_to_the_tokeniser_too() -> None:
    run = Run(direct()).to_payment().secrets().submit()
    assert run.ask().args["address"] == {
        "line1": ADDRESS["line1"], "postal_code": ADDRESS["postal_code"], "country": "US",
    }  # fmt: skip


def test_a_decline_asks_for_the_card_again_with_its_code_and_three_are_enough() -> None:
    run = charging()
    for attempt in (1, 2):
        run.resolve("declined", reason="Not enough funds.", avs="mismatch")
        assert run.at == "payment"
        assert "Not enough funds." in run.state.problem
        assert run.state.secrets == {}, "the code is asked for anew"
        assert run.page.payment is not None
        assert run.page.payment.state == "Declined. Not enough funds."
        assert run.page.payment.checks == "Address does not match"
        assert run.state.values["payment"]["success"] is False
        run.secrets().submit().resolve("ok", **TOKEN)
        assert len(run.state.charges) == attempt + 1
    run.resolve("declined", reason="Not enough funds.")
    assert run.at == "end", "the wrap-up, never the way of success"
    assert "attempts_used" in run.incidents()
    assert not run.state.cart.frozen


def test_used_up_attempts_lead_where_the_flow_says() -> None:
    run = charging(attempts=1, on_declined="no_sale").resolve("declined", reason="No.")
    assert run.at == "no_sale"


def test_an_unknown_charge_waits_and_is_settled_later() -> None:
    run = charging().resolve("unknown", reason="No answer.")
    assert run.at == "payment"
    assert run.page.waiting
    assert run.refuse(c.Submit()).code == "busy"
    run.resolve("ok", **TOLD)
    assert run.at == "confirmation"


def test_an_unknown_charge_may_be_left_where_the_flow_allows() -> None:
    run = charging(on_unknown="no_sale").resolve("unknown", reason="No answer.")
    charge = run.ask().id
    run.submit("on_unknown")
    assert run.at == "no_sale"
    run.do(c.Resolve(id=charge, outcome="ok", result=TOLD))
    assert run.at == "no_sale"
    assert "late_answer" in run.incidents()
    assert run.state.cart.frozen


def test_a_call_that_ends_before_the_charge_is_not_charged() -> None:
    run = Run(direct()).to_payment().secrets().submit()
    run.do(c.LoseCall(reason="hang up", by="caller"))
    run.resolve("ok", **TOKEN)
    assert run.at == "end"
    assert run.state.charges == ()


def test_authorise_then_capture() -> None:
    made = document(mode="authorise")
    take = next(step for step in made["steps"] if step["key"] == "post_payment")
    take["config"] = {"connection": "gateway", "operation": "capture", "target": "taken"}
    take["routes"] = []
    next(step for step in made["steps"] if step["key"] == "payment")["fallback"] = "post_payment"
    run = Run(from_builtins(made)).to_payment().secrets().submit().resolve("ok", **TOKEN)
    assert run.ask().args["capture"] is False
    run.resolve("ok", **TOLD)
    assert run.at == "post_payment"
    ask = run.ask()
    assert (ask.kind, ask.args["charge_id"], ask.args["amount"]) == ("capture", "ch_1", run.state.cart.total)
    assert run.state.unsettled is not None
    run.resolve("ok", charge_id="ch_1")
    assert run.at == "confirmation"
    assert run.state.values["taken"]["success"] is True
    assert run.state.charges[0].captured


# taking back


def test_the_agent_voids_a_charge_and_the_order_is_open_again() -> None:
    run = paid()
    assert run.page.payment is not None
    assert run.page.payment.can_void
    assert not run.page.payment.can_refund
    charge = run.state.charges[0].id
    run.do(c.TakeBack(charge=charge, reason="Wrong address"))
    (ask,) = run.state.effects.values()
    assert (ask.kind, ask.args["charge_id"], ask.args["by"]) == ("void", "ch_1", "Ann")
    assert run.page.payment.state == "Being voided …"
    assert run.page.waiting == "", "no page waits for it"
    assert run.refuse(c.TakeBack(charge=charge)).code == "charge_unsettled"
    assert run.refuse(c.Back()).code in ("charge_unsettled", "paid")
    run.do(c.Resolve(id=ask.id, outcome="ok", result={"code": "voided"}))
    assert run.state.charges[0].outcome == "voided"
    assert not run.state.cart.frozen
    assert run.page.payment.state == "Voided: nothing is taken."
    incident = run.of(e.Incident)[-1]
    assert incident.code == "charge_voided"
    assert "Ann" in incident.message
    assert "Wrong address" in incident.message
    assert fold(run.events) == run.state
    assert run.refuse(c.TakeBack(charge=charge)).code == "no_such_charge"


def test_after_a_void_the_order_can_be_paid_again() -> None:
    run = paid()
    run.do(c.TakeBack(charge=run.state.charges[0].id))
    run.do(c.Resolve(id=next(iter(run.state.effects)), outcome="ok"))
    run.do(c.Back())
    assert run.at == "payment"
    run.secrets().submit().resolve("ok", **TOKEN).resolve("ok", **TOLD)
    assert [charge.outcome for charge in run.state.charges] == ["voided", "ok"]
    assert run.state.cart.frozen


def test_a_void_that_came_too_late_leaves_a_refund_which_needs_a_role() -> None:
    run = paid()
    charge = run.state.charges[0].id
    run.do(c.TakeBack(charge=charge))
    run.do(
        c.Resolve(
            id=next(iter(run.state.effects)),
            outcome="declined",
            result={"code": "already_settled", "reason": "It is settled."},
        )
    )
    assert [one.outcome for one in run.state.charges] == ["ok"]
    assert run.state.cart.frozen
    assert "charge_not_taken_back" in run.incidents()
    assert run.page.payment is not None
    assert (run.page.payment.can_void, run.page.payment.can_refund) == (False, True)
    assert "It is settled." in run.page.payment.state
    assert run.refuse(c.TakeBack(charge=charge)).code == "settled"
    assert run.refuse(c.TakeBack(charge=charge, kind="refund")).code == "role_needed"
    assert supervised(run, c.TakeBack(charge=charge, kind="refund")) is None
    (ask,) = run.state.effects.values()
    assert ask.kind == "refund"
    run.do(c.Resolve(id=ask.id, outcome="ok"))
    assert [one.outcome for one in run.state.charges] == ["refunded"]
    assert "charge_refunded" in run.incidents()
    assert len({event.id for event in run.of(e.EffectRequested)}) == len(run.of(e.EffectRequested))


def test_a_void_of_unknown_fate_stays_open() -> None:
    run = paid()
    run.do(c.TakeBack(charge=run.state.charges[0].id))
    effect = next(iter(run.state.effects))
    run.do(c.Resolve(id=effect, outcome="unknown", result={"reason": "No answer."}))
    assert effect in run.state.effects
    assert run.state.unsettled is not None
    run.do(c.Resolve(id=effect, outcome="failed", result={"reason": "It never arrived."}))
    assert run.state.charges[0].outcome == "ok"
    assert run.state.unsettled is None


def test_a_session_that_has_just_ended_may_still_be_voided() -> None:
    run = paid().submit("read_back=true").answer(disposition="sale").submit()
    assert run.state.status == "ended"
    run.do(c.TakeBack(charge=run.state.charges[0].id))
    run.do(c.Resolve(id=next(iter(run.state.effects)), outcome="ok"))
    assert run.state.charges[0].outcome == "voided"
    assert run.incidents()[-1] == "charge_voided"
    assert run.refuse(c.TakeBack(charge="nothing")).code == "no_such_charge"


def test_a_reason_holds_no_card_number() -> None:
    run = paid()
    command = c.TakeBack(charge=run.state.charges[0].id, reason="4242 4242 4242 4242")
    assert run.refuse(command).code == "invalid"


@pytest.mark.parametrize("outcome", ["declined", "failed"])
def test_only_an_approved_charge_is_taken_back(outcome: Any) -> None:
    run = charging().resolve(outcome, reason="No.")
    assert run.refuse(c.TakeBack(charge=run.state.charges[0].id)).code == "no_such_charge"


def test_the_token_mode_freezes_the_amount_and_keeps_what_the_issuer_said() -> None:
    run = Run().to_payment().secrets().submit().resolve("ok", **TOKEN, avs="match")
    assert run.at == "post_payment"
    run.resolve("ok", **TOLD)
    assert run.state.values["post_payment"]["avs"] == "postal_code"
    assert run.state.charges[0].last4 == "4242"
