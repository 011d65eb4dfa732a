"""The desk with several legs: waiting, transfer, conference, emergency; with fakes at every port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.effects import TransferCall
from halodesk.protocol import phone_link as link
from halodesk.runtime.effect_ports import TransferAnswer
from tests.fakes.phone import active, ended, ringing
from tests.fakes.seat import Seat, one_seat

SECOND: dict[str, Any] = {"key": "k2", "sip_call_id": "sip-2", "remote_number": "+12025550199"}


@pytest.fixture
def lives() -> Iterator[Callable[..., Seat]]:
    with one_seat() as begin:
        yield begin


@pytest.fixture
def seat(lives: Callable[..., Seat]) -> Seat:
    return lives()


def tell(seat: Seat, call: link.CallInfo) -> None:
    """The phone says how a call stands."""
    seat.desk.phone_notice(link.CallChanged(call=call))


def words(seat: Seat) -> str:
    """All that was said to the agent."""
    return " ".join(f"{notice.message} {notice.todo}" for notice in seat.desk.notices)


def under_way(seat: Seat) -> bool:
    """Whether the caller is being handed over."""
    return seat.desk.transferring


def leg_of(seat: Seat, **more: Any) -> link.CallInfo:
    """The leg that was dialled for the caller's sake."""
    (dialled,) = seat.phone.of(link.Dial)
    given: dict[str, Any] = {"key": dialled.call, "sip_call_id": "sip-3", "remote_number": dialled.to}
    return ringing(direction="out", beside="k1", **(given | more))


# call waiting


def test_a_second_call_waits_and_is_answered(seat: Seat) -> None:
    seat.take()
    tell(seat, ringing(**SECOND))
    assert seat.desk.waiting is not None
    assert seat.desk.call is not None
    assert seat.desk.call.key == "k1"
    assert not seat.phone.of(link.HangUp)
    seat.desk.answer_call()
    assert seat.phone.of(link.AnswerCall)[-1].call == "k2"
    tell(seat, active(hold="on"))
    tell(seat, active(**SECOND))
    assert seat.desk.hand is not None
    assert seat.desk.hand.key == "k2"
    assert [leg.key for leg in seat.desk.legs] == ["k2", "k1"], "who is spoken with comes first"
    seat.desk.hold()
    assert seat.phone.of(link.Hold)[-1].call == "k2", "wishes are for the leg in hand"
    seat.desk.swap()
    assert seat.phone.of(link.Unhold)[-1].call == "k1"
    seat.desk.complete_transfer()
    assert not seat.phone.of(link.CompleteTransfer), "two customers are never joined by mistake"


def test_a_waiting_caller_is_refused_or_gives_up(seat: Seat) -> None:
    seat.take()
    tell(seat, ringing(**SECOND))
    seat.desk.refuse_waiting()
    assert seat.phone.of(link.HangUp) == [link.HangUp(call="k2", code=486)]
    tell(seat, replace(ended(), **SECOND))
    assert seat.desk.waiting is None
    assert seat.desk.call is not None
    assert seat.desk.call.state == "active"
    seat.desk.refuse_waiting()
    assert len(seat.phone.of(link.HangUp)) == 1


# transfer


def test_a_blind_transfer_takes_the_session_along_and_ends_it_as_handed_over(seat: Seat) -> None:
    seat.take()
    seat.desk.transfer(" 10 03 ")
    (asked,) = seat.phone.of(link.Transfer)
    assert (asked.call, asked.to, bool(asked.leg)) == ("k1", "1003", True)
    assert asked.headers == {"X-HaloDesk-Session": seat.desk.session_id}
    assert under_way(seat)
    tell(seat, active(transfer="asked", transfer_to="1003"))
    tell(seat, active(transfer="done", transfer_to="1003"))
    assert not under_way(seat)
    tell(seat, ended(transfer="done"))
    left = next(event for event in seat.events if isinstance(event, e.CallLeft))
    assert left.by == "agent"
    assert seat.desk.notices == ()


