"""What becomes of the value of a field that hides: kept, excluded or cleared, as facts."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.flow import Flow
from halodesk.engine.session import EXCLUDED, scope
from tests.fakes.order import Run, small


def when(variable: str, value: Any, op: str = "equals") -> list[dict[str, Any]]:
    return [{"variable": variable, "op": op, "value": value}]


def flow(on_hide: str, **more: Any) -> Flow:
    """A gift has a card text, which shows while it is a gift; a long text brings a price question up."""
    return small(
        {
            "key": "order",
            "type": "script",
            "config": {"body": "Card: {{ card }}"},
            "fields": [
                {"name": "gift", "type": "boolean"},
                {"name": "card", "type": "text", "label": "Card", "show_when": when("gift", True),
                 "on_hide": on_hide, **more},
                {"name": "font", "type": "text", "label": "Font", "on_hide": on_hide,
                 "show_when": when("card", None, "is_not_empty")},
            ],
            "routes": [{"to": "more", "when": when("card", None, "is_not_empty")}],
            "fallback": "end",
        },
        {"key": "more", "type": "script", "fields": [{"name": "later", "type": "text"}], "fallback": "end"},
    )  # fmt: skip


def written(on_hide: str, **more: Any) -> Run:
    return Run(flow(on_hide, **more)).submit().answer(gift=True, card="Love", font="Serif")


def answers(run: Run) -> list[str]:
    return [answer.label for answer in run.page.answers]


def test_keep_lets_the_value_count() -> None:
    run = written("keep").answer(gift=False)
    assert [field.name for field in run.page.fields] == ["gift", "font"]
    assert answers(run) == ["gift", "Card", "Font"]
    assert "Love" in run.page.html
    assert run.submit().at == "more"


def test_exclude_keeps_the_value_in_the_form_and_counts_it_nowhere() -> None:
    run = written("exclude").answer(gift=False)
    assert [field.name for field in run.page.fields] == ["gift"]  # the font hides with what it hangs on
    assert answers(run) == ["gift"]
    assert "Love" not in run.page.html
    assert {"card", "font", EXCLUDED}.isdisjoint(scope(run.state))
    assert run.state.values["card"] == "Love"
    run.answer(gift=True)
    assert [(field.name, field.value) for field in run.page.fields][1:] == [
        ("card", "Love"),
        ("font", "Serif"),
    ]
    assert answers(run) == ["gift", "Card", "Font"]
    assert EXCLUDED not in scope(run.state)
    assert run.answer(gift=False).submit().at == "end"


def test_clear_removes_the_value_by_facts_of_its_own() -> None:
    run = written("clear").do(c.Answer(field="gift", raw=False))
    assert run.last[1:] == [
        e.AnswerGiven(step="order", field="card", value=None, cause="hidden"),
        e.AnswerGiven(step="order", field="font", value=None, cause="hidden"),
    ]
    assert run.answer(gift=True).page.fields[1].value is None
    assert run.submit().at == "end"


@pytest.mark.parametrize("on_hide", ["keep", "exclude", "clear"])
def test_the_facts_alone_lead_to_the_same_state(on_hide: str) -> None:
    run = written(on_hide).answer(gift=False).answer(gift=True).answer(gift=False).submit()
    again = [codec.decode(codec.encode(event)) for event in run.events]
    assert fold(again) == run.state


def test_a_cause_is_written_only_where_there_is_one() -> None:
    plain = e.AnswerGiven(step="s", field="f", value=1)
    assert b"cause" not in codec.encode(plain)
    assert codec.decode(b'{"event":"answer_given","field":"f","step":"s","value":1}') == plain


def test_a_default_that_was_never_shown_waits_for_its_turn() -> None:
    run = Run(flow("clear", default="Best wishes"))
    assert run.state.values["card"] == "Best wishes"
    run.submit()
    assert run.state.values["card"] is None  # its page is open, and it hides there
    excluded = Run(flow("exclude", default="Best wishes"))
    assert "card" not in scope(excluded.state)
    assert excluded.submit().answer(gift=True).page.fields[1].value == "Best wishes"


def test_back_brings_the_state_before_back_excluded_or_not() -> None:
    run = written("exclude").submit()
    assert run.at == "more"
    run.do(c.Back())
    assert run.page.fields[1].value == "Love"
    assert run.answer(gift=False).submit().at == "end"


def test_fields_that_hide_each_other_come_to_rest() -> None:
    step = {
        "key": "s",
        "type": "script",
        "fields": [
            {"name": "a", "type": "text", "on_hide": "exclude", "show_when": when("b", None, "is_empty")},
            {"name": "b", "type": "text", "on_hide": "exclude", "show_when": when("a", None, "is_empty")},
            {"name": "c", "type": "text", "on_hide": "clear", "show_when": when("a", "x")},
        ],
        "fallback": "end",
    }
    run = Run(small(step)).submit().answer(a="x", c="1")
    assert run.state.values["c"] == "1"
    run.do(c.Answer(field="b", raw="y"))  # a value for a field that is hidden now
    assert scope(run.state).keys() & {"a", "b"} in ({"a"}, {"b"}, set())
    assert run.submit().at == "end"


def test_digits_of_a_secure_field_that_hides_are_wiped() -> None:
    secret = {
        "name": "ssn", "type": "encrypted", "kind": "ssn", "retention": "sealed",
        "show_when": when("has", True), "on_hide": "exclude",
    }  # fmt: skip
    step = {
        "key": "s",
        "type": "script",
        "fields": [{"name": "has", "type": "boolean"}, secret],
        "fallback": "end",
    }
    run = Run(small(step)).submit().mask().answer(has=True)
    run.do(c.EnterSecret(field="ssn", handle="s:ssn")).do(c.Answer(field="has", raw=False))
    assert run.last[-1] == e.SecretsWiped(step="s", reason="cleared", fields=("ssn",))
    assert run.state.secrets == {}


def test_a_function_may_hide_a_field_too() -> None:
    step = {
        "key": "s",
        "type": "script",
        "fields": [
            {"name": "note", "type": "text", "on_hide": "clear", "show_when": when("score", 1, "less_than")},
        ],
        "functions": [{"target": "score", "expression": "2"}],
        "fallback": "t",
    }
    run = Run(
        small(
            step,
            {"key": "t", "type": "script", "fallback": "end"},
            variables=[{"name": "score", "default": 0}],
        )
    )
    run.submit().answer(note="x").submit().resolve(value=2)
    assert run.at == "t"
    assert run.state.values["note"] is None
