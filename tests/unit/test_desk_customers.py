"""Two customers at one desk: each his session, the one who is spoken with on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine.effects import TransferCall
from halodesk.protocol import phone_link as link
from halodesk.runtime.session import LiveSession
from tests.fakes.order import CALLER
from tests.fakes.phone import active, ended, ringing
from tests.fakes.seat import Found, Seat, one_seat

SECOND: dict[str, Any] = {"key": "k2", "sip_call_id": "sip-2", "remote_number": "+12025550199"}


@pytest.fixture
def lives() -> Iterator[Callable[..., Seat]]:
    with one_seat() as begin:
        yield begin


@pytest.fixture
def seat(lives: Callable[..., Seat]) -> Seat:
    """The first customer is on the caller page with half a name typed."""
    found = lives()
    found.take()
    found.do(c.Submit(choice="call_type=order"))
    found.desk.draft("first_name", "Jo")
    return found


def tell(seat: Seat, call: link.CallInfo) -> None:
    seat.desk.phone_notice(link.CallChanged(call=call))


def take_second(seat: Seat) -> tuple[LiveSession, LiveSession]:
    """The second customer is answered; both sessions."""
    first = seat.desk.session
    tell(seat, ringing(**SECOND))
    seat.desk.answer_call()
    tell(seat, active(hold="pending"))
    tell(seat, active(**SECOND))
    tell(seat, active(hold="on"))
    second = seat.desk.session
    assert first is not None
    assert second is not None
    return first, second


def back_to_first(seat: Seat) -> None:
    tell(seat, active(**SECOND, hold="on"))
    tell(seat, active(hold="off"))


def end_session(seat: Seat) -> None:
    seat.do(c.Answer(field="disposition", raw="call_lost"))
    seat.do(c.Submit())
    seat.desk.close_session()


def number_of(session: LiveSession) -> str:
    return session.state.call.number


def test_the_second_customer_gets_a_session_and_the_first_one_is_parked(seat: Seat) -> None:
    first, second = take_second(seat)
    assert second is not first
    assert number_of(second) == "+12025550199"
    assert seat.at == "start"
    assert seat.desk.call is not None
    assert seat.desk.call.key == "k2"
    assert seat.desk.parked == (first,)
    assert first.state.status == "running"
    assert "parking" in seat.topics


def test_swapping_brings_each_session_back_with_all_that_was_typed(seat: Seat) -> None:
    first, second = take_second(seat)
    seat.do(c.Submit(choice="call_type=order"))
    seat.desk.swap()
    assert seat.phone.of(link.Unhold)[-1].call == "k1"
    assert seat.desk.session_id == second.id, "the Desk follows the call, not the wish"
    back_to_first(seat)
    assert seat.desk.session_id == first.id
    assert seat.desk.drafts == {"first_name": "Jo"}
    for name, raw in CALLER.items():
        seat.do(c.Answer(field=name, raw=raw))
    assert second.state.values.get("phone") == "+12025550199"
    assert "first_name" not in second.state.values
    tell(seat, active(hold="on"))
    tell(seat, active(**SECOND))
    assert seat.desk.session_id == second.id
    assert seat.desk.drafts == {}


def test_a_parked_customer_who_hangs_up_is_wrapped_up_afterwards(seat: Seat) -> None:
    first, second = take_second(seat)
    tell(seat, ended(hold="on"))
    assert first.state.call_left
    assert seat.desk.session_id == second.id
    tell(seat, ended(**SECOND))
    assert seat.desk.session_id == second.id
    end_session(seat)
    assert seat.desk.session_id == first.id
    end_session(seat)
    assert seat.desk.session is None
    assert seat.desk.parked == ()


def test_when_the_second_one_is_done_the_first_one_is_taken_back(seat: Seat) -> None:
    first, second = take_second(seat)
    tell(seat, ended(**SECOND))
    assert seat.desk.call is not None
    assert seat.desk.call.key == "k1", "who is up is in hand"
    assert seat.desk.session_id == second.id, "its wrap-up comes first"
    end_session(seat)
    assert seat.desk.session_id == first.id
    tell(seat, active(hold="off"))
    assert seat.desk.session_id == first.id


def test_a_customer_who_is_taken_back_during_a_wrap_up_comes_first(seat: Seat) -> None:
    first, second = take_second(seat)
    tell(seat, ended(**SECOND))
    tell(seat, active(hold="off"))
    assert seat.desk.session_id == first.id
    assert seat.desk.parked == (second,)
    tell(seat, ended())
    end_session(seat)
    assert seat.desk.session_id == second.id


def test_nobody_is_taken_while_the_page_is_masked(lives: Callable[..., Seat]) -> None:
    seat = lives()
    seat.to_payment()
    tell(seat, ringing(**SECOND))
    seat.desk.answer_call()
    assert not seat.phone.of(link.AnswerCall)
    assert "masked" in seat.desk.notices[-1].message
    session = seat.desk.session
    tell(seat, active(hold="on"))
    tell(seat, active(**SECOND))  # whatever the phone did by itself
    assert seat.desk.session is session
    seat.desk.take_leg("k1")
    assert seat.phone.of(link.Unhold)[-1].call == "k1", "the caller himself can be taken back"


def test_news_of_a_parked_session_go_to_it(seat: Seat) -> None:
    first, second = take_second(seat)
    before = len(second.state.values)
    seat.desk.settled(first.id, c.Resolve(id="none", outcome="failed"))
    assert len(second.state.values) == before
    assert seat.desk.session_id == second.id


def test_a_step_of_a_parked_session_hands_nobody_over(seat: Seat) -> None:
    first, _ = take_second(seat)
    told: list[Any] = []
    seat.desk.hand_over(TransferCall(to="1003", mode="blind"), first.id, told.append)
    assert not seat.phone.of(link.Transfer)
    assert told[0].reason == "Another customer is on the line."


def test_a_conference_of_two_customers_changes_no_session(seat: Seat) -> None:
    _, second = take_second(seat)
    tell(seat, active(**SECOND, conference=True))
    tell(seat, active(conference=True))
    assert seat.desk.session_id == second.id


def test_both_sessions_outlive_a_crash_of_the_window(seat: Seat, lives: Callable[..., Seat]) -> None:
    first, second = take_second(seat)
    seat.crash()
    after = lives()
    after.desk.resume([Found(seat.store, session.id) for session in (first, second)])
    snapshot = link.Snapshot(calls=(active(hold="on"), active(**SECOND)))
    after.desk.phone_attached(snapshot)
    assert after.desk.session is not None
    assert after.desk.session.id == second.id, "who is spoken with"
    assert [parked.id for parked in after.desk.parked] == [first.id]
    started = [row for row in after.store.rows if row.seq == 1]
    assert len(started) == 2, "no third session has begun"
    tell(after, active(**SECOND, hold="on"))
    tell(after, active())
    assert after.desk.session.id == first.id
    assert after.desk.drafts == {"first_name": "Jo"}
