"""zip_lookup: one place fills, several offer a pick, none is said; the agent may type over it."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.steps.zip_lookup import postal_code
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step, secret

CRUZ = {
    "code": "95060",
    "city": "Santa Cruz",
    "state": "CA",
    "timezone": "America/Los_Angeles",
    "tax_rate": "7.25",
}
SOQUEL = {**CRUZ, "city": "Soquel"}
FIELDS = [{"name": "zip", "type": "text", "required": True}, {"name": "city", "type": "text"}]


def lookup(before: dict[str, Any] | None = None, **config: Any) -> Run:
    step = {
        "key": "z",
        "type": "zip_lookup",
        "fallback": "after",
        "fields": FIELDS if before is None else FIELDS[1:],
        "config": {"zip": "zip", "targets": {"city": "city", "state": "region"}, **config},
    }
    return Run(
        small(before or page_step("ask", "z"), step, page_step("after"), page_step("by_hand"))
    ).submit()


def at_page(**config: Any) -> Run:
    return lookup(**config).submit()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("95060", "95060"),
        ("95060-1234", "95060"),
        ("950601234", "95060"),
        (" 95 060 ", "95060"),
        ("K1A 0B1", "K1A"),
        ("k1a0b1", "K1A"),
        ("K1A", "K1A"),
        ("K1A-0B1", "K1A"),
        ("9506", ""),
        ("95060-12", ""),
        ("D1A 0B1", ""),
        ("K1A 0B", ""),
        ("abcde", ""),
        ("", ""),
    ],
)
def test_codes(text: str, code: str) -> None:
    assert postal_code(text) == code


def test_one_place_fills_the_page() -> None:
    run = at_page().answer(zip="95060-1234")
    assert (run.ask().kind, run.ask().args) == ("zip", {"code": "95060"})
    assert run.page.waiting
    run.resolve(places=[CRUZ])
    assert (run.at, run.page.waiting, run.page.problem) == ("z", "", "")
    assert (run.state.values["city"], run.state.values["region"]) == ("Santa Cruz", "CA")
    assert run.submit().at == "after"
    assert fold(run.events) == run.state


def test_an_estimate_is_said_to_be_one() -> None:
    known = {
        "dma": "Monterey-Salinas", "dma_source": "estimated",
        "tax_label": "CA sales tax 7.25 %", "tax_source": "state or province base rate",
    }  # fmt: skip
    run = at_page().answer(zip="95060").resolve(places=[{**CRUZ, **known}])
    assert run.page.panel["sources"] == [
        "Market Monterey-Salinas: estimated.",
        "CA sales tax 7.25 %: state or province base rate.",
    ]
    run = at_page().answer(zip="95060").resolve(places=[CRUZ])
    assert run.page.panel["sources"] == []


def test_the_agent_may_type_over_it() -> None:
    run = at_page().answer(zip="95060").resolve(places=[CRUZ]).answer(city="Davenport")
    run.answer(zip="95060-0001")
    assert run.state.here is None, "the same code is not looked up again"
    assert run.submit().state.values["city"] == "Davenport"


def test_another_code_is_looked_up_anew() -> None:
    run = at_page().answer(zip="95060").resolve(places=[CRUZ]).answer(zip="94105")
    run.resolve(places=[{**CRUZ, "city": "San Francisco"}])
    assert run.state.values["city"] == "San Francisco"


def test_several_places_offer_a_pick() -> None:
    run = at_page().answer(zip="95073").resolve(places=[CRUZ, SOQUEL])
    assert [(one.key, one.label) for one in run.page.choices] == [
        ("pick=0", "Santa Cruz, CA"),
        ("pick=1", "Soquel, CA"),
        ("pick=none", "None of these"),
    ]
    assert run.refuse(c.Submit()).code == "not_chosen"
    assert run.refuse(c.Submit(choice="pick=7")).code == "not_offered"
    assert run.refuse(c.Submit(choice="pick=-1")).code == "not_offered"
    run.submit("pick=1")
    assert (run.at, run.state.values["city"]) == ("z", "Soquel")
    assert [one.key for one in run.page.choices] == [""]
    assert run.submit().at == "after"


def test_none_of_several_leaves_it_to_the_agent() -> None:
    run = (
        at_page()
        .answer(zip="95073")
        .resolve(places=[CRUZ, SOQUEL])
        .submit("pick=none")
        .answer(city="Elsewhere")
    )
    assert run.submit().state.values["city"] == "Elsewhere"


def test_typing_is_as_good_as_a_pick() -> None:
    run = at_page().answer(zip="95073").resolve(places=[CRUZ, SOQUEL]).answer(city="Elsewhere")
    assert run.submit().at == "after"


def test_a_code_nobody_knows() -> None:
    run = at_page().answer(zip="00000").resolve(places=[])
    assert "No place is known for 00000" in run.page.problem
    assert run.answer(city="Nowhere").submit().at == "after"
    run = at_page(on_miss="by_hand").answer(zip="00000").resolve(places=[])
    assert run.page.problem == ""
    assert run.submit().at == "by_hand"


def test_a_miss_that_is_corrected_is_no_miss() -> None:
    run = at_page(on_miss="by_hand").answer(zip="00000").resolve(places=[]).answer(zip="95060")
    assert run.resolve(places=[CRUZ]).submit().at == "after"


def test_a_lookup_that_fails_is_said_and_the_agent_types() -> None:
    run = at_page().answer(zip="95060").resolve("failed", reason="This seat has no table of postal codes.")
    assert run.page.problem == "This seat has no table of postal codes. Type it in."
    assert run.answer(city="Santa Cruz").submit().at == "after"


def test_what_is_no_code_is_refused_and_asks_nothing() -> None:
    run = at_page().answer(zip="9506")
    assert run.of(e.EffectRequested) == []
    assert run.refuse(c.Submit()).field == "zip"


def test_a_code_that_is_known_already_is_looked_up_as_the_page_opens() -> None:
    run = lookup(page_step("ask", "z", fields=FIELDS[:1])).answer(zip="95060").submit()
    assert (run.at, run.ask().kind) == ("z", "zip")
    run.resolve(places=[CRUZ])
    assert run.state.values["city"] == "Santa Cruz"


def test_what_the_health_check_says() -> None:
    step = {
        "key": "z",
        "type": "zip_lookup",
        "fallback": "end",
        "fields": [*FIELDS, secret(retention="sealed")],
        "config": {"zip": "zip", "targets": {"city": "city"}},
    }
    assert codes(step) == []
    assert codes({**step, "config": {"zip": "gone", "targets": {"city": "city"}}}) == ["zip_field"]
    assert codes({**step, "config": {"zip": "zip", "targets": {}}}) == ["zip_targets"]
    assert codes({**step, "config": {"zip": "zip", "targets": {"mayor": "city"}}}) == ["bad_config"]
    assert codes({**step, "config": {"zip": "zip", "targets": {"city": "ssn"}}}) == ["secret_target"]
