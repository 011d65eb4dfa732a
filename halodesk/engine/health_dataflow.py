"""The part of the health check that follows values: set before they are read, and read at all.

Rules:
- A value counts as set where some path from the start sets it. Steps that lead to each other set
  for each other.
- Inside templates nothing is followed: what is set there is up to who uses them.
- Linear in steps and routes; the values of a step are one number, a bit a name.
"""

from __future__ import annotations

from collections.abc import Iterator

from halodesk.engine.findings import Finding, error, hint, warning
from halodesk.engine.flow import Flow, Step
from halodesk.engine.health_graph import components
from halodesk.engine.places import (
    Index,
    atoms,
    config_names,
    expressions,
    guards,
    index,
    read_by,
    sets,
    text_names,
    texts,
)
from halodesk.engine.subscripts import targets


def read_before_set(flow: Flow) -> Iterator[Finding]:
    """Values that a step reads and that no path to it has set."""
    known = index(flow)
    place = {name: bit for bit, name in enumerate(sorted(known.declared))}
    before = _set_before(flow, known, place)
    for step in flow.steps:
        if step.key in before:
            yield from _unset(flow, step, known, place, before[step.key])


def _bits(names: set[str] | frozenset[str], place: dict[str, int]) -> int:
    found = 0
    for name in names:
        if name in place:
            found |= 1 << place[name]
    return found


def _set_before(flow: Flow, known: Index, place: dict[str, int]) -> dict[str, int]:
    """For each step that can be reached the names that may have a value as it is entered."""
    onward = {step.key: list(targets(step)) for step in flow.steps}
    own = {step.key: _bits(sets(flow, step), place) for step in flow.steps}
    coming = {flow.start: _bits(known.begun, place)}
    before: dict[str, int] = {}
    for group in reversed(components(onward)):
        inside = 0
        reached = [key for key in group if key in coming]
        if not reached:
            continue
        for key in reached:
            inside |= coming[key]
        round_ = len(group) > 1 or group[0] in onward[group[0]]
        all_of_them = inside
        for key in group:
            all_of_them |= own[key]
        for key in group:
            before[key] = all_of_them if round_ else inside
            after = before[key] | own[key]
            for target in onward[key]:
                coming[target] = coming.get(target, 0) | after
    return before


def _unset(flow: Flow, step: Step, known: Index, place: dict[str, int], before: int) -> Iterator[Finding]:
    def lacks(name: str, also: int) -> bool:
        return name in place and not (before | also) >> place[name] & 1 and name not in known.secret

    own = _bits(sets(flow, step), place)
    said: set[str] = set()
    for guard in guards(step):
        for condition in atoms(guard.when):
            name = condition.variable.split(".")[0]
            if name not in said and lacks(name, own):
                said.add(name)
                yield error(
                    "read_before_set",
                    step,
                    f'A condition reads "{condition.variable}", which nothing on the way here has set.',
                    "Set it before, or give it a default.",
                    name,
                )
    done = _bits({field.name for field in step.fields}, place)
    for target, expression in expressions(step):
        for name in sorted(read_by(expression) - said):
            if lacks(name, done):
                said.add(name)
                yield warning(
                    "read_before_set",
                    step,
                    f'A function reads "{name}", which nothing on the way here has set.',
                    "Set it before, or give it a default.",
                    name,
                )
        done |= _bits({target}, place)
    for name in sorted({name for text in texts(step) for name in text_names(text)} - said):
        if lacks(name, own):
            yield warning(
                "read_before_set",
                step,
                f'The text shows "{name}", which nothing on the way here has set: the agent sees a gap.',
                "Ask for it before, or show something else with the default filter.",
                name,
            )


def unused(flow: Flow) -> Iterator[Finding]:
    """Fields and variables that nothing reads. Answers are recorded all the same: a hint."""
    read: set[str] = set()
    for step in flow.every_step():
        for guard in guards(step):
            read |= {condition.variable.split(".")[0] for condition in atoms(guard.when)}
        for _, expression in expressions(step):
            read |= read_by(expression)
        read |= config_names(step)
        for text in texts(step):
            read |= text_names(text)
        for action in step.cart_actions:
            for value in action.args.values():
                read |= text_names(value) if isinstance(value, str) else set()
        read |= {field.source.split(".")[0] for field in step.fields if field.source}
    for step in flow.every_step():
        for field in step.fields:
            if field.name not in read and field.type != "encrypted":
                yield hint(
                    "unused_field",
                    step,
                    f'Nothing reads "{field.label or field.name}"; it is only recorded.',
                    "Leave it where the record is what you want it for; else delete it.",
                    field.name,
                )
    for variable in flow.variables:
        if variable.name not in read:
            yield hint(
                "unused_variable",
                None,
                f'Nothing reads the variable "{variable.name}".',
                "Delete it, or read it somewhere.",
                variable.name,
            )
