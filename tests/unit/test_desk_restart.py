"""The desk after a crash: the very step, the very charge, the mask never lifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.protocol import phone_link as link
from halodesk.runtime.effects import base as effects_module
from halodesk.runtime.log import verify
from tests.fakes.order import CARD
from tests.fakes.phone import active, ended
from tests.fakes.seat import Found, Seat, one_seat


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Seat]]:
    """Lives of one seat; a charge that is not known is queried at once."""
    monkeypatch.setattr(effects_module, "QUERY_FIRST_S", 0.0)
    with one_seat() as begin:
        yield begin


def test_a_crash_in_mid_word_is_taken_up_at_the_very_step_with_the_draft(
    lives: Callable[..., Seat],
) -> None:
    before = lives()
    before.take()
    before.do(c.Submit(choice="call_type=order"))
    before.do(c.Answer(field="first_name", raw="Jordan"))
    before.desk.draft("last_name", "Mill")
    before.desk.draft("email", f"{CARD}")
    before.desk.draft("nothing", "x")
    before.crash()
    after = lives()
    after.desk.resume([Found(after.store)])
    assert after.at == "gather"
    assert after.desk.drafts == {"last_name": "Mill"}, "and a card number is no draft"
    after.desk.phone_attached(link.Snapshot(calls=(active(),)))
    assert after.at == "gather", "its call is still up"
    after.desk.phone_notice(link.CallChanged(call=ended()))
    assert after.at == "end"
    assert verify(after.desk.session_id, after.store.rows).ok


def test_a_flow_agent_that_spoke_when_the_seat_died_is_off_the_call(lives: Callable[..., Seat]) -> None:
    before = lives()
    before.take()
    for id in ("c1", "c2"):
        began = e.FlowAgentBegan(conversation=id, agent="clinic", document="ab", by="Ann")
        before.do(c.NoteFlowAgent(fact=began))
    before.do(c.NoteFlowAgent(fact=e.FlowAgentEnded(conversation="c1", reason="end_call")))
    before.crash()
    after = lives()
    after.desk.resume([Found(after.store)])
    ended = [one for one in after.events if isinstance(one, e.FlowAgentEnded)]
    assert [(one.conversation, one.reason) for one in ended] == [("c1", "end_call"), ("c2", "broken")]


def test_a_call_that_ended_while_the_window_was_away_leads_to_the_wrap_up(
    lives: Callable[..., Seat],
) -> None:
    before = lives()
    before.take()
    before.crash()
    after = lives()
    after.desk.resume([Found(after.store)])
    after.phone.leases = ("payment.1",)
    after.desk.phone_attached(link.Snapshot(leases=after.phone.leases))
    assert after.at == "end"
    assert after.phone.of(link.Unmask) == [link.Unmask(lease="payment.1")]


def test_a_crash_on_the_payment_page_never_unmasks_and_takesnothing_until_it_is_proved_again(
    lives: Callable[..., Seat],
) -> None:
    before = lives()
    before.to_payment()
    before.type_card()
    before.crash()
    assert before.recorder.masked
    before.recorder.asked.clear()
    after = lives()
    after.desk.resume([Found(after.store)])
    assert after.at == "payment"
    assert after.mask == "lost"
    assert after.desk.type_secret("card_number", "4").length == 0
    after.until(lambda: after.mask == "held")
    assert "unmask" not in after.recorder.asked
    assert after.desk.secret("card_number").length == 0
    after.type_card()
    after.do(c.Submit())
    after.until(lambda: after.at == "confirmation")
    assert verify(after.desk.session_id, after.store.rows).ok


def test_an_open_charge_is_queried_under_its_key_and_never_sent_again(lives: Callable[..., Seat]) -> None:
    """The money was taken, the answer never written."""
    before = lives()
    before.to_payment()
    before.type_card()
    before.do(c.Submit())
    before.until(lambda: before.at == "post_payment")
    before.turn()
    while not before.gateway.sent:
        before.turn()
    before.crash()
    (key,) = before.gateway.sent
    after = lives()
    after.desk.resume([Found(after.store)])
    after.until(lambda: after.at == "confirmation")
    assert after.gateway.sent == [key]
    assert after.gateway.queried == [key]
    assert after.desk.page is not None
    assert after.desk.page.cart.paid


def test_a_crash_while_the_card_was_checked_asks_for_it_again(lives: Callable[..., Seat]) -> None:
    before = lives()
    before.to_payment()
    before.type_card()
    before.store.hold = True
    before.do(c.Submit())
    before.store.die()
    before.crash()
    after = lives()
    after.store.hold = False
    after.desk.resume([Found(after.store)])
    assert after.at == "payment"
    assert after.desk.page is not None
    assert "restarted" in after.desk.page.problem
    assert after.gateway.tokenised == []


def test_a_charge_settled_by_a_query(lives: Callable[..., Seat]) -> None:
    seat = lives("unknown")
    seat.to_payment()
    seat.type_card()
    seat.do(c.Submit())
    seat.until(lambda: seat.at == "confirmation")
    assert len(seat.gateway.sent) == 1
    outcomes = [event.outcome for event in seat.events if isinstance(event, e.EffectResolved)]
    assert outcomes == ["ok", "unknown", "ok"]
