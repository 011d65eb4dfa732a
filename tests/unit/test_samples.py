"""The flows that ship: each sound and covered, together every type, action and operator there is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from halodesk.engine.conditions import OPERATORS
from halodesk.engine.explore import explore
from halodesk.engine.fields.encrypted import KINDS
from halodesk.engine.flow import Condition, Flow, Step, dump, load
from halodesk.engine.health import findings
from halodesk.engine.places import atoms, guards
from halodesk.engine.registry import cart_actions, field_types, step_types
from halodesk.engine.rules import is_sensitive
from halodesk.runtime.sandbox import SyntaxChecker
from tests.fakes.functions import functions
from tests.fakes.order import FLOWS, SAMPLE

TRADES = (
    "clinic-booking",
    "collections",
    "donation",
    "insurance-eligibility",
    "licensed-agent-transfer",
    "rider-survey",
    "tech-support",
    "utility-service",
)


@lru_cache
def flow_of(trade: str) -> Flow:
    return load(path_of(trade).read_bytes())


def path_of(trade: str) -> Path:
    return FLOWS / f"{trade}.flow.json"


def every() -> list[Flow]:
    return [load(SAMPLE.read_bytes()), *(flow_of(trade) for trade in TRADES)]


def steps() -> Iterator[Step]:
    for flow in every():
        yield from flow.every_step()


def compared() -> Iterator[Condition]:
    for step in steps():
        for guard in guards(step):
            yield from atoms(guard.when)


def test_these_are_the_flows_that_ship() -> None:
    assert {path.name for path in FLOWS.glob("*.flow.json")} == {
        SAMPLE.name,
        *(f"{trade}.flow.json" for trade in TRADES),
    }


def test_together_they_use_every_step_type() -> None:
    assert {step.type for step in steps()} == set(step_types())


def test_together_they_use_every_field_type() -> None:
    assert {field.type for step in steps() for field in step.fields} == set(field_types())


def test_together_they_use_every_cart_action() -> None:
    assert {action.action for step in steps() for action in step.cart_actions} == set(cart_actions())


def test_together_they_use_every_operator_and_alternatives() -> None:
    assert {condition.op for condition in compared()} == set(OPERATORS)
    assert any(one.any_of for step in steps() for guard in guards(step) for one in guard.when)


def test_together_they_use_every_kind_of_secret_and_of_hiding() -> None:
    fields = [field for step in steps() for field in step.fields]
    assert {field.kind for field in fields if field.type == "encrypted"} == set(KINDS)
    assert {field.retention for field in fields if field.type == "encrypted"} == {"capture", "sealed"}
    assert {field.on_hide for field in fields} == {"keep", "exclude", "clear"}
    assert any(field.validate for field in fields)
    assert any(field.required_when for field in fields)
    assert any(field.source for field in fields)


def test_together_they_use_every_way_of_transferring_and_looping() -> None:
    config = [(step.type, step.config) for step in steps()]
    assert {one["mode"] for kind, one in config if kind == "transfer"} == {"blind", "attended", "conference"}
    assert {one["target"] for kind, one in config if kind == "transfer"} == {"external", "queue", "agent"}
    assert {one["source"] for kind, one in config if kind == "for_each"} >= {"data_source", "api", "variable"}
    assert any("in" in one and "out" in one for kind, one in config if kind == "sub_script")


def test_secrets_are_asked_for_under_a_mask_only() -> None:
    asked = [step for step in steps() if any(field.type == "encrypted" for field in step.fields)]
    assert asked
    assert all(is_sensitive(step) for step in asked)
    assert {step.type for step in asked} == {"payment_form", "mask_call"}


@pytest.mark.parametrize("trade", TRADES)
def test_it_is_written_as_it_is_saved(trade: str) -> None:
    data = path_of(trade).read_bytes()
    assert dump(load(data)) == data
    assert flow_of(trade).key == trade


@pytest.mark.parametrize("trade", TRADES)
def test_the_health_check_finds_nothing(trade: str) -> None:
    with SyntaxChecker() as check:
        assert findings(flow_of(trade), check) == []


@pytest.mark.parametrize("trade", TRADES)
def test_no_two_calls_belong_to_two_flows(trade: str) -> None:
    def claims(flow: Flow) -> set[str]:
        config = next(step for step in flow.steps if step.type == "start").config
        return {*config["queues"], *config["did_patterns"], *config["campaigns"]}

    assert not any(claims(flow_of(trade)) & claims(other) for other in every() if other.key != trade)


@pytest.mark.parametrize("trade", TRADES)
def test_every_edge_and_every_outcome_is_reached(trade: str) -> None:
    with functions() as port:
        report = explore(flow_of(trade), port)
    assert report.missed == ()
    assert report.failures == ()
    assert report.dead == ()
    assert (report.edges_covered, report.outcomes_covered) == (report.edges, report.outcomes)
