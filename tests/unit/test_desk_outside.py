"""The desk and the outside ports: asked once the facts are on disk, ended with their page, said in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.runtime.effect_ports import MailAnswer
from tests.fakes.gateway import FakeGateway
from tests.fakes.order import small
from tests.fakes.outside import FakeBrowser, FakeMail, FakeZips, Place
from tests.fakes.recorder import FakeRecorder
from tests.fakes.seat import Seat
from tests.fakes.steps import STEPS, page_step
from tests.fakes.store import FakeStore


async def nothing_waits() -> None:
    """Comes back when nothing but this runs on the io thread; a task that is cancelled takes its turns."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


@contextmanager
def seat_on(kind: str, **ports: Any) -> Iterator[Seat]:
    """A seat whose call has reached a step of that type."""
    flow = small({"key": "it", "type": kind, "fallback": "after", **STEPS[kind]}, page_step("after"))
    seat = Seat(FakeStore(), FakeRecorder(), FakeGateway(), flow, **ports)
    try:
        seat.take()
        seat.do(c.Submit())
        yield seat
    finally:
        if not seat.io.loop.is_closed():
            seat.io.close()


def test_a_mail_goes_out_as_the_step_is_reached() -> None:
    mail = FakeMail(MailAnswer(verdict="queued"))
    with seat_on("email", mail=mail) as seat:
        seat.until(lambda: seat.at == "after")
        assert len(mail.sent) == 1
        session = seat.desk.session
        assert session is not None
        assert session.state.values["email_sent"]["status"] == "queued"
        assert next(iter(mail.sent)).startswith(session.id)


def test_a_seat_without_mail_says_so_and_goes_on() -> None:
    with seat_on("email") as seat:
        seat.until(lambda: seat.at == "after")
        told = [event.message for event in seat.events if isinstance(event, e.Incident)]
        assert told == ["This seat cannot send mail. Nothing was sent."]


def test_a_place_is_found() -> None:
    with seat_on("zip_lookup", zips=FakeZips(Place())) as seat:
        seat.do(c.Answer(field="zip", raw="95060"))
        session = seat.desk.session
        assert session is not None
        seat.until(lambda: session.state.values.get("city") == "Santa Cruz")
        seat.do(c.Submit())
        assert seat.at == "after"


def test_a_visit_is_cancelled_when_its_page_is_left() -> None:
    browser = FakeBrowser()
    with seat_on("web_browser", browser=browser) as seat:
        seat.io.submit(browser.begun.wait()).result(10)
        seat.do(c.Submit(choice="on_failure"))
        assert seat.at == "end"
        seat.io.submit(browser.cancelled.wait()).result(10)


def test_a_wait_ends_by_the_clock() -> None:
    with seat_on("wait") as seat:
        page = seat.desk.page
        assert page is not None
        assert page.panel["until"] > 0
        (timer,) = (event for event in seat.events if isinstance(event, e.EffectRequested))
        assert timer.args["seconds"] == 30
        seat.do(c.Tick(now=timer.args["until"]))
        assert seat.at == "after"
        seat.io.submit(nothing_waits()).result(10)


def test_a_phone_that_cannot_transfer_says_so_in_words() -> None:
    with seat_on("transfer") as seat:
        seat.do(c.Submit())
        seat.until(lambda: seat.at == "end")
        told = [event.message for event in seat.events if isinstance(event, e.Incident)]
        assert told == ["The phone of this seat cannot transfer calls."]
