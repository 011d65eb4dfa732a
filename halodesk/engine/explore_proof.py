"""Why an edge or an outcome of a condition cannot be reached: proofs, never guesses.

Rules:
- Routes: by what their conditions and those before them can come to (`engine.reason`).
- A step all of whose ways in are proven impossible is itself impossible, and so are its ways out.
- What is not proven here is "not reached", and the report says after how much trying.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from halodesk.engine.coverage import Edge, Outcome, edges_of
from halodesk.engine.flow import Condition, Flow, Step
from halodesk.engine.places import atoms, config_of, guards, takes_labels
from halodesk.engine.reason import Verdict, domains, must_be_filled, verdict
from halodesk.engine.subscripts import targets


def proofs(flow: Flow, steps: Iterable[Step]) -> tuple[dict[Edge, str], dict[Outcome, str]]:
    """What is proven impossible, and why."""
    steps = list(steps)
    edges: dict[Edge, str] = {}
    outcomes: dict[Outcome, str] = {}
    filled = filled_before(flow)
    for step in steps:
        known = filled.get(step.key, frozenset())
        if takes_labels(step):
            edges |= dict(_by_label(step))
        else:
            found, ways = _verdict(flow, step, known)
            edges |= dict(_routes(step, found, ways))
            outcomes |= dict(_route_outcomes(flow, step, found, ways))
        outcomes |= dict(_others(flow, step, known))
    _spread(flow, steps, edges, outcomes)
    return edges, outcomes


def filled_before(flow: Flow) -> dict[str, frozenset[str]]:
    """For each step of the flow itself the fields that have a value whichever way led there.

    A field has one behind the page that cannot be left without it: by routes, not by a button or an
    outcome of its own. Where a session may go from anywhere, at its wrap-up, nothing is known.
    """
    onward = {step.key: list(targets(step)) for step in flow.steps}
    gives = {
        step.key: frozenset(
            field.name
            for field in step.fields
            if must_be_filled(step, field) and not any(name.startswith("on_") for name in step.config)
        )
        for step in flow.steps
    }
    nothing: frozenset[str] = frozenset()
    before = {step.key: nothing for step in flow.steps if step.type == "end"}
    before[flow.start] = nothing
    waiting = list(before)
    while waiting:
        key = waiting.pop()
        after = before[key] | gives.get(key, nothing)
        for target in onward.get(key, ()):
            known = before.get(target)
            found = after if known is None else known & after
            if found != known:
                before[target] = found
                waiting.append(target)
    return before


def _verdict(flow: Flow, step: Step, known: frozenset[str]) -> tuple[Verdict, int]:
    """The verdict on the routes up to the first that has no conditions, and how many these are."""
    rows = [route.when for route in step.routes]
    always = next((way for way, when in enumerate(rows) if not when), len(rows))
    every = [one for when in rows[:always] for one in when]
    return verdict(rows[:always], domains(flow, step, every, submitted=True, filled=known)), always


def _routes(step: Step, found: Verdict, ways: int) -> Iterator[tuple[Edge, str]]:
    for edge in edges_of(step):
        if edge.way == "fallback" and ways < len(step.routes):
            yield edge, "a route before it always holds"
        elif edge.way == "fallback" and found.complete and not found.otherwise:
            yield edge, "one of the routes before it always holds"
        elif edge.way.startswith("route:"):
            way = int(edge.way.removeprefix("route:"))
            if way > ways or (way == ways and found.complete and not found.otherwise):
                yield edge, "one of the routes before it always holds"
            elif way < ways and found.complete and way not in found.alone:
                yield edge, "its conditions can never hold together"
            elif way < ways and found.complete and way not in found.wins:
                yield edge, "whenever it holds, a route before it holds too"


def _route_outcomes(flow: Flow, step: Step, found: Verdict, ways: int) -> Iterator[tuple[Outcome, str]]:
    for guard in guards(step):
        if guard.kind != "route":
            continue
        if guard.index > ways:
            why = "a route before it always holds"
        elif found.complete:
            why = "no value that can stand here comes out so"
        else:
            continue
        for outcome in _both(step, guard.kind, guard.index, guard.when):
            place = (guard.index, outcome.atom, outcome.held)
            if guard.index > ways or place not in found.outcomes:
                yield outcome, why


def _others(flow: Flow, step: Step, known: frozenset[str]) -> Iterator[tuple[Outcome, str]]:
    for guard in guards(step):
        if guard.kind == "route":
            continue
        submitted = guard.kind == "cart"
        found = verdict([guard.when], domains(flow, step, guard.when, submitted=submitted, filled=known))
        for outcome in _both(step, guard.kind, guard.index, guard.when):
            if found.complete and (0, outcome.atom, outcome.held) not in found.outcomes:
                yield outcome, "no value that can stand here comes out so"


def _both(step: Step, kind: str, index: int, when: tuple[Condition, ...]) -> Iterator[Outcome]:
    for atom, _ in enumerate(atoms(when)):
        for held in (True, False):
            yield Outcome(step=step.key, guard=kind, index=index, atom=atom, held=held)


def _by_label(step: Step) -> Iterator[tuple[Edge, str]]:
    config = config_of(step)
    if config is None:
        return
    cases = getattr(config, "cases", None)
    wanted = {config.body, config.exit} if cases is None else {case.route for case in cases}
    seen: set[str] = set()
    for edge in edges_of(step):
        if edge.way.startswith("route:"):
            label = step.routes[int(edge.way.removeprefix("route:"))].label
            if label not in wanted:
                yield edge, "nothing in the config leads to its label"
            elif label in seen:
                yield edge, "a route before it has the same label"
            seen.add(label)
        elif edge.way == "fallback" and step.type == "for_each" and wanted <= seen:
            yield edge, "the loop leaves by its routes"


def _spread(flow: Flow, steps: list[Step], edges: dict[Edge, str], outcomes: dict[Outcome, str]) -> None:
    """Steps that only impossible edges lead to, and on from there."""
    into: dict[str, set[Edge]] = {}
    out: dict[str, list[Edge]] = {}
    for step in steps:
        out[step.key] = list(edges_of(step))
        for edge in out[step.key]:
            into.setdefault(edge.to, set()).add(edge)
    ends = {step.key for step in steps if step.type == "end"}
    inside = {step.key for step in steps if "/" in step.key}
    waiting = [key for key in out if key not in ends and key not in inside]
    gone: set[str] = set()
    while waiting:
        key = waiting.pop()
        ways = into.get(key, set())
        if key in gone or key == flow.start or any(edge not in edges and edge.step != key for edge in ways):
            continue
        gone.add(key)
        for edge in out[key]:
            edges.setdefault(edge, "no way leads to its step")
            if edge.to in out and edge.to not in ends and edge.to not in inside:
                waiting.append(edge.to)
    for step in steps:
        if step.key in gone:
            for guard in guards(step):
                for outcome in _both(step, guard.kind, guard.index, guard.when):
                    outcomes.setdefault(outcome, "no way leads to its step")
