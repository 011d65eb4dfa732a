"""How an order ends: hang-up at every step, a charge nobody knows of, and facts that come late."""

from __future__ import annotations

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from tests.fakes.order import Run

STEPS = """start gather main_offer tell_me_more is_it_safe how_different already_take no_sale upsell billing
payment post_payment declined attempts_left confirmation end""".split()


def mask_of(run: Run) -> str:
    """Phase of the mask now."""
    return run.state.mask.phase


# hang-up


@pytest.mark.parametrize("key", [key for key in STEPS if key != "end"])
def test_hang_up_at_every_step_leads_to_the_wrap_up(key: str) -> None:
    run = Run().to_step(key)
    if key == "payment":
        run.secrets()
    in_flight = run.state.here
    kept = dict(run.state.values)
    cart = run.state.cart
    run.do(c.LoseCall(reason="Bye.", by="caller"))
    if in_flight is not None:
        assert run.at == key, "an effect in flight is waited for"
        run.resolve("ok", charge_id="ch_1", value=1)
    assert run.at == "end"
    assert run.page.call_left == "Bye."
    assert run.state.secrets == {}
    assert run.state.mask.phase in ("none", "releasing")
    assert kept.items() <= {**run.state.values, **{k: kept[k] for k in ("attempts", "post_payment")}}.items()
    assert run.state.cart.lines == cart.lines
    assert run.refuse(c.Back()).code == "call_over"
    run.answer(disposition="call_lost").submit()
    assert (run.state.status, run.state.disposition) == ("ended", "call_lost")
    assert run.events[-1] == e.SessionEnded(disposition="call_lost", reason="completed")
    assert fold(run.events) == run.state


def test_hang_up_at_the_wrap_up_stays_there() -> None:
    run = (
        Run().submit("call_type=service").answer(disposition="service").do(c.LoseCall(reason="x", by="agent"))
    )
    assert (run.at, run.state.visit) == ("end", 1)
    assert run.state.values["disposition"] == "service"


def test_a_second_hang_up_is_nothing_new() -> None:
    run = Run().do(c.LoseCall(reason="x", by="agent"), c.LoseCall(reason="y", by="caller"))
    assert run.last == []


def test_hang_up_while_the_card_is_checked_charges_nothing() -> None:
    run = Run().to_payment().secrets().submit().do(c.LoseCall(reason="x", by="caller"))
    assert run.at == "payment"
    run.resolve("ok", token="tok", last4="4242", brand="visa")
    assert run.at == "end"
    assert run.state.charges == ()
    assert run.state.mask.phase == "releasing"
    assert run.state.values["payment"]["last4"] == "4242"


def test_hang_up_while_the_card_is_checked_and_refused() -> None:
    run = Run().to_payment().secrets().submit().do(c.LoseCall(reason="x", by="caller"))
    run.resolve("declined", reason="Wrong.")
    assert run.at == "end"
    assert run.state.mask.phase == "releasing"


@pytest.mark.parametrize(("outcome", "frozen"), [("ok", True), ("declined", False), ("failed", False)])
def test_hang_up_while_the_charge_is_under_way(outcome: str, frozen: bool) -> None:
    run = Run().to_payment().to_charge().do(c.LoseCall(reason="x", by="caller"))
    run.do(c.Resolve(id=run.ask().id, outcome=outcome, result={"charge_id": "ch"}))  # type: ignore[arg-type]
    assert run.at == "end"
    assert run.state.cart.frozen is frozen
    assert run.state.values["post_payment"]["success"] is frozen


def test_hang_up_while_a_function_runs_asks_for_nothing_more() -> None:
    run = Run().to_step("attempts_left").do(c.LoseCall(reason="x", by="caller")).resolve("ok", value=1)
    assert run.at == "end"
    assert run.state.values["attempts"] == 1
    assert run.state.effects == {}


def test_hang_up_while_nobody_knows_of_the_charge() -> None:
    run = Run().to_payment().to_charge().resolve("unknown").do(c.LoseCall(reason="x", by="caller"))
    assert run.at == "post_payment"
    run.submit("on_unknown")
    assert run.at == "end"
    assert run.incidents() == ["charge_unsettled"]


# a charge nobody knows of


def test_an_unknown_charge_waits_and_never_takes_the_fallback() -> None:
    run = Run().to_payment().to_charge().resolve("unknown", reason="No answer for 15 s.")
    assert run.at == "post_payment"
    assert run.page.waiting == "No answer for 15 s."
    assert [choice.key for choice in run.page.choices] == ["on_unknown"]
    assert run.refuse(c.Submit()).code == "busy"
    assert run.refuse(c.Back()).code == "busy"
    assert run.state.unsettled is not None
    run.resolve("ok", charge_id="ch_9")
    assert run.at == "confirmation"
    assert run.state.charges[0].charge_id == "ch_9"
    assert run.state.unsettled is None


