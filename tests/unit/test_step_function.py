"""function: its value goes into the target, its error goes its own way."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine import events as e
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step


def function(**config: Any) -> Run:
    step = {
        "key": "f",
        "type": "function",
        "fallback": "after",
        "config": {"expression": "age(dob)", "target": "years", **config},
        "routes": [{"to": "young", "when": [{"variable": "years", "op": "less_than", "value": 18}]}],
    }
    pages = [page_step(key) for key in ("after", "young", "broken")]
    return Run(small(page_step("ask", "f"), step, *pages)).submit().submit()


def test_the_value_decides() -> None:
    run = function(timeout_ms=50)
    assert (run.ask().kind, run.ask().args) == ("evaluate", {"expression": "age(dob)", "timeout_ms": 50})
    assert run.resolve(value=17).at == "young"
    assert function().resolve(value=18).at == "after"


def test_an_error_takes_its_route() -> None:
    run = function(on_error="broken").resolve("failed", reason="The function failed: no dob.")
    assert (run.at, run.incidents()) == ("broken", ["function_failed"])
    assert run.state.values["years"] is None
    assert "no dob" in run.of(e.Incident)[0].message


def test_without_one_the_target_is_null_and_the_routes_decide() -> None:
    assert function().resolve("failed").at == "after"


def test_an_answer_that_nobody_can_trust_is_a_failure() -> None:
    assert function(on_error="broken").resolve("unknown").at == "broken"


def test_a_hang_up_while_it_runs() -> None:
    run = function(on_error="broken").do(c.LoseCall(reason="Bye.", by="caller")).resolve("failed")
    assert run.at == "end"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"expression": " "}, "javascript"),
        ({"target": ""}, "no_target"),
        ({"target": "cart"}, "reserved_name"),
        ({"timeout_ms": 0}, "time_limit"),
        ({"timeout_ms": 60_000}, "time_limit"),
        ({"on_error": "gone"}, "missing_step"),
    ],
)
def test_what_the_health_check_says(config: dict[str, Any], code: str) -> None:
    step = {"key": "f", "type": "function", "fallback": "end", "config": {"expression": "1", "target": "n"}}
    assert codes(step) == []
    assert codes({**step, "config": {"expression": "1", "target": "n", **config}}) == [code]