def test_a_transfer_that_fails_says_why_once_and_the_caller_stays(seat: Seat) -> None:
    seat.take()
    seat.desk.transfer("1003")
    leg = seat.phone.of(link.Transfer)[0].leg
    tell(seat, active(transfer="asked", hold="on"))
    tell(seat, ringing(key=leg, direction="out", state="early", beside="k1"))
    failed = active(transfer="failed", transfer_reason="1003 is busy.", hold="on")
    tell(seat, failed)
    tell(seat, ended(key=leg, beside="k1"))
    tell(seat, replace(failed, hold="off"))
    assert words(seat).strip() == "1003 is busy. The caller is back with you."
    assert not seat.phone.of(link.Unhold), "the phone takes him back by itself"
    assert not under_way(seat)
    seat.desk.transfer("1004")
    assert len(seat.phone.of(link.Transfer)) == 2


def test_no_transfer_while_a_recording_is_masked(seat: Seat) -> None:
    seat.to_payment()
    seat.desk.transfer("1003")
    seat.desk.transfer("1003", attended=True)
    seat.desk.complete_transfer()
    assert not seat.phone.of(link.Transfer)
    assert not seat.phone.of(link.Dial)
    assert not seat.phone.of(link.CompleteTransfer)
    assert "masked" in words(seat)


def test_refusals_of_a_transfer(seat: Seat) -> None:
    seat.desk.transfer("1003")
    assert "no connected call" in words(seat)
    seat.take()
    seat.desk.transfer("  ")
    assert not seat.phone.of(link.Transfer)
    seat.desk.transfer("1003")
    seat.desk.transfer("1004")
    assert "already" in words(seat)
    seat.desk.cancel_transfer()
    assert seat.phone.of(link.CancelTransfer) == [link.CancelTransfer(call="k1")]
    tell(seat, active(transfer="failed", transfer_reason="The transfer was given up."))
    seat.phone.refuse = True
    seat.desk.transfer("1005")
    seat.still()
    assert "Not now." in words(seat)
    assert not under_way(seat)


def test_an_attended_transfer_with_swap_and_completion(seat: Seat) -> None:
    seat.take()
    seat.desk.transfer("1003", attended=True)
    (dialled,) = seat.phone.of(link.Dial)
    assert (dialled.to, dialled.beside) == ("1003", "k1")
    assert dialled.headers["X-HaloDesk-Session"] == seat.desk.session_id
    seat.desk.complete_transfer()
    assert not seat.phone.of(link.CompleteTransfer), "nobody has answered yet"
    tell(seat, active(hold="on"))
    tell(seat, leg_of(seat, state="active"))
    assert seat.desk.hand is not None
    assert seat.desk.hand.key == dialled.call
    seat.desk.swap()
    assert seat.phone.of(link.Unhold) == [link.Unhold(call="k1")]
    seat.desk.complete_transfer()
    assert seat.phone.of(link.CompleteTransfer) == [link.CompleteTransfer(call="k1", leg=dialled.call)]
    tell(seat, active(hold="on", transfer="done"))
    assert not under_way(seat)


def test_a_consultation_that_is_cancelled_brings_the_caller_back_once(seat: Seat) -> None:
    seat.take()
    seat.desk.transfer("1003", attended=True)
    tell(seat, active(hold="on"))
    tell(seat, leg_of(seat, state="early"))
    seat.desk.cancel_transfer()
    assert seat.phone.of(link.CancelTransfer) == [link.CancelTransfer(call="k1")]
    tell(seat, leg_of(seat, state="ended", reason="Given up here."))
    assert not seat.phone.of(link.Unhold), "the phone takes him back by itself"
    assert not under_way(seat)
    assert words(seat).strip() == "The transfer was given up. The caller is back with you."


def test_one_who_is_asked_and_is_busy_brings_the_caller_back_in_words(seat: Seat) -> None:
    seat.take()
    seat.desk.transfer("1003", attended=True)
    tell(seat, active(hold="on"))
    tell(seat, leg_of(seat, state="ended", reason="The line is busy."))
    assert words(seat).strip() == "1003: The line is busy. The caller is back with you."
    assert seat.phone.of(link.Unhold) == [link.Unhold(call="k1")]
    assert seat.desk.call is not None
    assert seat.desk.call.key == "k1"


def test_a_consultation_has_no_session_of_its_own(seat: Seat) -> None:
    seat.take()
    seat.desk.transfer("1003", attended=True)
    tell(seat, active(hold="on"))
    tell(seat, leg_of(seat, state="active"))
    tell(seat, ended())
    assert seat.desk.call is not None
    assert seat.desk.call.beside == "k1"
    seat.do(c.Answer(field="disposition", raw="call_lost"))
    seat.do(c.Submit())
    seat.desk.close_session()
    assert seat.desk.page is None