def test_an_unknown_charge_that_was_declined_after_all() -> None:
    run = (
        Run().to_payment().to_charge().resolve("unknown").resolve("unknown").resolve("declined", reason="No.")
    )
    assert run.at == "declined"
    assert "<strong>No.</strong>" in run.page.html


def test_on_unknown_goes_on_and_no_other_charge_is_made() -> None:
    run = Run().to_payment().to_charge().resolve("unknown").submit("on_unknown")
    assert run.at == "no_sale"
    assert run.incidents() == ["charge_unsettled"]
    assert run.page.waiting == ""
    assert [choice.key for choice in run.page.choices] == [""], "the page is not stuck behind the charge"
    assert not any(field.locked for field in run.page.fields)
    refused = run.refuse(c.Back())
    assert refused.code == "charge_unsettled"
    assert "twice" in refused.message
    run.answer(no_sale_reason="other").submit().answer(disposition="no_sale").submit()
    assert run.state.status == "ended"


def test_a_charge_approved_after_the_agent_went_on_freezes_the_cart_and_is_told() -> None:
    run = Run().to_payment().to_charge().resolve("unknown")
    ask = run.ask()
    run.submit("on_unknown").do(c.Resolve(id=ask.id, outcome="ok", result={"charge_id": "ch"}))
    assert run.at == "no_sale"
    assert run.state.cart.frozen
    assert run.incidents() == ["charge_unsettled", "late_answer"]
    assert run.refuse(c.Back()).code == "paid"


def test_an_answer_counts_once() -> None:
    run = Run().to_payment().to_charge()
    ask = run.ask()
    run.resolve("ok", charge_id="ch")
    assert run.refuse(c.Resolve(id=ask.id, outcome="declined")).code == "no_such_effect"
    assert run.at == "confirmation"
    assert run.refuse(c.Resolve(id="never.asked", outcome="ok")).code == "no_such_effect"


# after the end


def test_late_facts_are_kept_and_nothing_moves() -> None:
    run = Run().to_payment().to_charge().resolve("unknown")
    ask = run.ask()
    run.submit("on_unknown").answer(no_sale_reason="other").submit().answer(disposition="no_sale").submit()
    run.do(c.LoseCall(reason="x", by="agent"))
    run.do(c.LoseCall(reason="x", by="agent"))
    assert run.last == []
    kept = c.KeepRecording(path="a.flac", sha256="00", sample_rate=8000, samples=16000, windows=((1, 2),))
    run.do(kept)
    assert isinstance(run.last[0], e.RecordingKept)
    run.do(kept)
    assert run.last == [], "a phone that is found again tells it again"
    run.do(c.Resolve(id=ask.id, outcome="unknown"))
    run.do(c.Resolve(id=ask.id, outcome="ok", result={"charge_id": "ch"}))
    assert run.incidents()[-1] == "late_answer"
    assert run.state.charges[0].outcome == "ok"
    run.do(c.Resolve(id=ask.id, outcome="ok"))
    assert run.last == []
    assert (run.state.status, run.at) == ("ended", "end")
    assert run.page.ended
    assert run.page.choices == ()
    assert run.page.progress == 1.0
    assert fold(run.events) == run.state


def test_the_mask_may_be_let_go_after_the_end() -> None:
    run = Run().to_payment().do(c.Abandon(disposition="lost"))
    assert mask_of(run) == "releasing"
    assert run.of(e.SessionEnded) == [e.SessionEnded(disposition="lost", reason="abandoned")]
    run.mask("none")
    assert mask_of(run) == "none"


@pytest.mark.parametrize(
    "command",
    [
        c.Submit(),
        c.Back(),
        c.Answer(field="disposition", raw="sale"),
        c.AddNote(text="a"),
        c.Abandon(disposition="x"),
        c.Restart(),
        c.EnterSecret(field="card_cvv", handle="x"),
        c.ClearSecret(field="card_cvv"),
    ],
)
def test_wishes_after_the_end_and_before_the_begin_are_refused(command: c.Command) -> None:
    run = Run().submit("call_type=service").answer(disposition="service").submit()
    assert run.refuse(command).code == "not_running"
    assert Run(start=False).refuse(command).code == "not_running"
    assert run.refuse(c.Start(agent="Ann")).code == "running"
