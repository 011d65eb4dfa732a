"""Recorded sessions on another version: the same way, or where the ways part."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.flow import Flow, from_builtins
from halodesk.engine.rehearse import Divergence, rehearse
from halodesk.engine.simulate import FunctionValue
from tests.fakes.functions import functions
from tests.fakes.order import Run, sample, sample_document, small
from tests.fakes.steps import ALL, NEXT, fill, page_step, walk_to
from tests.histories.make import order
from tests.unit.test_all_steps import settle

Document = dict[str, Any]


def step(document: Document, key: str) -> Document:
    return next(one for one in document["steps"] if one["key"] == key)


def bent(bend: Callable[[Document], object]) -> Flow:
    document = sample_document()
    bend(document)
    return from_builtins(document)


def parted(run: Run, candidate: Flow) -> Divergence | None:
    with functions() as port:
        return rehearse(run.flow, candidate, run.events, port, now=1_800_000_000.0)


def test_a_whole_order_goes_the_same_way_on_its_own_version() -> None:
    assert parted(order(), sample()) is None


def test_texts_and_titles_change_nothing() -> None:
    assert parted(order(), bent(lambda d: step(d, "upsell").update(title="x"))) is None


def test_a_renamed_step_changes_nothing() -> None:
    document = sample_document()
    document["steps"] = json.loads(json.dumps(document["steps"]).replace('"gather"', '"caller"'))
    assert parted(order(), from_builtins(document)) is None


def test_another_limit_is_found_where_it_matters() -> None:
    candidate = bent(lambda d: step(d, "attempts_left")["routes"][0]["when"][0].update(value=2))
    found = parted(order(), candidate)
    assert found is not None
    assert (found.step, found.went, found.would) == ("attempts_left", "payment", "no_sale")
    assert (found.went_by, found.would_by) == ("Attempts left", "All attempts used")
    assert isinstance(order().events[found.at - 1], e.StepEntered)


def test_another_function_runs_anew() -> None:
    candidate = bent(lambda d: step(d, "attempts_left")["functions"][0].update(expression="attempts + 2"))
    found = parted(order(), candidate)
    assert found is not None
    assert (found.step, found.would) == ("attempts_left", "no_sale")


def test_a_step_in_between_is_named() -> None:
    def bend(document: Document) -> None:
        document["steps"].append({"key": "consent", "type": "script", "fallback": "main_offer"})
        step(document, "gather")["fallback"] = "consent"

    found = parted(order(), bent(bend))
    assert found is not None
    assert (found.step, found.went, found.would) == ("gather", "main_offer", "consent")


def test_a_field_that_must_be_filled_now_keeps_the_page() -> None:
    def bend(document: Document) -> None:
        step(document, "gather")["fields"].append({"name": "birthday", "type": "text", "required": True})

    found = parted(order(), bent(bend))
    assert found is not None
    assert found.step == "gather"
    assert "birthday is still missing" in found.reason


def test_an_option_that_is_gone_is_said() -> None:
    def bend(document: Document) -> None:
        step(document, "main_offer")["fields"][0]["options"].pop(1)

    found = parted(order(), bent(bend))
    assert found is not None
    assert found.step == "main_offer"
    assert "Choose one" in found.reason


def test_a_field_that_is_gone_is_no_difference_by_itself() -> None:
    assert parted(order(), bent(lambda d: step(d, "billing")["fields"].pop(3))) is None


def test_an_end_that_is_not_reached_is_said() -> None:
    def bend(document: Document) -> None:
        step(document, "end")["fields"].append({"name": "why", "type": "text", "required": True})

    found = parted(order(), bent(bend))
    assert found is not None
    assert "why is still missing" in found.reason


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("start", "end")])
def test_every_step_type_goes_the_same_way_again(kind: str) -> None:
    run = walk_to(kind)
    settle(run)
    if run.at == "it":
        fill(run)
        choice = run.page.choices[0].key if run.page.choices else ""
        run.submit(choice)
        settle(run)
    assert run.at != "it"
    assert parted(run, run.flow) is None


def test_a_hang_up_in_mid_flow_goes_the_same_way() -> None:
    run = Run().to_offer().do(c.LoseCall(reason="Bye.", by="caller"))
    run.answer(disposition="call_lost").submit()
    assert parted(run, sample()) is None


def test_a_condition_on_the_caller_is_asked_again() -> None:
    old = small(page_step("page"), page_step(NEXT))
    new = small(
        page_step(
            "page",
            routes=[{"to": NEXT, "when": [{"variable": "call.number", "op": "starts_with", "value": "+1"}]}],
        ),
        page_step(NEXT),
    )
    found = parted(Run(old).submit().submit(), new)
    assert found is not None
    assert (found.went, found.would) == ("end", NEXT)


def test_nothing_recorded_is_nothing_changed() -> None:
    assert rehearse(sample(), sample(), [], lambda *_: FunctionValue(), now=0.0) is None
