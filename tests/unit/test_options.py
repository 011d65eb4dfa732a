"""Options of a field from a data source of the flow, or from what the session has got."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import commands as c
from halodesk.engine.flow import Field, Flow, Option, dump, from_builtins, load
from halodesk.engine.options import MOST, with_options
from tests.fakes.order import Run, small

PLANS = {"key": "plans", "rows": [{"value": "s", "label": "Small"}, {"value": "m", "label": "Medium"}]}


def flow(source: str, type_: str = "dropdown", **more: Any) -> Flow:
    field = {"name": "plan", "type": type_, "source": source, **more}
    step = {"key": "s", "type": "script", "fields": [field], "fallback": "end"}
    return small(step, data_sources=[PLANS], variables=[{"name": "found"}])


@pytest.mark.parametrize("type_", ["dropdown", "radio_group", "multi_select", "checkbox"])
def test_a_static_list_gives_options_values_and_labels(type_: str) -> None:
    run = Run(flow("plans", type_)).submit()
    assert [option.label for option in run.page.fields[0].options] == ["Small", "Medium"]
    assert run.refuse(c.Answer(field="plan", raw="xl")).message
    run.answer(plan="m")
    assert [answer.value for answer in run.page.answers] == ["Medium"]


def test_a_button_for_each_option_of_a_source() -> None:
    run = Run(flow("plans", "radio_group", config={"buttons": True})).submit()
    assert [choice.label for choice in run.page.choices] == ["Small", "Medium"]
    assert run.submit("plan=s").at == "end"


def test_what_a_function_has_brought_gives_options() -> None:
    field = Field(
        name="x", type="dropdown", source="found.rows", config={"source_value": "id", "source_label": "name"},
        options=(Option(value="7", label="Own"),),
    )  # fmt: skip
    rows = [
        {"id": 7, "name": "Not this"},
        {"id": 8, "name": "Eight"},
        {"id": None},
        {"id": [1]},
        "plain",
        True,
        9,
    ]
    found = with_options(flow("plans"), field, {"found": {"rows": rows}})
    assert [(option.value, option.label) for option in found.options] == [
        ("7", "Own"),
        ("8", "Eight"),
        ("plain", ""),
        ("9", ""),
    ]
    for nothing in ({}, {"found": None}, {"found": {"rows": "text"}}):
        assert with_options(flow("plans"), field, nothing).options == field.options


def test_a_source_is_bounded() -> None:
    field = Field(name="x", type="dropdown", source="found")
    assert len(with_options(flow("plans"), field, {"found": list(range(MOST + 5))}).options) == MOST


def test_a_field_without_a_source_is_itself() -> None:
    field = Field(name="x", type="dropdown")
    assert with_options(flow("plans"), field, {}) is field


def test_data_sources_survive_a_load_and_a_save() -> None:
    first = flow("plans")
    assert load(dump(first)) == first
    assert from_builtins({"key": "a", "name": "a", "start": "s"}).data_sources == ()