def test_a_conference_for_a_step_of_the_flow(seat: Seat) -> None:
    seat.take()
    told: list[TransferAnswer] = []
    wish = TransferCall(to="1003", mode="conference")
    seat.desk.hand_over(wish, "session-9", told.append)
    tell(seat, active(hold="on"))
    leg = leg_of(seat, state="active")
    tell(seat, leg)
    assert seat.phone.of(link.Merge) == [link.Merge(calls=("k1", leg.key))]
    assert told == []
    tell(seat, active(conference=True))
    assert told == [TransferAnswer(done=True)]


def test_a_step_hears_of_a_caller_who_hangs_up(seat: Seat) -> None:
    seat.take()
    told: list[TransferAnswer] = []
    seat.desk.hand_over(TransferCall(to="1003"), seat.desk.session_id, told.append)
    tell(seat, ended(transfer="failed", transfer_reason="The caller hung up before."))
    assert told == [TransferAnswer(done=False, reason="The caller hung up before.")]


def test_nobody_answers_a_consultation_of_a_step_in_time(seat: Seat) -> None:
    seat.take()
    wish = TransferCall(to="1003", mode="attended", ring_seconds=1)
    seat.desk.hand_over(wish, "s", lambda answer: None)
    seat.until(lambda: seat.phone.of(link.HangUp))
    assert seat.phone.of(link.HangUp)[0].call == seat.phone.of(link.Dial)[0].call


# conference


def test_a_conference_is_made_and_taken_apart(seat: Seat) -> None:
    seat.take()
    seat.desk.merge()
    assert "two calls" in words(seat)
    seat.desk.transfer("1003", attended=True)
    tell(seat, active(hold="on"))
    leg = leg_of(seat, state="active")
    tell(seat, leg)
    seat.desk.merge()
    assert seat.phone.of(link.Merge) == [link.Merge(calls=("k1", leg.key))]
    tell(seat, active(conference=True))
    tell(seat, replace(leg, conference=True))
    assert seat.desk.hand is not None
    assert seat.desk.hand.key == "k1"
    seat.desk.set_microphone(muted=True)
    assert {wish.call for wish in seat.phone.of(link.SetMicrophone)} == {"k1", leg.key}, (
        "nobody hears the agent"
    )
    seat.desk.split()
    assert seat.phone.of(link.Split) == [link.Split(keep="k1")]
    seat.desk.hang_up_leg(leg.key)
    assert seat.phone.of(link.HangUp)[-1].call == leg.key


# emergency


@pytest.mark.parametrize("number", ["112", " 9 1-1 ", "999"])
def test_an_emergency_number_is_dialled_whatever_is_going_on(seat: Seat, number: str) -> None:
    seat.to_payment()
    seat.desk.dial(number)
    (dialled,) = seat.phone.of(link.Dial)
    assert dialled.emergency
    assert dialled.to == "".join(digit for digit in number if digit.isdigit())
    tell(seat, active(hold="on"))
    tell(
        seat, ringing(key=dialled.call, direction="out", state="active", emergency=True, sip_call_id="sip-9")
    )
    assert seat.desk.hand is not None
    assert seat.desk.hand.key == dialled.call
    assert len({row.session for row in seat.store.rows}) == 1, "a call for help has no flow"


def test_help_is_called_from_where_one_transfers(seat: Seat) -> None:
    seat.to_payment()
    seat.desk.transfer("112")
    assert [dialled.emergency for dialled in seat.phone.of(link.Dial)] == [True]
    assert not seat.phone.of(link.Transfer)


def test_other_numbers_wait_for_the_call_and_the_session(seat: Seat) -> None:
    seat.take()
    seat.desk.dial("1125")
    assert not seat.phone.of(link.Dial)


def test_legs_that_die_with_the_phone_are_told(seat: Seat) -> None:
    from halodesk.engine.errors import PhoneAwayError

    seat.take()
    tell(seat, ringing(**SECOND))
    seat.desk.phone_away(PhoneAwayError("The phone has ended.", "Wait."))
    assert "was lost with the phone" in words(seat)
    assert seat.desk.waiting is None
