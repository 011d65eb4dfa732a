"""Exploring reaches what is planted, proves what cannot be, and says which is which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halodesk.engine.coverage import Edge
from halodesk.engine.explore import Report, explore
from halodesk.engine.explore_proof import proofs
from halodesk.engine.flow import Flow, load
from halodesk.engine.simulate import FunctionValue
from tests.examples import many
from tests.fakes.functions import functions
from tests.fakes.order import sample, small
from tests.fakes.steps import ALL, NEXT, PRODUCT, STEPS, TEMPLATE, page_step

GOOD = Path(__file__).resolve().parents[1] / "corpus" / "good"


def when(variable: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"variable": variable, "op": op, "value": value}


def run(flow: Flow, **more: Any) -> Report:
    with functions() as port:
        return explore(flow, port, **more)


def left(report: Report) -> list[str]:
    """What is neither covered nor proven impossible."""
    return [repr(one.what) for one in report.missed if one.why != "proven"]


def planted(*steps: dict[str, Any], **more: Any) -> Flow:
    """A page `treasure` that only the right way leads to."""
    return small(*steps, page_step("treasure"), **more)


def text(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "text", "required": True, **more}


def to_treasure(*conditions: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"to": "treasure", "when": list(conditions)}]


COUNT = {"name": "n", "type": "number", "default": 0}
PLANTED: dict[str, Flow] = {
    "counter": planted(
        page_step("ask", "count", fields=[{"name": "again", "type": "boolean", "required": True}]),
        {
            "key": "count",
            "type": "decision",
            "functions": [{"target": "n", "expression": "n + 1"}],
            "routes": to_treasure(when("n", "greater_or_equal", 7)),
            "fallback": "leave",
        },
        {
            "key": "leave",
            "type": "decision",
            "routes": [{"to": "ask", "when": [when("again", "equals", True)]}],
            "fallback": "end",
        },
        variables=[COUNT],
    ),
    "regex": planted(
        page_step(
            "page",
            fields=[text("order")],
            routes=to_treasure(when("order", "matches", r"(?i)(ord|inv)-[0-9]{6}(/[a-c]+)?")),
        )
    ),
    "regex_switch": planted(
        page_step("page", "switch", fields=[text("code")]),
        {
            "key": "switch",
            "type": "switch",
            "config": {
                "expression": "code",
                "cases": [{"value": "[A-Z]{2}\\d{3}", "route": "hit", "regex": True}],
                "case_sensitive": True,
            },
            "routes": [{"label": "hit", "to": "treasure"}],
            "fallback": "end",
        },
    ),
    "dates": planted(
        page_step(
            "page",
            fields=[text("day", type="date")],
            routes=to_treasure(
                when("day", "greater_than", "2026-02-28"), when("day", "less_or_equal", "2026-03-01")
            ),
        )
    ),
    "birthday": planted(
        page_step("page", "judge", fields=[text("born", type="date")]),
        {
            "key": "judge",
            "type": "decision",
            "functions": [{"target": "adult", "expression": "age(born) >= 65 ? 'senior' : 'other'"}],
            "routes": to_treasure(when("adult", "equals", "senior")),
            "fallback": "end",
        },
    ),
    "nested_loops": planted(
        {
            "key": "fetch",
            "type": "api_call",
            "config": {
                "operation": "http",
                "connection": "crm",
                "method": "GET",
                "url": "/orders",
                "response": {"orders": "$.orders"},
                "on_failure": "end",
            },
            "fallback": "outer",
        },
        {
            "key": "outer",
            "type": "for_each",
            "config": {"source": "api", "name": "orders", "item": "order"},
            "routes": [{"label": "body", "to": "inner"}, {"label": "exit", "to": "end"}],
            "fallback": "end",
        },
        {
            "key": "inner",
            "type": "for_each",
            "config": {"source": "variable", "name": "order.lines", "item": "line", "index": "place"},
            "routes": [{"label": "body", "to": "look"}, {"label": "exit", "to": "outer"}],
            "fallback": "outer",
        },
        {
            "key": "look",
            "type": "decision",
            "routes": to_treasure(
                when("line.sku", "starts_with", "X-"), when("line.price", "greater_than", 99.5)
            ),
            "fallback": "inner",
        },
    ),
    "many_fields": planted(
        page_step("one", "two", fields=[text(f"a{i}") for i in range(6)]),
        page_step("two", "judge", fields=[text(f"b{i}") for i in range(6)]),
        {
            "key": "judge",
            "type": "decision",
            "routes": to_treasure(
                *(when(f"{side}{i}", "equals", f"{side}{i}!") for side in "ab" for i in range(6))
            ),
            "fallback": "end",
        },
    ),
    "caller": planted(
        page_step("page", routes=to_treasure(when("call.headers.X-Queue", "equals", "gold"))),
    ),
    "money": planted(
        page_step(
            "page",
            "judge",
            fields=[text("much", type="number")],
            cart_actions=[
                {
                    "action": "add_item",
                    "args": {"item": "p", "quantity": 4},
                    "when": [when("much", "greater_than", 3)],
                }
            ],
        ),
        {
            "key": "judge",
            "type": "decision",
            "routes": to_treasure(when("cart.total", "greater_or_equal", 40)),
            "fallback": "end",
        },
        catalogue=PRODUCT,
    ),
    "nothing_came": planted(
        {
            "key": "fetch",
            "type": "api_call",
            "config": {
                "operation": "http",
                "connection": "crm",
                "method": "GET",
                "url": "/callers",
                "response": {"balance": "$.balance", "late": "$.late", "attorney": "$.attorney"},
                "on_failure": "end",
            },
            "routes": [
                {"to": "end", "when": [when("attorney", "is_not_empty", None)]},
                {"to": "end", "when": [when("balance", "less_or_equal", 0)]},
                *to_treasure(when("late", "less_or_equal", 180)),
            ],
            "fallback": "end",
        },
    ),
    "collected": planted(
        {
            "key": "each",
            "type": "for_each",
            "config": {"source": "data_source", "name": "topics", "collect": {"marks": "mark"}},
            "routes": [{"label": "body", "to": "rate"}, {"label": "exit", "to": "judge"}],
        },
        page_step("rate", "each", fields=[text("mark", type="number", config={"min": 1, "max": 5})]),
        {
            "key": "judge",
            "type": "decision",
            "functions": [{"target": "worst", "expression": "Math.min(...marks)"}],
            "routes": to_treasure(when("worst", "greater_or_equal", 4)),
            "fallback": "end",
        },
        data_sources=[{"key": "topics", "rows": [{"value": "a"}, {"value": "b"}]}],
    ),
    "options_brought": planted(
        {
            "key": "fetch",
            "type": "api_call",
            "config": {
                "operation": "http",
                "connection": "crm",
                "method": "GET",
                "url": "/slots",
                "response": {"slots": "$.slots"},
                "on_failure": "end",
            },
            "routes": [{"to": "end", "when": [when("slots", "is_empty", None)]}],
            "fallback": "pick",
        },
        page_step(
            "pick",
            "treasure",
            fields=[
                text(
                    "slot",
                    type="dropdown",
                    source="slots",
                    config={"source_value": "id", "source_label": "at"},
                )
            ],
        ),
    ),
    "failing_after_a_loop": planted(
        {
            "key": "open",
            "type": "web_browser",
            "config": {
                "url": "https://portal.example/a",
                "extract": {"state": "#state"},
                "on_failure": "end",
            },
            "fallback": "each",
        },
        {
            "key": "each",
            "type": "for_each",
            "config": {"source": "data_source", "name": "topics"},
            "routes": [{"label": "body", "to": "nothing"}, {"label": "exit", "to": "compute"}],
        },
        {"key": "nothing", "type": "decision", "fallback": "each"},
        {
            "key": "compute",
            "type": "function",
            "config": {"expression": "state", "target": "shown", "on_error": "treasure"},
            "fallback": "end",
        },
        data_sources=[{"key": "topics", "rows": [{"value": "a"}]}],
    ),
    "an_hour": planted(
        {"key": "wait", "type": "wait", "config": {"seconds": 3600, "button": False}, "fallback": "treasure"}
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_reached(name: str) -> None:
    report = run(PLANTED[name])
    assert not left(report)
    assert report.failures == ()
    assert report.covered


def test_an_answer_that_a_rule_refuses_counts_as_asked() -> None:
    rule = {"must": [when("day", "greater_than", "2026-03-01")], "message": "A day to come."}
    flow = small(page_step("page", fields=[text("day", type="date", validate=[rule])]))
    report = run(flow)
    assert (report.outcomes_covered, report.outcomes) == (2, 2)
    assert report.failures == ()


def test_the_sample_is_covered_and_what_is_not_is_proven() -> None:
    report = run(sample())
    assert {one.what for one in report.missed if isinstance(one.what, Edge)} == {
        Edge(step="start", way="fallback", to="end"),
        Edge(step="main_offer", way="fallback", to="no_sale"),
    }
    assert {one.why for one in report.missed} == {"proven"}
    assert all(one.reason for one in report.missed)
    assert report.failures == ()
    assert report.dead == ()


def test_the_same_seed_gives_the_same_report() -> None:
    assert run(sample(), seed=3) == run(sample(), seed=3)


def test_few_states_are_said_to_prove_nothing() -> None:
    report = run(sample(), most_states=10)
    missed = [one for one in report.missed if one.why == "not reached"]
    assert missed
    assert not report.covered
    assert all("no proof" in one.reason for one in missed)
    assert report.states <= 40


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("start", "end")])
def test_every_step_type_can_be_left_by_all_its_ways(kind: str) -> None:
    buy = [{"action": "add_item", "args": {"item": "p"}}]
    step = {"key": "it", "type": kind, "fallback": NEXT, **STEPS[kind]}
    flow = small(
        page_step("before", "it", cart_actions=buy),
        step,
        page_step(NEXT),
        catalogue=PRODUCT,
        templates=[TEMPLATE],
        data_sources=[{"key": "orders", "query": "all"}],
    )
    report = run(flow)
    assert not left(report), kind
    assert not [one for one in report.failures if one.code != "stuck"]


def test_what_conditions_forbid_is_proven() -> None:
    flow = planted(
        page_step(
            "page",
            fields=[text("a")],
            routes=[
                {"to": "end", "when": [when("a", "equals", "x")]},
                *to_treasure(when("a", "equals", "x"), when("a", "equals", "y")),
            ],
        )
    )
    report = run(flow)
    reasons = {one.what: one.reason for one in report.missed if isinstance(one.what, Edge)}
    assert "never hold together" in reasons[Edge(step="page", way="route:1", to="treasure")]
    assert "no way leads" in reasons[Edge(step="treasure", way="fallback", to="end")]


def test_a_function_that_fails_is_a_failure_with_its_path() -> None:
    flow = small(
        page_step("ask", "judge", fields=[text("a")]),
        {
            "key": "judge",
            "type": "decision",
            "functions": [{"target": "b", "expression": "a === 'x' ? null.length : 1"}],
            "fallback": "end",
        },
    )
    (failure,) = run(flow, most_states=200).failures
    assert (failure.code, failure.step) == ("function_failed", "judge")
    assert failure.turns


def test_a_page_that_cannot_be_left_is_stuck() -> None:
    flow = small(
        {
            "key": "pay",
            "type": "payment_form",
            "config": {"number": "n", "expiry": "e", "cvv": "c"},
            "fields": [
                {"name": name, "type": "encrypted", "kind": "other", "retention": "capture"} for name in "nec"
            ],
            "fallback": "end",
        }
    )
    report = run(flow)
    assert "pay" in report.dead
    assert [one.code for one in report.failures] == ["stuck"]
    assert "empty" in report.failures[0].message


def test_an_endless_loop_is_found() -> None:
    flow = small(
        page_step("page", "a", fields=[{"name": "x", "type": "boolean", "required": True}]),
        {"key": "a", "type": "decision", "fallback": "b"},
        {
            "key": "b",
            "type": "decision",
            "routes": [{"to": "end", "when": [when("x", "equals", True)]}],
            "fallback": "a",
        },
    )
    assert "endless_loop" in {one.code for one in run(flow).failures}


def test_time_that_is_up_ends_it() -> None:
    calls = 0

    def expired() -> bool:
        nonlocal calls
        calls += 1
        return calls > 3

    report = explore(sample(), lambda *_: FunctionValue(value=1), expired=expired)
    assert not report.complete
    assert not report.covered


CONDITIONS = st.builds(
    lambda name, op, value: when(name, op, value),
    st.sampled_from(["a", "b", "n", "d"]),
    st.sampled_from(["equals", "not_equals", "greater_than", "less_or_equal", "is_empty", "contains"]),
    st.sampled_from(["yes", "no", 3, 5, "2026-03-01", None, True]),
)
FIELDS = [
    {"name": "a", "type": "radio_group", "required": True, "options": [{"value": "yes"}, {"value": "no"}]},
    {"name": "b", "type": "boolean"},
    {"name": "n", "type": "number"},
    {"name": "d", "type": "date"},
]


@settings(max_examples=many(60), deadline=None)
@given(st.lists(st.lists(CONDITIONS, min_size=1, max_size=3), min_size=1, max_size=4), st.booleans())
def test_nothing_that_is_proven_impossible_is_ever_reached(
    routes: list[list[dict[str, Any]]], apart: bool
) -> None:
    ways = [{"to": "treasure", "when": conditions} for conditions in routes]
    ask = page_step("ask", "judge", fields=FIELDS, routes=[] if apart else ways)
    judge = {"key": "judge", "type": "decision", "routes": ways if apart else [], "fallback": "end"}
    flow = planted(ask, judge)
    edges, outcomes = proofs(flow, flow.steps)
    report = explore(flow, lambda *_: FunctionValue(), most_states=600)
    missed = {one.what for one in report.missed}
    assert {*edges, *outcomes} <= missed, "all of it stays out of reach"
    assert report.edges_covered + sum(isinstance(one, Edge) for one in missed) == report.edges


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.flow.json")), ids=lambda path: path.name)
def test_the_good_flows_are_covered(path: Path) -> None:
    report = run(load(path.read_bytes()))
    assert not left(report)
    assert report.failures == ()
