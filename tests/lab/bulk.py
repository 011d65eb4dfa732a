"""Many calls, one after another: sipp calls the phone, or the phone calls sipp."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import AnswerCall, CallChanged, Dial, HangUp, Notice
from tests.lab.pbx import HOST
from tests.lab.phones import Seat
from tests.lab.sipp import Sipp, acknowledge, answered, ask, expect, pause, reply, reply_within, sdp

HELD_MS = 100
FREE_S = 5.0
"""pjsua2 gives a line free a moment after the end of its call."""


@dataclass
class Counted:
    """What became of the calls, seen from the phone."""

    done: int = 0
    failed: list[str] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    setup_ms: list[float] = field(default_factory=list)
    """INVITE to answered media of each call that was made from here."""


class _Follower:
    """Takes the notices in the order they come."""

    def __init__(self, seat: Seat) -> None:
        self._seat, self._at = seat, 0
        seat.forget()

    def next(self, what: str) -> CallChanged:
        """The next news of a call."""
        while True:
            seen = self._at

            def found(notice: Notice, seen: int = seen) -> tuple[int, Notice] | None:
                place = next(i for i, known in enumerate(self._seat.notices) if known is notice)
                return (place, notice) if place >= seen else None

            place, notice = self._seat.wait(what, found, 40)
            self._at = place + 1
            if self._at > 500:
                del self._seat.notices[: self._at]
                self._at = 0
            if isinstance(notice, CallChanged):
                return notice


def calls_in(seat: Seat, folder: Path, count: int) -> Counted:
    """sipp calls `count` times and hangs up; the phone answers each."""
    scene = (
        ask("INVITE", body=sdp()),
        answered(100, optional=True),
        answered(180),
        answered(200),
        acknowledge(),
        pause(HELD_MS),
        ask("BYE", number=2, within=True),
        answered(200),
    )
    counted, process, news = Counted(), psutil.Process(seat.client.pid), _Follower(seat)
    with Sipp(folder, *scene, to=f"{HOST}:{seat.port()}", calls=count, l="1", r="50") as sipp:
        while counted.done < count:
            call = news.next(f"call {counted.done} of {count}").call
            if call.state == "incoming":
                seat.ask(AnswerCall(call=call.key))
            elif call.state == "ended":
                _over(counted, process, call.reason == "Ended by the other side.", call.reason)
        sipp.wait()
    return counted


def calls_out(seat: Seat, folder: Path, count: int) -> Counted:
    """The phone calls sipp `count` times and hangs up."""
    scene = (
        expect("INVITE"),
        reply("180 Ringing"),
        reply("200 OK", body=sdp()),
        expect("ACK"),
        expect("BYE"),
        reply_within("200 OK"),
    )
    counted, process, news = Counted(), psutil.Process(seat.client.pid), _Follower(seat)
    with Sipp(folder, *scene, calls=count) as sipp:
        _dial(seat, sipp, 0)
        while counted.done < count:
            call = news.next(f"call {counted.done} of {count}").call
            if call.state == "active" and call.setup_ms is not None and call.hold == "off":
                counted.setup_ms.append(call.setup_ms)
                try:
                    seat.ask(HangUp(call=call.key))
                except PhoneRefusedError:  # it was told before, and is over
                    continue
            elif call.state == "ended":
                _over(counted, process, call.reason == "Ended here.", call.reason)
                if counted.done < count:
                    _dial(seat, sipp, counted.done)
        sipp.wait()
    return counted


def _dial(seat: Seat, sipp: Sipp, number: int) -> None:
    request = Dial(call=f"bulk-{sipp.port}-{number}", account="direct", to=f"sip:700@{HOST}:{sipp.port}")
    end = time.monotonic() + FREE_S
    while True:
        try:
            seat.ask(request)
        except PhoneRefusedError:
            if time.monotonic() > end:
                raise
        else:
            return


def _over(counted: Counted, process: psutil.Process, well: bool, reason: str) -> None:
    counted.done += 1
    if not well:
        counted.failed.append(reason)
    if counted.done % 20 == 0:
        counted.rss_mb.append(process.memory_info().rss / 1e6)
