"""wait: a point in time given from outside, a condition, a button; an hour costs nothing."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.rules import wants_time
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step

BACK = {"variable": "back", "op": "equals", "value": True}
FIELD = {"name": "back", "type": "boolean"}


def waiting(fields: tuple[dict[str, Any], ...] = (FIELD,), **config: Any) -> Run:
    step = {"key": "w", "type": "wait", "fallback": "after", "config": config, "fields": list(fields)}
    return Run(small(page_step("ask", "w"), step, page_step("after"))).submit().submit()


def test_an_hour_of_virtual_time() -> None:
    run = waiting(seconds=3600).do(c.Tick(now=1000.0))
    (timer,) = run.of(e.EffectRequested)
    assert (timer.kind, timer.args["until"]) == ("timer", 4600.0)
    assert run.page.panel == {"until": 4600.0, "seconds": 3600.0, "condition": False}
    run.do(c.Tick(now=4599.9))
    assert (run.at, run.last) == ("w", [])
    run.do(c.Tick(now=4600.0))
    assert run.at == "after"
    assert run.state.effects == {}
    assert fold(run.events) == run.state


def test_the_timer_itself_ends_it_too() -> None:
    run = waiting(seconds=5).do(c.Tick(now=0.0))
    run.do(c.Resolve(id=run.of(e.EffectRequested)[0].id, outcome="ok", result={"now": 5.0}))
    assert run.at == "after"


def test_a_restart_does_not_make_it_longer() -> None:
    run = waiting(seconds=60).do(c.Tick(now=0.0))
    run.state = fold([codec.decode(codec.encode(event)) for event in run.events])
    run.do(c.Restart(), c.Tick(now=30.0))
    assert [timer.args["until"] for timer in run.of(e.EffectRequested)] == [60.0]
    assert run.do(c.Tick(now=61.0)).at == "after", "the seat slept past the end"


def test_the_page_stays_open_meanwhile() -> None:
    run = waiting(seconds=60).do(c.Tick(now=0.0)).answer(back=False)
    assert run.page.waiting == ""
    assert not run.page.fields[0].locked
    assert run.page.can_go_back
    run.do(c.Back())
    assert (run.at, run.state.effects) == ("ask", {})
    run.submit().do(c.Tick(now=50.0), c.Tick(now=70.0))
    assert run.at == "w", "another visit has a time of its own"


def test_the_agent_may_go_on_before_where_there_is_a_button() -> None:
    assert waiting(seconds=60).submit().at == "after"
    run = waiting(seconds=60, button=False)
    assert run.refuse(c.Submit()).code == "must_wait"
    assert run.page.choices == ()
    assert run.do(c.Tick(now=0.0), c.Tick(now=60.0)).at == "after"


def test_it_goes_on_as_soon_as_the_condition_holds() -> None:
    run = waiting(seconds=60, button=False, condition=[BACK]).answer(back=False)
    assert run.at == "w"
    assert run.answer(back=True).at == "after"


def test_a_condition_that_holds_already_shows_no_page() -> None:
    step = {"key": "w", "type": "wait", "fallback": "after", "config": {"seconds": 9, "condition": [BACK]}}
    run = Run(small(page_step("ask", "w", fields=[FIELD]), step, page_step("after"))).submit()
    run.answer(back=True).submit()
    assert run.at == "after"
    assert [one.step for one in run.page.path] == ["start", "ask", "after"]
    run.do(c.Back())
    assert run.at == "ask", "back does not stop at a page that was not shown"


def test_functions_and_cart_run_when_the_time_is_up() -> None:
    step = {
        "key": "w",
        "type": "wait",
        "fallback": "after",
        "config": {"seconds": 5},
        "functions": [{"target": "n", "expression": "1"}],
    }
    run = Run(small(step, page_step("after"))).submit().do(c.Tick(now=0.0), c.Tick(now=5.0))
    assert run.ask().kind == "function"
    assert run.resolve(value=1).at == "after"


def test_time_passes_by_other_pages() -> None:
    run = Run(small(page_step("ask")))
    assert not wants_time(run.flow, run.state)
    assert run.do(c.Tick(now=5.0)).last == []


def test_waits_that_hold_at_once_and_go_round_are_stopped() -> None:
    def wait(key: str, to: str) -> dict[str, Any]:
        return {"key": key, "type": "wait", "fallback": to, "config": {"seconds": 5, "condition": [BACK]}}

    run = Run(small(page_step("ask", "a", fields=[FIELD]), wait("a", "b"), wait("b", "a"))).submit()
    run.answer(back=True).submit()
    assert run.incidents() == ["endless_loop"]
    assert run.at == "end"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"button": False}, "unbounded_wait"),
        ({"button": False, "condition": [BACK]}, "unbounded_wait"),
        ({"seconds": 1e9}, "wait_length"),
        ({"seconds": -1}, "wait_length"),
    ],
)
def test_a_wait_that_may_never_end_is_found(config: dict[str, Any], code: str) -> None:
    step = {"key": "w", "type": "wait", "fallback": "end", "config": config, "fields": [FIELD]}
    assert codes(step) == [code]
    assert codes({**step, "config": {"seconds": 5}}) == []
    assert codes({**step, "config": {"seconds": 5}, "fields": [{**FIELD, "required": True}]}) == [
        "required_in_wait"
    ]
