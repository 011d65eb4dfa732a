"""What holds on every one of the 18 step types: hang-up, back, replay, no work done twice."""

from __future__ import annotations

import pytest

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.page import page
from halodesk.engine.registry import step_types
from tests.fakes.order import Run
from tests.fakes.steps import ALL, NEXT, fill, walk_to

ANSWERS: dict[str, dict[str, object]] = {
    "evaluate": {"value": "2"},
    "function": {"value": 1},
    "data": {"rows": [{"id": 1}, {"id": 2}]},
    "http": {"status": 200, "values": {}},
    "email": {"status": "sent"},
    "browse": {"policy": "P-1"},
    "zip": {"places": [{"city": "Santa Cruz"}]},
    "tokenise": {"token": "tok", "last4": "4242", "brand": "visa"},
    "transfer": {},
}
LOST = c.LoseCall(reason="Bye.", by="caller")


def settle(run: Run) -> Run:
    """Answer what is asked, beside the page too; its timer is left alone."""
    while asks := [ask for ask in run.state.effects.values() if ask.kind != "timer"]:
        run.do(c.Resolve(id=asks[0].id, outcome="ok", result=dict(ANSWERS[asks[0].kind])))
    return run


def test_every_step_type_is_here() -> None:
    assert set(ALL) == set(step_types())
    assert len(ALL) == 18


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "end"])
@pytest.mark.parametrize("filled", [False, True])
def test_hang_up_leads_to_the_wrap_up_with_everything_kept(kind: str, filled: bool) -> None:
    run = walk_to(kind)
    if filled and run.state.here is None:
        fill(run)
    in_flight = run.state.here
    at, cart = run.at, run.state.cart
    run.do(LOST)
    if in_flight is not None:
        assert run.at == at, "work in flight is waited for"
        run.do(c.Resolve(id=in_flight.id, outcome="ok", result=dict(ANSWERS[in_flight.kind])))
    assert run.at == "end"
    assert run.page.call_left == "Bye."
    assert run.state.values.get("typed") == ("kept" if kind != "start" else None)
    assert run.state.cart == cart
    assert run.state.secrets == {}
    assert run.state.mask.phase in ("none", "releasing")
    assert run.state.effects == {}, "nothing is left under way"
    assert run.refuse(c.Back()).code == "call_over"
    asked = len(run.of(e.EffectRequested))
    run.answer(disposition="lost").submit()
    assert run.state.status == "ended"
    assert len(run.of(e.EffectRequested)) == asked, "nothing is asked for after the call"
    assert fold(run.events) == run.state


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("start", "end")])
def test_back_restores_what_was_before_and_repeats_nothing(kind: str) -> None:
    run = walk_to(kind)
    own = step_types()[kind]
    step = run.flow.step("it")
    assert step is not None
    settle(run)
    if run.at == "it":
        fill(run)
        choice = run.page.choices[0].key if run.page.choices else ""
        run.submit(choice)
        settle(run)
    assert run.at != "it"
    done = [(ask.kind, ask.args) for ask in run.of(e.EffectRequested) if "once" in ask.args]
    run.do(c.Back())
    expected = (
        "it"
        if own.has_page(step)
        else "it/hello"
        if kind == "sub_script" and run.at != "before"
        else "before"
    )
    assert run.at == expected
    visit = run.state.path[-1]
    assert run.state.cart == visit.cart
    while run.at != "before":
        settle(run).do(c.Back())
    assert run.state.cart.lines == ()
    assert run.state.values["typed"] == "kept", "what was typed there is still there"
    assert "n" not in run.state.values
    run.submit()
    settle(run)
    again = [(ask.kind, ask.args) for ask in run.of(e.EffectRequested) if "once" in ask.args]
    assert again == done, "a request that was answered is not made again"
    assert fold(run.events) == run.state


@pytest.mark.parametrize("kind", ALL)
def test_every_moment_can_be_shown_and_written(kind: str) -> None:
    run = walk_to(kind)
    settle(fill(run) if run.at == "it" and run.state.here is None else run)
    state = None
    for event in run.events:
        state = fold([codec.decode(codec.encode(event))], state)
        shown = page(run.flow, state)
        assert shown.step == state.step
        assert shown.title or not state.step


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind not in ("start", "end")])
def test_a_restart_in_the_middle_loses_nothing(kind: str) -> None:
    run = walk_to(kind)
    before = run.state
    run.do(c.Restart())
    assert run.at == before.step
    assert run.state.values == before.values
    assert set(run.state.effects) == set(before.effects)


def test_the_way_goes_on_after_each_step() -> None:
    for kind in ("function", "email", "api_call", "switch", "for_each", "decision"):
        assert settle(walk_to(kind)).at == NEXT, kind
