"""A step for a role: who lacks it changes nothing there, whoever has it opens one visit of it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.core import decide
from halodesk.engine.evolve import evolve, fold
from halodesk.engine.flow import Flow
from halodesk.engine.page import page
from halodesk.engine.places import named_roles
from halodesk.engine.roles import roles_of
from halodesk.engine.session import Session
from tests.fakes.order import Run

AGENT, BOSS = Moment(roles=roles_of("agent")), Moment(roles=roles_of("supervisor"))


def gated(role: str = "supervisor") -> tuple[Flow, Session]:
    """The sample at its offer, which is for that role."""
    run = Run().to_offer()
    steps = tuple(
        replace(step, required_role=role) if step.key == run.state.step else step for step in run.flow.steps
    )
    return replace(run.flow, steps=steps), run.state


def unlock(state: Session, role: str = "supervisor", **changes: Any) -> c.UnlockStep:
    values: dict[str, Any] = {
        "step": state.step,
        "visit": state.visit,
        "by": "Sam",
        "roles": roles_of(role),
    } | changes
    return c.UnlockStep(**values)


@pytest.mark.parametrize(
    "command",
    [
        c.Submit(choice="offer_response=yes"),
        c.Submit(),
        c.Answer(field="offer_response", raw="yes"),
        c.EnterSecret(field="card_number", handle="h"),
    ],
)
def test_without_the_role_nothing_moves(command: c.Command) -> None:
    flow, state = gated()
    refused = decide(flow, state, command, AGENT)
    assert isinstance(refused, c.Refused)
    assert (refused.code, refused.message) == ("role", "This step is for a supervisor.")
    assert isinstance(decide(flow, state, command), c.Refused), "nor where nobody said who works here"


def test_what_needs_no_role() -> None:
    flow, state = gated()
    for command in (c.Back(), c.AddNote(text="asks for a supervisor"), c.LoseCall(reason="x", by="caller")):
        assert not isinstance(decide(flow, state, command, AGENT), c.Refused)


@pytest.mark.parametrize("role", ["supervisor", "admin"])
def test_who_has_it_works_on(role: str) -> None:
    flow, state = gated()
    done = decide(flow, state, c.Submit(choice="offer_response=yes"), Moment(roles=roles_of(role)))
    assert not isinstance(done, c.Refused)


def test_everybody_is_an_agent() -> None:
    flow, state = gated("agent")
    assert not isinstance(decide(flow, state, c.Submit(choice="offer_response=yes")), c.Refused)


def test_opened_for_one_visit_and_it_stays_in_the_record() -> None:
    flow, state = gated()
    done = decide(flow, state, unlock(state), AGENT)
    assert not isinstance(done, c.Refused)
    (fact,) = done
    assert isinstance(fact, e.VariableSet)
    assert fact.value == {"visit": state.visit, "by": "Sam", "role": "supervisor"}
    opened = evolve(state, fact)
    assert page(flow, opened, AGENT.roles).for_role == ""
    done = decide(flow, opened, c.Submit(choice="offer_response=yes"), AGENT)
    assert not isinstance(done, c.Refused)
    later = fold_on(opened, done)
    back = decide(flow, later, c.Back(), AGENT)
    assert not isinstance(back, c.Refused)
    again = fold_on(later, back)
    assert again.step == state.step
    assert page(flow, again, AGENT.roles).for_role == "supervisor", "another visit, locked again"


def fold_on(state: Session, events: list[e.AnyEvent]) -> Session:
    for event in events:
        state = evolve(state, event)
    return state


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"step": "start"}, "other_step"),
        ({"visit": 9}, "other_step"),
        ({"roles": roles_of("team_lead")}, "role"),
    ],
)
def test_who_cannot_open_it(changes: dict[str, Any], code: str) -> None:
    flow, state = gated()
    refused = decide(flow, state, unlock(state, **changes), AGENT)
    assert isinstance(refused, c.Refused)
    assert refused.code == code


def test_the_page_says_whom_it_is_for() -> None:
    flow, state = gated()
    shut = page(flow, state, AGENT.roles)
    assert (shut.for_role, shut.choices) == ("supervisor", ())
    assert all(field.locked and field.why == "For a supervisor." for field in shut.fields)
    assert page(flow, state, BOSS.roles).for_role == ""
    assert page(flow, state).for_role == "", "a replay is only looked at"


def test_somebody_else_goes_on_and_it_is_told() -> None:
    run = Run().to_offer()
    done = decide(run.flow, run.state, c.TakeOver(agent="Lou"), AGENT)
    assert not isinstance(done, c.Refused)
    (fact,) = done
    assert isinstance(fact, e.Incident)
    assert fact.code == "taken_over"
    assert "Lou goes on" in fact.message
    assert decide(run.flow, run.state, c.TakeOver(agent=run.state.agent), AGENT) == []


def test_the_simulator_knows_the_role() -> None:
    flow, _ = gated()
    assert "supervisor" in named_roles(flow)
    assert fold(()) == Session()
