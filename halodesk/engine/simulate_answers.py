"""Simulating by answers: a session that goes on by itself, with what it is given for each field.

Rules:
- A field that is given nothing is filled only where it must be, with something its type takes.
- A list of answers for a field is one an entry of its page, in order; the last one stays.
- Work outside succeeds unless the answers say otherwise, by kind of effect or by step.
- It ends at the end of the flow, where nothing leads on, or after `MOST_TURNS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from halodesk.engine import events as e
from halodesk.engine.explore_turns import Turns
from halodesk.engine.explore_values import Hints
from halodesk.engine.flow import Flow, Step
from halodesk.engine.registry import step_types
from halodesk.engine.rules import is_required, is_sensitive, visible_fields
from halodesk.engine.session import Session, scope
from halodesk.engine.simulate import (
    AnyTurn,
    Begin,
    Fill,
    FunctionPort,
    Masked,
    Pass,
    Played,
    Settle,
    begin,
    play,
)

MOST_TURNS = 1000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of outside work."""

    outcome: Literal["ok", "failed", "declined", "unknown"] = "ok"
    result: dict[str, Any] = {}


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller, the agent and the outside say."""

    answers: dict[str, Any] = {}
    choices: dict[str, str | tuple[str, ...]] = {}
    """Step to the key of its button."""
    effects: dict[str, tuple[Outcome, ...]] = {}
    """Step, or kind of effect, to what comes of it, one after the other."""
    begin: Begin = Begin()


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """A whole simulated session. `turns` can be kept as a test case."""

    played: Played
    events: tuple[e.AnyEvent, ...]
    turns: tuple[AnyTurn, ...]
    stopped: str = ""
    """Why it did not come to an end."""


def walk(flow: Flow, given: Answers, functions: FunctionPort, *, seed: int = 0) -> Walk:
    """One session from beginning to end."""
    guide = Guide(flow, given, seed)
    played = begin(flow, given.begin, functions)
    events, turns = list(played.events), list[AnyTurn]()
    stopped = played.refused.message if played.refused is not None else played.problem
    while not stopped and played.state.status == "running":
        turn = guide.next(played.state)
        if turn is None:
            stopped = f'Nothing leads on from "{played.state.step}".'
            break
        before = played
        played = play(flow, before, turn, functions)
        events += played.events
        turns.append(turn)
        if played.refused is not None and not isinstance(turn, Settle):
            stopped = f'"{before.state.step}": {played.refused.message}'
        elif played.state.problem and played.state.path == before.state.path:
            stopped = f'"{before.state.step}": {played.state.problem}'
        elif len(turns) >= MOST_TURNS:
            stopped = f"It has not ended after {MOST_TURNS} turns."
        stopped = played.problem or stopped
    return Walk(played=replace(played, events=()), events=tuple(events), turns=tuple(turns), stopped=stopped)


class Guide:
    """Says what happens next in a session that goes on by itself."""

    def __init__(self, flow: Flow, given: Answers, seed: int) -> None:
        self.flow, self.given = flow, given
        self.turns = Turns(flow, Hints(flow, given.begin.now), seed)
        self.used: dict[str, int] = {}

    def next(self, state: Session) -> AnyTurn | None:
        """The next turn; None where nothing leads on."""
        step = self.flow.step(state.step)
        if step is None:
            return None
        here = state.here
        if here is not None:
            if here.id in state.unknown and step.config.get("on_unknown"):
                return Fill(choice="on_unknown")
            return self._settle(here, step, state)
        if is_sensitive(step) and state.mask.phase == "wanted":
            return Masked(phase="held")
        waiting = [ask for ask in state.beside if ask.kind != "timer"]
        if waiting:
            return self._settle(waiting[0], step, state)
        buttons = step_types()[step.type].buttons(self.flow, step, state)
        if buttons == ():
            return Pass() if state.timer is not None else None
        choice = self._one_of(f"choice {step.key}", self.given.choices.get(step.key))
        if choice is None:
            choice = buttons[0].key if buttons else ""
        return Fill(answers=self._answers(step, state), choice=str(choice))

    def _answers(self, step: Step, state: Session) -> dict[str, Any]:
        found: dict[str, Any] = {}
        shown = {field.name for field in visible_fields(step, state)}
        for field in step.fields:
            if field.type == "encrypted" or field.read_only:
                continue
            given = self._one_of(f"field {field.name}", self.given.answers.get(field.name))
            if given is not None:
                found[field.name] = given
            elif field.name in shown and is_required(field, state) and state.values.get(field.name) is None:
                usual = [value for value in self.turns.values(field, scope(state)) if value is not None]
                found |= {field.name: usual[0]} if usual else {}
        return found

    def _one_of(self, name: str, given: Any) -> Any:
        if not isinstance(given, list | tuple):
            return given
        place = self.used[name] = self.used.get(name, -1) + 1
        return given[min(place, len(given) - 1)] if given else None

    def _settle(self, ask: e.EffectRequested, step: Step, state: Session) -> AnyTurn | None:
        given: Mapping[str, tuple[Outcome, ...]] = self.given.effects
        name = next((key for key in (step.key, ask.kind) if key in given), "")
        usual = next(
            (turn for turn in self.turns.at(state) if isinstance(turn, Settle) and turn.kind == ask.kind),
            None,
        )
        wanted = self._one_of(f"effect {name}", given.get(name)) if name else None
        if wanted is None:
            return usual
        result = wanted.result
        if wanted.outcome == "ok" and usual is not None:
            result = {**usual.result, **result}
        return Settle(kind=ask.kind, outcome=wanted.outcome, result=result)
