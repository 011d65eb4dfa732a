"""Which edges of a flow there are, which one an event took, how conditions came out.

Rules:
- An edge is a way from a step: a route by its place, the fallback, a function's way for an error, a
  config key that names a step (`on_…`). Steps of a template count once a use (`caller/inner`).
- The edge taken is read off the event and the state just before it.
- A condition has been asked where its route came to be looked at; each comparison in it counts by
  itself, so that one behind another is not hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from halodesk.engine import events as e
from halodesk.engine.conditions import holds
from halodesk.engine.evolve import evolve
from halodesk.engine.fields.base import Problem
from halodesk.engine.flow import Condition, Flow, Step
from halodesk.engine.places import Guard, atoms, guards, takes_labels
from halodesk.engine.registry import field_types
from halodesk.engine.session import Session, scope
from halodesk.engine.subscripts import DEEPEST, template_of

MOST_STEPS = 20_000


class Edge(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A way on. `way`: `route:0`, `fallback`, `error:0` (of a function), or the config key."""

    step: str
    way: str
    to: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One comparison came out so. `guard`: kind and place of its list; `atom`: its place in that."""

    step: str
    guard: str
    index: int
    atom: int
    held: bool


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn covered."""

    edges: frozenset[Edge] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()


def every_step(flow: Flow) -> Iterator[Step]:
    """The flow's own steps, then those of its templates under each use of them."""
    waiting = [(step, 0) for step in flow.steps]
    given = 0
    while waiting and given < MOST_STEPS:
        step, depth = waiting.pop(0)
        given += 1
        yield step
        template = template_of(flow, step)
        if template is not None and depth < DEEPEST:
            for inner in template.steps:
                found = flow.step(f"{step.key}/{inner.key}")
                if found is not None and inner.type != "end":
                    waiting.append((found, depth + 1))


def edges_of(step: Step) -> Iterator[Edge]:
    """The ways on from a step."""
    if step.type == "end":
        return
    for index, route in enumerate(step.routes):
        yield Edge(step=step.key, way=f"route:{index}", to=route.to)
    for index, function in enumerate(step.functions):
        if function.on_error:
            yield Edge(step=step.key, way=f"error:{index}", to=function.on_error)
    for name, value in step.config.items():
        if name.startswith("on_") and isinstance(value, str) and value:
            yield Edge(step=step.key, way=name, to=value)
    if step.fallback:
        yield Edge(step=step.key, way="fallback", to=step.fallback)


def outcomes_of(step: Step) -> Iterator[Outcome]:
    """Both outcomes of every comparison of a step."""
    for guard in guards(step):
        if guard.kind == "route" and takes_labels(step):
            continue  # such a step takes routes by label, whatever stands in them
        for atom, _ in enumerate(atoms(guard.when)):
            for held in (True, False):
                yield _outcome(step, guard, atom, held)


def _outcome(step: Step, guard: Guard, atom: int, held: bool) -> Outcome:
    return Outcome(step=step.key, guard=guard.kind, index=guard.index, atom=atom, held=held)


def trace(flow: Flow, state: Session, events: Iterable[e.AnyEvent]) -> Trace:
    """What these events, from that state on, covered."""
    edges: set[Edge] = set()
    outcomes: set[Outcome] = set()
    codes: list[str] = []
    for event in events:
        match event:
            case e.Incident():
                codes.append(event.code)
            case e.StepEntered() if event.came_from:
                step = flow.step(event.came_from)
                edge = _taken(step, state, event, codes) if step is not None else None
                if edge is not None and step is not None:
                    edges.add(edge)
                    outcomes.update(_asked_on_leaving(step, state, edge))
                codes.clear()
            case _:
                pass
        rule = event.field if isinstance(event, e.AnswerGiven) else ""
        state = evolve(state, event)
        if isinstance(event, e.StepEntered | e.AnswerGiven):
            here = flow.step(state.step)
            if here is not None:
                outcomes.update(_asked_on_page(here, state, rule))
    return Trace(edges=frozenset(edges), outcomes=frozenset(outcomes))


def refused(step: Step, state: Session, field: str, raw: object) -> frozenset[Outcome]:
    """What an answer that one of the field's own rules refuses covers: no event says so."""
    asked = step.field(field)
    kind = field_types().get(asked.type) if asked is not None else None
    value = kind.normalise(asked, raw) if kind is not None and asked is not None else None
    if value is None or isinstance(value, Problem):
        return frozenset()
    values = {**scope(state), field: value}
    return frozenset(
        _outcome(step, guard, atom, holds((condition,), values))
        for guard in guards(step)
        if guard.kind == "rule" and guard.place == field
        for atom, condition in enumerate(atoms(guard.when))
    )


def _taken(step: Step, state: Session, event: e.StepEntered, codes: list[str]) -> Edge | None:
    if event.reason == "fallback":
        return Edge(step=step.key, way="fallback", to=event.step)
    if event.reason == "route":
        values = scope(state)
        index = next(
            (
                index
                for index, route in enumerate(step.routes)
                if (route.label, route.to) == (event.route, event.step)
                and (takes_labels(step) or holds(route.when, values))
            ),
            None,
        )
        if index is not None:
            return Edge(step=step.key, way=f"route:{index}", to=event.step)
    if event.reason not in ("route", "error", "choice"):
        return None
    named = [edge for edge in edges_of(step) if edge.to == event.step and not edge.way.startswith("route")]
    named = [edge for edge in named if edge.way != "fallback"]
    unsure = "charge_unsettled" in codes or "call_unsettled" in codes
    failed = "function_failed" in codes and state.stage == "functions"
    for edge in named:
        wanted = edge.way == "on_unknown" if unsure else edge.way != "on_unknown"
        if failed:
            wanted = edge.way == f"error:{state.function - 1}"
        elif edge.way.startswith("error:"):
            wanted = False
        if wanted:
            return edge
    return None


def _asked_on_leaving(step: Step, state: Session, edge: Edge) -> Iterator[Outcome]:
    """Conditions of routes up to the one taken, and of cart actions."""
    values = scope(state)
    last = int(edge.way.removeprefix("route:")) if edge.way.startswith("route:") else len(step.routes)
    routed = edge.way == "fallback" or edge.way.startswith("route:")
    for guard in guards(step):
        if guard.kind == "cart" or (
            guard.kind == "route" and routed and guard.index <= last and not takes_labels(step)
        ):
            for atom, condition in enumerate(atoms(guard.when)):
                yield _outcome(step, guard, atom, holds((condition,), values))


def _asked_on_page(step: Step, state: Session, rule: str) -> Iterator[Outcome]:
    """Conditions of an open page: what is shown, what must be filled, what its type waits for."""
    values = scope(state)
    for guard in guards(step):
        if guard.kind in ("show", "required", "config") or (guard.kind == "rule" and guard.place == rule):
            for atom, condition in enumerate(atoms(guard.when)):
                yield _outcome(step, guard, atom, holds((condition,), values))


def condition_of(step: Step, outcome: Outcome) -> Condition | None:
    """The comparison an outcome is of."""
    for guard in guards(step):
        if (guard.kind, guard.index) == (outcome.guard, outcome.index):
            for atom, condition in enumerate(atoms(guard.when)):
                if atom == outcome.atom:
                    return condition
    return None
