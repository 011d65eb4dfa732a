"""Calls that are answered by themselves, and those that must not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from halodesk.protocol import phone_link as link
from tests.fakes.phone import ended, ringing
from tests.fakes.seat import Seat, one_seat


@pytest.fixture
def lives() -> Iterator[Callable[..., Seat]]:
    with one_seat() as begin:
        yield begin


def rings(seat: Seat, **more: Any) -> None:
    seat.desk.phone_notice(link.CallChanged(call=ringing(**more)))


def answered(seat: Seat) -> list[str]:
    return [request.call for request in seat.phone.of(link.AnswerCall)]


def test_a_call_that_asks_is_answered(lives: Callable[..., Seat]) -> None:
    seat = lives()
    rings(seat, answer_after_s=0.01)
    rings(seat, answer_after_s=0.01, remote_name="Ann")  # news of the same call
    seat.until(lambda: answered(seat))
    seat.still()
    assert answered(seat) == ["k1"]


def test_a_call_that_does_not_ask_rings(lives: Callable[..., Seat]) -> None:
    seat = lives()
    rings(seat)
    seat.still()
    assert answered(seat) == []


@pytest.mark.parametrize("why", ["session", "other call", "not ready", "over"])
def test_nothing_is_answered_over_something_else(lives: Callable[..., Seat], why: str) -> None:
    seat = lives()
    if why == "session":
        seat.take()
        seat.desk.phone_notice(link.CallChanged(call=ended()))
    elif why == "not ready":
        seat.desk.answers_itself = lambda: False
    rings(seat, key="k2", sip_call_id="sip-2", answer_after_s=0.0)
    if why == "other call":
        rings(seat, key="k3", sip_call_id="sip-3")
    elif why == "over":
        seat.desk.phone_notice(link.CallChanged(call=ended(key="k2", sip_call_id="sip-2")))
    seat.posted.get(timeout=5)()  # the time has come
    seat.still()
    assert answered(seat) == []


def test_a_second_call_is_never_answered_by_itself(lives: Callable[..., Seat]) -> None:
    seat = lives()
    seat.take()
    rings(seat, key="k2", sip_call_id="sip-2", answer_after_s=0.0)
    seat.still()
    assert answered(seat) == []
