"""for_each: a snapshot, one turn an entry, nested, cut at its limit, taken up again where it stood."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.moves import MAX_LOOP_HOPS
from halodesk.engine.steps.for_each import LOOPS, standing
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step

ORDERS = [{"id": 1, "lines": ["a", "b"]}, {"id": 2, "lines": ["c"]}, {"id": 3, "lines": []}]


def loop(key: str, body: str, exit_: str, **config: Any) -> dict[str, Any]:
    return {
        "key": key,
        "type": "for_each",
        "config": {"source": "variable", "name": "orders", **config},
        "routes": [{"label": "body", "to": body}, {"label": "exit", "to": exit_}],
    }


def flow(*steps: dict[str, Any], orders: Any = ORDERS, **more: Any) -> Run:
    return Run(small(*steps, variables=[{"name": "orders", "type": "list", "default": orders}], **more))


def one_page(orders: Any = ORDERS, **config: Any) -> Run:
    """A loop with one page, behind the start page."""
    return flow(
        loop("each", "ask", "end", item="order", **config),
        page_step("ask", "each", fields=[{"name": "note", "type": "text"}]),
        orders=orders,
    ).submit()


def test_one_turn_an_entry_then_the_exit() -> None:
    run = one_page()
    seen = []
    while run.at == "ask":
        seen.append((run.state.values["index"], run.state.values["order"]["id"], standing(run.state.values)))
        run.submit()
    assert [found[:2] for found in seen] == [(0, 1), (1, 2), (2, 3)]
    assert seen[1][2] == {"number": 2, "count": 3}
    assert run.at == "end"
    assert run.state.values["order"] is None
    assert run.state.values[LOOPS] == []
    assert standing(run.state.values) == {}
    assert fold(run.events) == run.state


def test_the_loop_is_not_in_what_a_text_or_a_function_reads() -> None:
    from halodesk.engine.session import scope

    assert [name for name in scope(one_page().state) if ":" in name] == []


@pytest.mark.parametrize("orders", [[], None])
def test_an_empty_list_goes_to_the_exit(orders: Any) -> None:
    run = one_page(orders)
    assert run.at == "end"
    assert run.incidents() == []


@pytest.mark.parametrize("orders", ["text", 7, {"a": 1}])
def test_what_is_no_list_goes_to_the_exit_and_is_told(orders: Any) -> None:
    run = one_page(orders)
    assert run.at == "end"
    assert run.incidents() == ["loop_source"]


def test_the_limit_cuts_and_says_so() -> None:
    run = one_page(limit=2).submit().submit()
    assert run.at == "end"
    assert run.incidents() == ["loop_cut"]


def test_without_an_exit_route_the_fallback_is_the_exit() -> None:
    each = loop("each", "ask", "end")
    each["routes"].pop()
    run = flow({**each, "fallback": "later"}, page_step("ask", "each"), page_step("later")).submit()
    for _ in ORDERS:
        run.submit()
    assert run.at == "later"


def test_what_changes_the_list_later_changes_nothing() -> None:
    """The body's function sets the very list that is gone through."""
    change = [{"target": "orders", "expression": "[]"}]
    run = flow(loop("each", "ask", "end"), page_step("ask", "each", functions=change)).submit()
    for _ in ORDERS:
        assert run.at == "ask"
        run.submit().resolve(value=[])
    assert run.at == "end"
    assert run.state.values["orders"] == []


def test_what_the_turns_bring_is_collected() -> None:
    run = one_page(collect={"notes": "note", "ids": "order.id"})
    for words in ("x", "y", "z"):
        run.answer(note=words).submit()
    assert run.state.values["notes"] == ["x", "y", "z"]
    assert run.state.values["ids"] == [1, 2, 3]


def nested() -> Run:
    return flow(
        loop("outer", "inner", "end", item="order", collect={"all": "order.id"}),
        {
            **loop("inner", "ask", "outer", name="order.lines", item="line", index="n"),
        },
        {
            **page_step("ask", "inner", fields=[{"name": "skip", "type": "boolean"}]),
            "routes": [{"to": "outer", "when": [{"variable": "skip", "op": "equals", "value": True}]}],
        },
    ).submit()


def test_loops_in_each_other() -> None:
    run = nested()
    seen = []
    while run.at == "ask":
        seen.append(
            (run.state.values["order"]["id"], run.state.values["line"], list(run.state.values[LOOPS]))
        )
        run.submit()
    assert seen == [(1, "a", ["outer", "inner"]), (1, "b", ["outer", "inner"]), (2, "c", ["outer", "inner"])]
    assert run.at == "end"
    assert run.state.values["all"] == [1, 2, 3]


