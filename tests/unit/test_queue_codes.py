"""Queues by feature codes: one after the other, never in a call, and a refusal in words."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from msgspec.structs import replace

from halodesk.engine.errors import PhoneAwayError
from halodesk.protocol import phone_link as link
from halodesk.queues.codes import CodeQueues
from halodesk.runtime.agent_ports import QueueView, QueueWish
from halodesk.runtime.agent_settings import QueueCodes
from tests.fakes.agent import NotedPhone
from tests.fakes.phone import active, ended, ringing

CODES = QueueCodes(log_in="*45", log_out="*46", pause="*47", unpause="*48")
READY = QueueWish(member=True, paused=False)
BREAK = QueueWish(member=True, paused=True, reason="Break")


class Desk:
    """What stands around the codes."""

    def __init__(self, codes: QueueCodes = CODES) -> None:
        self.phone, self.views = NotedPhone(), list[QueueView]()
        self.now = 0.0
        self.codes = CodeQueues(
            codes,
            account="main",
            send=self.phone.send,
            post=lambda job: job(),
            on_view=self.views.append,
        )

    def tick(self, seconds: float = 1.0, *, busy: bool = False) -> None:
        self.now += seconds
        self.codes.tick(self.now, busy=busy)

    @property
    def dialled(self) -> list[str]:
        return [one.to for one in self.phone.requests if isinstance(one, link.Dial)]

    def take(self, *, answered: bool = True, reason: str = "") -> None:
        """The PBX takes the code that was dialled last, or not."""
        key = next(one.call for one in reversed(self.phone.requests) if isinstance(one, link.Dial))
        over = replace(ended(key=key), answered_at=1.0 if answered else None, reason=reason)
        calls = [active(key=key), over] if answered else [over]
        assert [self.codes.told(call) for call in calls] == [True] * len(calls)


def test_log_in_pause_and_out_one_after_the_other() -> None:
    desk = Desk()
    desk.codes.want(BREAK)
    desk.tick()
    desk.tick()
    assert desk.dialled == ["*45"], "the next code waits for this one"
    desk.take()
    desk.tick()
    desk.take()
    assert desk.views[-1] == QueueView(told=True)
    desk.codes.want(READY)
    desk.tick()
    desk.take()
    desk.codes.want(QueueWish(member=False, paused=False))
    desk.tick()
    desk.take()
    desk.tick()
    assert desk.dialled == ["*45", "*47", "*48", "*46"]


def test_no_code_is_dialled_in_a_call() -> None:
    desk = Desk()
    desk.codes.want(READY)
    desk.tick(busy=True)
    assert desk.dialled == []
    desk.tick()
    assert desk.dialled == ["*45"]


def test_the_last_wish_counts() -> None:
    desk = Desk()
    desk.codes.want(READY)
    desk.tick()
    desk.codes.want(BREAK)
    desk.codes.want(READY)
    desk.take()
    desk.tick()
    assert desk.dialled == ["*45"]


def test_a_refusal_is_said_and_not_repeated_until_it_is_wanted_again() -> None:
    desk = Desk()
    desk.codes.want(READY)
    desk.tick()
    desk.take(answered=False, reason="The number does not exist.")
    assert desk.views[-1].problem == "The PBX did not take the code *45: The number does not exist."
    desk.tick()
    desk.tick()
    assert desk.dialled == ["*45"]
    desk.codes.want(READY)
    desk.tick()
    assert desk.dialled == ["*45", "*45"]


def test_a_code_nobody_answers_is_hung_up() -> None:
    desk = Desk()
    desk.codes.want(READY)
    desk.tick()
    desk.tick(11)
    assert isinstance(desk.phone.requests[-1], link.HangUp)


def test_a_pbx_that_goes_on_speaking_is_hung_up() -> None:
    desk = Desk()
    desk.codes.want(READY)
    desk.tick()
    key = next(one.call for one in desk.phone.requests if isinstance(one, link.Dial))
    desk.codes.told(active(key=key))
    for _ in range(6):
        desk.tick()
    assert desk.phone.requests[-1] == link.HangUp(call=key)
    desk.codes.told(ended(key=key))
    assert desk.views[-1].told


def test_codes_that_are_not_set_are_not_dialled() -> None:
    desk = Desk(QueueCodes(pause="*47", unpause="*48"))
    desk.codes.want(READY)
    desk.tick()
    desk.codes.want(BREAK)
    for _ in range(3):
        desk.tick()
    assert desk.dialled == ["*47"]


def test_a_phone_that_is_away_says_so() -> None:
    desk = Desk()

    def away(request: link.Request) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(PhoneAwayError("The phone is away."))
        return future

    desk.codes._send = away
    desk.codes.want(READY)
    desk.tick()
    assert desk.views[-1].problem == "The code *45 was not dialled: The phone is away."


def test_other_calls_are_none_of_it() -> None:
    assert Desk().codes.told(ringing()) is False
