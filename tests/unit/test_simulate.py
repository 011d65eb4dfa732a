"""A session by answers and by turns: virtual time, real functions, any step with any state."""

from __future__ import annotations

from typing import Any

from halodesk.engine import events as e
from halodesk.engine.simulate import BEGIN, Begin, Fill, FunctionValue, Item, Pass, begin, play
from halodesk.engine.simulate_answers import Answers, Outcome, walk
from tests.fakes.functions import functions
from tests.fakes.order import sample, small
from tests.fakes.steps import page_step


def none(*_: Any) -> FunctionValue:
    return FunctionValue(value=None)


def steps(found: Any) -> list[str]:
    return [event.step for event in found.events if isinstance(event, e.StepEntered)]


def test_without_answers_the_sample_comes_to_an_end() -> None:
    with functions() as port:
        found = walk(sample(), Answers(), port)
    assert found.stopped == ""
    assert found.played.state.status == "ended"
    assert steps(found)[-1] == "end"


def test_answers_choices_and_effects_decide() -> None:
    given = Answers(
        answers={"call_type": "order", "offer_response": ["tell_me_more", "yes"], "retry_payment": True},
        effects={"post_payment": (Outcome(outcome="declined", result={"reason": "No funds."}), Outcome())},
    )
    with functions() as port:
        found = walk(sample(), given, port)
    assert steps(found)[2:5] == ["main_offer", "tell_me_more", "main_offer"]
    assert steps(found).count("payment") == 2
    assert found.played.state.values["attempts"] == 1
    assert [charge.outcome for charge in found.played.state.charges] == ["declined", "ok"]


def test_an_answer_that_is_refused_stops_it_in_words() -> None:
    with functions() as port:
        found = walk(sample(), Answers(answers={"call_type": "teleport"}), port)
    assert found.played.state.step == "start"
    assert "Choose one" in found.stopped


def test_an_hour_costs_nothing_and_has_passed() -> None:
    flow = small(
        {"key": "w", "type": "wait", "fallback": "end", "config": {"seconds": 3600, "button": False}}
    )
    found = walk(flow, Answers(), none)
    assert found.played.state.status == "ended"
    assert found.played.now == BEGIN + 3600


def test_time_passes_only_as_far_as_it_is_told() -> None:
    flow = small({"key": "w", "type": "wait", "fallback": "end", "config": {"seconds": 60}})
    there = play(flow, begin(flow, Begin(), none), Fill(), none)
    assert there.state.step == "w"
    assert play(flow, there, Pass(seconds=59), none).state.step == "w"
    assert play(flow, there, Pass(seconds=60), none).state.step == "end"
    assert play(flow, there, Pass(), none).now == BEGIN + 60


def test_it_begins_at_any_step_with_any_state() -> None:
    how = Begin(
        step="post_payment", cart=(Item(item="nap-enhancer", quantity=2),), values={"first_name": "Jo"}
    )
    there = begin(sample(), how, none)
    assert there.state.step == "declined", "there is no card to charge"
    assert there.state.values["first_name"] == "Jo"
    assert there.state.cart.quantity == 2
    assert begin(sample(), Begin(step="gone"), none).refused is not None


def test_functions_run_and_can_be_made_to_fail() -> None:
    flow = small(
        page_step("ask", "count", fields=[{"name": "a", "type": "text"}]),
        {
            "key": "count",
            "type": "decision",
            "functions": [{"target": "n", "expression": "a.length + 1", "on_error": "broken"}],
            "fallback": "end",
        },
        page_step("broken"),
    )
    with functions() as port:
        asked = play(flow, begin(flow, Begin(), port), Fill(), port)
        done = play(flow, asked, Fill(answers={"a": "four"}), port)
        assert (done.state.step, done.state.values["n"]) == ("end", 5)
        failed = play(flow, asked, Fill(answers={"a": "four"}, functions_fail=True), port)
        assert failed.state.step == "broken"


def test_what_the_engine_raises_is_an_outcome() -> None:
    def broken(*_: Any) -> FunctionValue:
        raise KeyError("worker")

    flow = small(
        {"key": "f", "type": "function", "fallback": "end", "config": {"expression": "1", "target": "n"}}
    )
    found = play(flow, begin(flow, Begin(), broken), Fill(), broken)
    assert found.problem == "KeyError: 'worker'"
