"""A proposal in the engine: taken by the rules of what is typed, whole or not at all, and kept."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine import flow as flows
from halodesk.engine.core import decide
from halodesk.engine.evolve import fold
from halodesk.engine.replay import frames
from halodesk.engine.session import Session
from halodesk.store.erasing import _names
from halodesk.store.record import _words
from tests.fakes.copilot import FLOW

ORDER = flows.from_builtins(FLOW)


def begun() -> Session:
    started = decide(ORDER, Session(), c.Start(agent="Ann"))
    assert isinstance(started, list)
    return fold(started)


def proposal(**more: Any) -> c.SettleProposal:
    given: dict[str, Any] = {
        "step": "ask",
        "visit": 1,
        "accepted": True,
        "title": "Boxes: 3",
        "by": "Ann",
        "source": "words",
        "because": "three please",
        "values": {"boxes": "3"},
    }
    return c.SettleProposal(**(given | more))


def test_it_is_a_fact_with_the_answers_behind_it() -> None:
    found = decide(ORDER, begun(), proposal())
    assert isinstance(found, list)
    assert [type(event) for event in found] == [e.ProposalSettled, e.AnswerGiven]
    assert found[1] == e.AnswerGiven(step="ask", field="boxes", value=3)


def test_a_way_on_fills_in_and_leaves_the_page() -> None:
    found = decide(ORDER, begun(), proposal(choice=""))
    assert isinstance(found, list)
    kinds = [type(event) for event in found]
    assert kinds == [e.ProposalSettled, e.AnswerGiven, e.Submitted, e.StepEntered]


def test_turned_down_it_is_a_fact_and_nothing_else() -> None:
    found = decide(ORDER, begun(), proposal(accepted=False))
    assert isinstance(found, list)
    assert [type(event) for event in found] == [e.ProposalSettled]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"values": {"boxes": "3", "size": "huge"}}, "invalid"),
        ({"values": {"boxes": 99}}, "invalid"),
        ({"values": {"weight": 1}}, "no_such_field"),
        ({"values": {"plan": "gold"}}, "no_such_field"),
        ({"visit": 2}, "other_step"),
        ({"step": "sure"}, "other_step"),
        ({"choice": "pay=now"}, "no_such_choice"),
        ({"because": "it is 4111 1111 1111 1111"}, "invalid"),
        ({"values": {"name": "4111111111111111"}}, "invalid"),
    ],
)
def test_one_no_is_a_no_to_all_of_it(more: dict[str, Any], code: str) -> None:
    found = decide(ORDER, begun(), proposal(**more))
    assert isinstance(found, c.Refused)
    assert found.code == code


def test_a_sensitive_page_takes_none() -> None:
    state = replace(begun(), step="secret", visit=1)
    found = decide(ORDER, state, proposal(step="secret", values={"colour": "red"}))
    assert isinstance(found, c.Refused)
    assert found.code == "sensitive"


def test_a_page_for_a_role_takes_none_from_others() -> None:
    steps = [{**step, "required_role": "supervisor"} for step in FLOW["steps"]]
    guarded = flows.from_builtins({**FLOW, "steps": steps})
    found = decide(guarded, begun(), proposal())
    assert isinstance(found, c.Refused)
    assert found.code == "role"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_replay_says_who_took_what_a_machine_proposed(accepted: bool) -> None:
    started = decide(ORDER, Session(), c.Start(agent="Ann"))
    assert isinstance(started, list)
    done = decide(ORDER, fold(started), proposal(accepted=accepted, source="openai/m-1"))
    assert isinstance(done, list)
    shown = [_words(ORDER, frame) for frame in frames(ORDER, [*started, *done])]
    verdict = "accepted" if accepted else "turned down"
    assert f"Proposed by openai/m-1: Boxes: 3, from “three please” – {verdict} by Ann" in shown


def test_words_alone_are_the_recognisers() -> None:
    started = decide(ORDER, Session(), c.Start(agent="Ann"))
    assert isinstance(started, list)
    done = decide(ORDER, fold(started), proposal(because=""))
    assert isinstance(done, list)
    shown = [_words(ORDER, frame) for frame in frames(ORDER, [*started, *done])]
    assert "Proposed by the recogniser: Boxes: 3 – accepted by Ann" in shown


def test_erasing_a_field_takes_what_was_proposed_for_it() -> None:
    fact = e.ProposalSettled(
        step="sure",
        visit=1,
        accepted=True,
        title="No",
        by="Ann",
        source="words",
        because="no",
        choice="agreed=false",
    )
    filled = replace(fact, choice=None, values={"agreed": False})
    assert _names(fact, "agreed", set())
    assert _names(filled, "agreed", set())
    assert not _names(fact, "boxes", set())