def test_an_inner_loop_that_is_left_early_begins_anew_in_the_next_turn() -> None:
    run = nested().answer(skip=True).submit()
    assert (run.state.values["order"]["id"], run.state.values["line"]) == (2, "c")
    assert run.state.values[LOOPS] == ["outer", "inner"]


def test_after_a_crash_it_goes_on_at_the_same_entry() -> None:
    run = one_page(collect={"notes": "note"}).answer(note="x").submit().answer(note="y")
    again = Run(run.flow, start=False)
    again.events = [codec.decode(codec.encode(event)) for event in run.events]
    again.state = fold(again.events)
    again.do(c.Restart())
    assert (again.at, again.state.values["index"]) == ("ask", 1)
    again.submit().submit()
    assert again.at == "end"
    assert again.state.values["notes"] == ["x", "y", "y"]


def test_back_takes_a_turn_back() -> None:
    run = one_page(collect={"ids": "order.id"}).submit().submit()
    assert run.state.values["index"] == 2
    run.do(c.Back())
    assert (run.state.values["index"], run.state.values["ids"]) == (1, [1])
    run.submit().submit()
    assert run.at == "end"
    assert run.state.values["ids"] == [1, 2, 3]


def test_a_loop_without_a_page_may_be_longer_than_any_other_way_without_one() -> None:
    run = flow(
        loop("each", "next", "end", limit=1000),
        {"key": "next", "type": "decision", "fallback": "each"},
        orders=list(range(900)),
    ).submit()
    assert run.at == "end"
    assert run.incidents() == []


def test_a_circle_around_a_loop_is_found_all_the_same() -> None:
    run = flow(
        loop("each", "next", "again"),
        {"key": "next", "type": "decision", "fallback": "each"},
        {"key": "again", "type": "decision", "fallback": "each"},
        orders=list(range(90)),
    ).submit()
    assert run.incidents() == ["endless_loop"]
    assert run.at == "end"
    assert len(run.state.path) <= MAX_LOOP_HOPS + 4


def test_the_cart_is_gone_through() -> None:
    buy = [{"action": "add_item", "args": {"item": key}} for key in ("p", "q")]
    products = [{"key": "p", "name": "P", "price": "1"}, {"key": "q", "name": "Q", "price": "2"}]
    run = (
        Run(
            small(
                page_step("buy", "each", cart_actions=buy),
                loop("each", "ask", "end", source="cart"),
                page_step("ask", "each"),
                catalogue={"products": products},
            )
        )
        .submit()
        .submit()
    )
    assert [run.state.values["item"]["name"], run.submit().state.values["item"]["name"]] == ["P", "Q"]


def source(run_rows: list[dict[str, Any]], **more: Any) -> Run:
    return Run(
        small(
            loop("each", "ask", "end", source="data_source", name="orders"),
            page_step("ask", "each"),
            data_sources=[{"key": "orders", "rows": run_rows, **more}],
        )
    ).submit()


def test_rows_of_a_data_source_that_stand_in_the_flow() -> None:
    assert source([{"id": 5}]).state.values["item"] == {"id": 5}


def test_rows_of_a_data_source_outside() -> None:
    run = source([], connection="crm", query="open orders")
    assert (run.ask().kind, run.ask().args["query"]) == ("data", "open orders")
    run.resolve(rows=[{"id": 5}, {"id": 6}])
    assert (run.at, run.state.values["item"]) == ("ask", {"id": 5})
    run.submit().submit()
    assert run.at == "end"
    assert len(run.of(e.EffectRequested)) == 1


def test_rows_that_cannot_be_fetched_go_to_the_exit() -> None:
    run = source([], connection="crm").resolve("failed", reason="No connection.")
    assert run.at == "end"
    assert run.incidents() == ["loop_source"]


def test_what_the_health_check_says() -> None:
    def told(exit_: str = "end", label: str = "body", **config: Any) -> list[str]:
        each = loop("each", "ask", exit_, **config)
        each["routes"][0]["label"] = label
        fields = [
            {"name": "name", "type": "text"},
            {"name": "picks", "type": "multi_select", "options": [{"value": "a"}]},
        ]
        flow_variables = [{"name": "orders", "type": "list", "default": []}]
        found = codes(each, page_step("ask", "each", fields=fields), variables=flow_variables)
        return [code for code in found if code != "unknown_field_type"]

    assert told() == []
    assert told(label="inside") == ["loop_without_body"]
    assert told(exit="out") == ["loop_without_exit"]
    assert told(limit=0) == ["loop_limit"]
    assert told(limit=5000) == ["loop_limit"]
    assert told(source="data_source", name="gone") == ["unknown_source"]
    assert told(name="") == ["loop_source"]
    assert told(name="name") == ["loop_over_scalar"]
    assert told(name="picks") == []
    assert told(item="cart") == ["reserved_name"]
