"""Flow agents at the pages of the session in hand, on its call: offered, and by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as s
from halodesk.engine.flow import Flow
from halodesk.protocol import phone_link as link
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.flow_agent.halo_live import OFFER, HaloAgents
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from halodesk.runtime.live_agent_port import LiveView
from tests.fakes.flow_agent import sample_flow
from tests.fakes.gateway import FakeGateway
from tests.fakes.halo_drive import does, says
from tests.fakes.live_line import FakeLine
from tests.fakes.order import small
from tests.fakes.phone import active
from tests.fakes.recorder import FakeRecorder
from tests.fakes.seat import Seat
from tests.fakes.store import FakeStore


def flow(driver: str) -> Flow:
    return small(
        {
            "key": "ask",
            "type": "script",
            "driver": driver,
            "fields": [{"name": "why", "type": "text", "label": "Why", "required": True}],
            "fallback": "secret",
        },
        {"key": "secret", "type": "mask_call", "title": "Secret", "fields": [], "fallback": "rest",
         "config": {"on_failure": "rest"}},
        {"key": "rest", "type": "script", "driver": driver, "fallback": "end"},
    )  # fmt: skip


def mode(here: World) -> str:
    """Who speaks."""
    return here.view.mode


def offered(here: World) -> list[str]:
    """Who may be put on the call."""
    return list(here.view.agents)


class World:
    """A seat with a call, and a model that follows a script."""

    def __init__(self, folder: Path, driver: str, *script: Completion, models: bool = True) -> None:
        self.seat = Seat(FakeStore(), FakeRecorder(), FakeGateway(), flow=flow(driver))
        self.lines: list[FakeLine] = []
        self.model = ScriptedLLM(script)
        self.live = LiveAgents(
            Library(folder),
            self.seat.desk,
            io=self.seat.io,
            post=self.seat.posted.put,
            open_line=self._open,
            open_models=lambda: [self.model] if models else [],
            tools=MockTools(sample_flow()),
        )
        self.halo = HaloAgents(self.live, self.seat.desk, post=self.seat.posted.put, models=lambda: models)

    async def _open(self, call: CallInfo) -> FakeLine:
        self.lines.append(FakeLine(call))
        return self.lines[-1]

    def hear(self, text: str) -> None:
        self.seat.io.call(self.lines[-1].hear, text, 1.0)

    @property
    def view(self) -> LiveView:
        """What the window sees."""
        return self.live.view

    def told(self, words: str) -> None:
        """The agent has said it."""
        self.seat.until(lambda: any(one.text == words for one in self.live.view.said))

    def close(self) -> None:
        self.halo.close()
        self.live.close()
        self.seat.io.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Any]:
    made: list[World] = []

    def make(driver: str, *script: Completion, **more: Any) -> World:
        made.append(World(tmp_path, driver, *script, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_step_of_a_flow_agent_starts_it_and_a_masked_one_gives_the_human_the_call(world: Any) -> None:
    here: World = world(
        "flow_agent",
        says("Why do you call?"),
        does("continue", why="A bill."),
        says("That was all."),
        does("continue"),
        does("end_call", goodbye="Goodbye."),
    )
    seat = here.seat
    seat.take()
    assert mode(here) == ""
    seat.do(c.Submit())
    here.told("Why do you call?")
    assert mode(here) == "agent"
    here.hear("A bill.")
    seat.until(lambda: mode(here) == "human")
    assert seat.at == "secret"
    assert "no flow agent may hear" in here.view.problem
    seat.until(lambda: seat.mask == "held")
    here.live.hand_back()
    assert mode(here) == "human", "not while the mask is held"
    seat.do(c.Submit())
    seat.until(lambda: seat.mask == "none")
    here.live.hand_back()
    here.told("That was all.")
    assert seat.at == "rest"
    here.hear("Thank you.")
    seat.until(lambda: here.view.reason == "end_call")
    assert seat.at == "end"
    assert [one.text for one in here.view.said][-1] == "Goodbye."
    began = [one for one in seat.events if isinstance(one, s.FlowAgentBegan)]
    assert [(one.agent, one.by) for one in began] == [("Small", "Small")], "one conversation, two drivers"


def test_a_step_of_either_is_offered_and_begins_when_the_human_says_so(world: Any) -> None:
    here: World = world("either", says("Why do you call?"))
    seat = here.seat
    seat.take()
    assert offered(here) == [], "the first page is a human's"
    seat.do(c.Submit())
    assert offered(here) == [OFFER]
    seat.still()
    assert mode(here) == "", "it does not begin by itself"
    here.live.begin(OFFER)
    here.told("Why do you call?")
    (began,) = [one for one in seat.events if isinstance(one, s.FlowAgentBegan)]
    assert began.by == "Ann"


def test_a_call_on_its_way_moves_no_page_that_a_human_has_taken(world: Any) -> None:
    here: World = world(
        "flow_agent", says("Why do you call?"), does("continue", why="A bill."), says("Where were we?")
    )
    seat = here.seat
    seat.take()
    seat.do(c.Submit())
    here.told("Why do you call?")
    seat.still()
    here.hear("A bill.")
    for _ in range(1000):
        seat.turn()
        if here.model.left == 1:  # the model has called; the main thread, this one, has not heard of it
            break
    here.live.take_over()
    seat.until(
        lambda: any(one.kind == "taken_over" for one in seat.events if isinstance(one, s.FlowAgentActed))
    )
    seat.still()
    assert seat.at == "ask"
    assert seat.desk.session is not None
    assert "why" not in seat.desk.session.state.values
    here.live.hand_back()
    here.told("Where were we?")


def test_a_page_that_a_human_works_on_is_followed_on_the_call(world: Any) -> None:
    here: World = world("flow_agent", says("Why do you call?"), says("And this is the rest."))
    seat = here.seat
    seat.take()
    seat.do(c.Submit())
    here.told("Why do you call?")
    here.live.take_over()
    seat.do(c.Answer(field="why", raw="Else."))
    seat.do(c.Submit())
    seat.until(lambda: seat.mask == "held")
    seat.do(c.Submit())
    seat.until(lambda: seat.mask == "none")
    here.live.hand_back()
    here.told("And this is the rest.")
    assert "ssn" not in str(here.model.requests)


@pytest.mark.parametrize("driver", ["flow_agent", "either"])
def test_without_a_model_the_step_is_the_humans(world: Any, driver: str) -> None:
    here: World = world(driver, models=False)
    seat = here.seat
    seat.take()
    seat.do(c.Submit())
    seat.still()
    assert mode(here) == ""
    assert offered(here) == []
    said = [notice.message for notice in seat.desk.notices]
    assert said == (
        ["The step “ask” is for a flow agent. There is no model that could speak."]
        if driver == "flow_agent"
        else []
    )
    seat.do(c.Answer(field="why", raw="A bill."))
    seat.do(c.Submit())


def test_none_begins_while_the_call_is_on_hold(world: Any) -> None:
    here: World = world("flow_agent")
    seat = here.seat
    seat.take()
    seat.desk.phone_notice(link.CallChanged(call=active(hold="on")))
    seat.do(c.Submit())
    seat.still()
    assert mode(here) == ""
    assert "hold" in seat.desk.notices[-1].message
    assert offered(here) == []
    seat.desk.phone_notice(link.CallChanged(call=active()))
    assert offered(here) == [OFFER]
