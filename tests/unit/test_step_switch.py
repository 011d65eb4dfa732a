"""switch: the first case that hits wins, all of it must match, nothing backtracks for ever."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step


def run(value: Any, *cases: dict[str, Any], **config: Any) -> Run:
    """The value typed on a page, then the switch; each case has a page of its own label."""
    labels = dict.fromkeys(case["route"] for case in cases)
    return (
        Run(
            small(
                page_step("ask", "sw", fields=[{"name": "tier", "type": "text"}]),
                {
                    "key": "sw",
                    "type": "switch",
                    "config": {"expression": "tier", "cases": cases, **config},
                    "routes": [{"label": label, "to": label} for label in labels],
                    "fallback": "other",
                },
                *(page_step(label) for label in [*labels, "other"]),
            )
        )
        .submit()
        .answer(tier=value)
        .submit()
    )


def case(value: str, route: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "route": route, **more}


@pytest.mark.parametrize(
    ("value", "to"),
    [
        ("gold", "gold"),
        (" GOLD ", "gold"),
        ("golden", "other"),
        ("silver", "metal"),
        ("lead 12", "metal"),
        ("lead 12x", "other"),
        (None, "other"),
        ("SILVER", "metal"),
    ],
)
def test_exact_and_whole_matches(value: Any, to: str) -> None:
    cases = (case("gold", "gold"), case("silver", "metal"), case(r"lead \d+", "metal", regex=True))
    assert run(value, *cases).at == to


def test_the_first_hit_wins() -> None:
    assert run("ab", case("a.", "one", regex=True), case("ab", "two")).at == "one"
    assert run("ab", case("ab", "two"), case("a.", "one", regex=True)).at == "two"


@pytest.mark.parametrize(
    ("value", "to"), [("Gold", "gold"), ("gold", "other"), ("X1", "rx"), ("x1", "other")]
)
def test_case_matters_where_it_is_said(value: str, to: str) -> None:
    cases = (case("Gold", "gold"), case(r"X\d", "rx", regex=True))
    assert run(value, *cases, case_sensitive=True).at == to


def test_an_empty_value_hits_an_empty_case_only() -> None:
    assert run(None, case("", "nothing"), case(".+", "some", regex=True)).at == "nothing"
    assert run(None, case("None", "wrong")).at == "other"


def test_a_pattern_that_would_backtrack_for_ever_is_done_at_once() -> None:
    assert run("a" * 150 + "!", case("(a+)+", "evil", regex=True)).at == "other"


def test_a_yes_no_value_is_written_in_small_letters() -> None:
    flow = small(
        page_step("ask", "sw", fields=[{"name": "yes", "type": "boolean"}]),
        {
            "key": "sw",
            "type": "switch",
            "config": {"expression": "yes", "cases": [case("true", "on")]},
            "routes": [{"label": "on", "to": "on"}],
            "fallback": "end",
        },
        page_step("on"),
    )
    assert Run(flow).submit().answer(yes=True).submit().at == "on"


def test_javascript_decides_where_it_is_no_path() -> None:
    found = run("x", case("10", "ten"), expression="tier.length * 10")
    assert (found.at, found.ask().kind) == ("sw", "evaluate")
    assert found.ask().args["expression"] == "tier.length * 10"
    assert found.resolve(value=10).at == "ten"


def test_javascript_that_fails_takes_the_default_and_says_so() -> None:
    found = run("x", case("", "empty"), expression="tier.oops()").resolve("failed", reason="No.")
    assert found.at == "other"
    assert found.incidents() == ["function_failed"]


def test_no_event_is_needed_beside_the_route() -> None:
    found = run("gold", case("gold", "gold"))
    assert [type(event) for event in found.last[-3:]] == [e.StepEntered, e.Submitted, e.StepEntered]
    assert found.refuse(c.Back()) if not found.page.can_go_back else found.do(c.Back()).at == "ask"


def test_what_the_health_check_says() -> None:
    step: dict[str, Any] = {
        "key": "s",
        "type": "switch",
        "fallback": "end",
        "routes": [{"label": "gold", "to": "end"}, {"label": "other", "to": "end"}],
    }

    def told(*cases: dict[str, Any], **config: Any) -> list[str]:
        ask = page_step("ask", "s", fields=[{"name": "tier", "type": "text"}])
        return codes(ask, {**step, "config": {"expression": "tier", "cases": cases, **config}})

    assert told(case("gold", "gold")) == []
    assert told() == ["no_cases"]
    assert told(case("gold", "silver")) == ["case_without_route"]
    assert told(case("gold", "gold"), case("Gold", "gold")) == ["shadowed_case"]
    assert told(case("gold", "gold"), case("Gold", "gold"), case_sensitive=True) == []
    assert told(case("(", "gold", regex=True)) == ["bad_pattern"]
    step["fallback"] = ""
    assert told(case("gold", "gold")) == ["missing_fallback"]
