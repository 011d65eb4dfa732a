"""Calls that a flow agent answers, by the setting of their line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as s
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent.document import Document
from halodesk.protocol import phone_link as link
from halodesk.runtime.flow_agent.answering import Answering, context_of
from halodesk.runtime.flow_agent.scripted import Completion
from halodesk.runtime.settings import FlowAgentLine
from tests.fakes.flow_agent import agent, node
from tests.fakes.live_agents import Live
from tests.fakes.phone import active, ended, ringing

ALWAYS = FlowAgentLine(answers="test-agent", when="always")
HEADERS = {"P-Asserted-Identity": '"Ann" <sip:+15550142@pbx>', "X-Customer-Id": "C7", "X-Verified": "yes"}


def document() -> Document:
    return agent(
        node("one", is_initial=True, is_terminal=True),
        greeting="Hello {{caller_name}} ({{customer_id}}).",
        context_variables={"customer_id": {"type": "string", "description": "Their number."}},
    )


class Seat:
    """A line with a flow agent on it."""

    def __init__(self, live: Live, rule: FlowAgentLine, *, ready: bool = True) -> None:
        self.live, self.ready, self.attended = live, ready, True
        self.answering = Answering(
            live.live,
            live.seat.desk,
            {"main": rule},
            ready=lambda: self.ready,
            attended=lambda: self.attended,
        )

    def ring(self, **more: Any) -> None:
        self.live.seat.desk.phone_notice(link.CallChanged(call=ringing(**more)))

    def answered(self) -> bool:
        return bool(self.live.seat.phone.of(link.AnswerCall))


@pytest.fixture
def line(open_: Callable[..., Live]) -> Callable[..., Seat]:
    return lambda rule=ALWAYS, **more: Seat(open_(Completion(), document=document()), rule, **more)


def test_it_answers_when_all_is_ready_and_speaks_first(line: Callable[..., Seat]) -> None:
    seat = line()
    seat.live.ready.clear()
    seat.ring(remote_name="Ann", headers=HEADERS)
    seat.live.seat.still()
    assert not seat.answered(), "no caller is answered by silence"
    seat.live.ready.set()
    seat.live.until(seat.answered)
    seat.live.seat.desk.phone_notice(link.CallChanged(call=active(remote_name="Ann", headers=HEADERS)))
    assert seat.live.seat.at == "start", "the flow of the number begins as ever"
    seat.live.until(lambda: seat.live.told() == ["Hello Ann (C7)."])
    began = seat.live.facts(s.FlowAgentBegan)[0]
    assert (began.agent, began.by) == ("test-agent", "")
    assert len(seat.live.lines) == 1
    seat.answering.close()


def test_while_the_agent_is_ready_the_call_is_theirs(line: Callable[..., Seat]) -> None:
    seat = line(FlowAgentLine(answers="test-agent"))
    seat.ring()
    seat.live.seat.still()
    assert not seat.answered()
    assert not seat.live.lines
    seat.live.seat.desk.phone_notice(link.CallChanged(call=ended()))
    seat.ready = False
    seat.ring(key="k2", sip_call_id="sip-2")
    seat.live.until(seat.answered)


@pytest.mark.parametrize("why", ["another line", "nobody signed in", "a session is open"])
def test_where_no_human_could_take_it_it_rings(why: str, line: Callable[..., Seat]) -> None:
    seat = line()
    seat.attended = False
    if why == "a session is open":
        seat.live.seat.take()
        seat.live.seat.desk.phone_notice(link.CallChanged(call=ended()))
    seat.attended = why != "nobody signed in"
    seat.ring(key="k2", sip_call_id="sip-2", account="second" if why == "another line" else "main")
    seat.live.seat.still()
    assert not seat.live.lines


def test_whoever_answers_by_hand_has_the_call(line: Callable[..., Seat]) -> None:
    seat = line()
    seat.live.ready.clear()
    seat.ring()
    seat.live.seat.still()
    seat.live.seat.desk.phone_notice(link.CallChanged(call=active()))
    seat.live.ready.set()
    seat.live.until(lambda: seat.live.lines)
    seat.live.seat.still()
    assert seat.live.line.did == ["close"]
    assert seat.live.view.mode == ""


def test_a_caller_who_gives_up_leaves_nothing_open(line: Callable[..., Seat]) -> None:
    seat = line()
    seat.ring()
    seat.live.until(seat.answered)
    seat.live.seat.desk.phone_notice(link.CallChanged(call=ringing(state="ended")))
    seat.live.seat.still()
    assert seat.live.line.did == ["close"]


@pytest.mark.parametrize("missing", ["agent", "voice"])
def test_what_is_missing_is_told_and_the_call_rings(missing: str, line: Callable[..., Seat]) -> None:
    seat = line(FlowAgentLine(answers="nobody" if missing == "agent" else "test-agent", when="always"))
    if missing == "voice":
        seat.live.refuse = SettingsError("Nothing here speaks.", "Install a voice.")
    seat.ring()
    seat.live.until(lambda: seat.live.seat.desk.notices)
    words = seat.live.seat.desk.notices[0].message
    assert words.startswith("No flow agent answers this call:")
    assert ("nobody" if missing == "agent" else "Nothing here speaks.") in words
    assert not seat.answered()


def test_headers_count_only_as_far_as_the_document_asks_for_them() -> None:
    found = context_of(document(), ringing(headers={**HEADERS, "X-Long": "x", "x-customer-id": "C" * 500}))
    assert found["asserted_number"] == "+15550142"
    assert len(found["customer_id"]) == 200
    assert "verified" not in found
    assert "long" not in found


def test_a_session_of_before_is_put_away_first(line: Callable[..., Seat]) -> None:
    seat = line()
    seat.attended = False
    seat.live.seat.take()
    seat.attended = True
    seat.live.seat.desk.phone_notice(link.CallChanged(call=ended()))
    seat.live.seat.do(c.Answer(field="disposition", raw="no_sale"))
    seat.live.seat.do(c.Submit())
    seat.live.seat.desk.close_session()
    seat.ring(key="k2", sip_call_id="sip-2")
    seat.live.until(seat.answered)
