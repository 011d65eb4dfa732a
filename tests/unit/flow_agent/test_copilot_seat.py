"""The co-pilot wired as on a seat: the real Desk, flow agents beside it, what it asks of the phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from halodesk.app import copilot as app
from halodesk.engine import events as e
from halodesk.engine.errors import PhoneAwayError
from halodesk.engine.flow_agent.manner import Manner
from halodesk.protocol import phone_link as link
from halodesk.protocol.phone_link import FarSound, HearCall, NearSound, StopHearing
from halodesk.runtime.flow_agent.copilot_ear import Ear
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from halodesk.runtime.settings import Settings
from tests.fakes.copilot import FakeEar, heard
from tests.fakes.flow_agent import sample_flow
from tests.fakes.live_line import FakeLine
from tests.fakes.phone import active, ended
from tests.fakes.seat import Seat

LABEL = "Place an order"
"""Of the first button of the sample."""


class Phone:
    """The keeper, as far as who listens needs it."""

    def __init__(self) -> None:
        self.asked: list[link.Request] = []

    @property
    def client(self) -> Phone:
        return self

    async def request(self, request: link.Request) -> link.Reply:
        self.asked.append(request)
        return link.Done()


class Wired:
    """A seat with a call, flow agents and the co-pilot."""

    def __init__(self, seat: Seat, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.seat, self.phone = seat, Phone()
        self.ears: list[FakeEar] = []
        self.locked = False
        monkeypatch.setattr(app, "open_ear", self._open)
        library = Library(folder)
        library.add(sample_flow())
        self.live = LiveAgents(
            library,
            seat.desk,
            io=seat.io,
            post=seat.posted.put,
            open_line=self._line,
            open_models=lambda: [ScriptedLLM(())],
            tools=MockTools(sample_flow()),
        )
        self.hearings = app.Hearings(lambda: self.phone)  # type: ignore[arg-type, return-value]  # enough of it
        self.then: list[link.Notice] = []
        self.notice = self.hearings.first(self.then.append)
        self.away = self.hearings.first_away(lambda error: None)
        self.copilot = app.open_copilot(
            self.live,
            seat.desk,
            self.hearings,
            Settings(**settings),
            io=seat.io,
            post=seat.posted.put,
            models=lambda: [ScriptedLLM((Completion(),))],
            manner=Manner(),
            locked=lambda: self.locked,
        )

    async def _open(self, given: object) -> Ear:
        self.ears.append(FakeEar())
        return Ear(stt=self.ears[-1])

    async def _line(self, call: link.CallInfo) -> FakeLine:
        return FakeLine(call)

    def begin(self) -> None:
        self.seat.take()
        self.live.assist("")
        self.seat.until(lambda: self.live.view.copilot.listening == "here")

    def sound(self, notice: link.Notice) -> None:
        self.seat.io.call(self.notice, notice)
        self.seat.turn()


@pytest.fixture
def wire(seat: Seat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Wired]]:
    made: list[Wired] = []

    def make(**settings: Any) -> Wired:
        made.append(Wired(seat, tmp_path, monkeypatch, **settings))
        return made[-1]

    yield make
    for one in made:
        if one.copilot is not None:
            one.copilot.close()
        one.live.close()


def test_the_view_has_it_and_an_accepted_proposal_is_on_disk(seat: Seat, wire: Callable[..., Wired]) -> None:
    wired = wire()
    wired.begin()
    assert (wired.live.view.mode, wired.phone.asked) == ("copilot", [HearCall(call=active().key)])
    seat.io.call(wired.ears[0].hear, heard(LABEL))
    seat.until(lambda: bool(wired.live.view.proposals))
    assert wired.live.accept(wired.live.view.proposals[0].id) is None
    assert seat.at == "gather"
    facts = [fact for fact in seat.events if isinstance(fact, e.ProposalSettled)]
    assert [(fact.accepted, fact.by, fact.choice) for fact in facts] == [(True, "Ann", "call_type=order")]
    wired.live.dismiss()
    assert (wired.live.view.mode, wired.live.view.call) == ("", "")
    seat.until(lambda: StopHearing(call=active().key) in wired.phone.asked)


def test_both_speakers_are_heard_where_a_model_reads_them(seat: Seat, wire: Callable[..., Wired]) -> None:
    wired = wire(llm=({"provider": "openai", "model": "m"},))
    wired.begin()
    assert wired.phone.asked == [HearCall(call=active().key, near=True)]
    wired.sound(FarSound(call=active().key, pcm=bytes(640)))
    wired.sound(NearSound(call=active().key, pcm=bytes(320)))
    wired.sound(FarSound(call="another", pcm=bytes(640)))
    wired.seat.turn()
    assert [ear.fed for ear in wired.ears] == [640, 320]
    assert wired.then == [
        FarSound(call=active().key, pcm=bytes(640)),
        FarSound(call="another", pcm=bytes(640)),
    ]


def test_a_flow_agent_that_is_put_on_the_call_sends_it_off(seat: Seat, wire: Callable[..., Wired]) -> None:
    wired = wire(copilot=True)
    seat.take()
    seat.until(lambda: wired.live.view.copilot.listening == "here")
    wired.live.begin("test-agent")
    seat.until(lambda: wired.live.view.mode == "agent")
    seat.until(lambda: StopHearing(call=active().key) in wired.phone.asked)
    assert not wired.live.view.copilot.on
    assert wired.live.view.proposals == ()


def test_nobody_is_advised_at_a_locked_window(seat: Seat, wire: Callable[..., Wired]) -> None:
    wired = wire(copilot=True)
    seat.take()
    seat.until(lambda: wired.live.view.copilot.listening == "here")
    wired.locked = True
    assert wired.copilot is not None
    wired.copilot.look()
    assert wired.live.view.mode == ""
    wired.locked = False
    wired.copilot.look()
    seat.until(lambda: wired.live.view.copilot.listening == "here")


def test_a_phone_that_dies_ends_the_hearing(seat: Seat, wire: Callable[..., Wired]) -> None:
    wired = wire()
    wired.begin()
    seat.io.call(wired.away, PhoneAwayError("The phone stopped.", ""))
    seat.until(lambda: wired.live.view.mode == "")


def test_the_end_of_the_call_is_the_end_of_it(seat: Seat, wire: Callable[..., Wired]) -> None:
    wired = wire()
    wired.begin()
    wired.sound(link.CallChanged(call=ended()))
    seat.until(lambda: wired.live.view.mode == "")
    assert all(ear.closed for ear in wired.ears)


def test_the_settings_may_take_it_away(seat: Seat, wire: Callable[..., Wired]) -> None:
    wired = wire(copilot=False)
    seat.take()
    wired.live.assist("")
    assert wired.live.view.copilot.possible is False
    assert wired.live.accept(1) is None
