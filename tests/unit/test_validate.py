"""A field's own rules (`validate`): said when the value is given, and again on submit."""

from __future__ import annotations

from typing import Any

from halodesk.engine import commands as c
from tests.fakes.order import Run, small


def flow_run() -> Run:
    at_least: dict[str, Any] = {
        "must": [{"variable": "age", "op": "greater_or_equal", "value": 18}],
        "message": "Callers must be 18 or older.",
    }
    not_both = {
        "must": [
            {
                "any_of": [
                    {"variable": "plan", "value": "basic"},
                    {"variable": "age", "op": "less_than", "value": 65},
                ]
            }
        ]
    }
    step = {
        "key": "s",
        "type": "script",
        "fields": [
            {"name": "plan", "type": "text"},
            {"name": "age", "type": "number", "label": "Age", "validate": [at_least, not_both]},
        ],
        "fallback": "end",
    }
    return Run(small(step)).submit()


def test_a_value_that_breaks_a_rule_is_refused_in_the_flow_s_words() -> None:
    run = flow_run()
    refused = run.refuse(c.Answer(field="age", raw="17"))
    assert (refused.field, refused.message) == ("age", "Callers must be 18 or older.")
    assert "age" not in run.state.values
    assert run.answer(age="18").submit().at == "end"


def test_an_empty_value_breaks_nothing() -> None:
    assert flow_run().answer(age="").submit().at == "end"


def test_a_rule_that_another_answer_breaks_stops_the_submit() -> None:
    run = flow_run().answer(plan="basic", age=70).answer(plan="plus")
    assert run.refuse(c.Submit()).errors == {"age": "This value cannot be taken here."}
    assert run.refuse(c.Answer(field="age", raw=71)).message == "This value cannot be taken here."
    assert run.answer(plan="basic").submit().at == "end"
