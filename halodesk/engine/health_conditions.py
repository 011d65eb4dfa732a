"""The part of the health check that reasons about conditions.

Rules:
- Only what is proven is said (`engine.reason`): a route that can never hold, one that an earlier
  route always comes before. A comparison of things that cannot be compared is said once, and the
  conditions it stands in are not reasoned about.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from halodesk.engine.conditions import OPERATORS, number_of, time_of
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Condition, Field, Flow, Step
from halodesk.engine.patterns import pattern_problem
from halodesk.engine.places import Guard, Index, atoms, guards, index, takes_labels
from halodesk.engine.reason import Verdict, can_hold, domains, verdict

_ORDER = ("greater_than", "greater_or_equal", "less_than", "less_or_equal")
_NUMBERS = ("number", "currency")
_TIMES = ("date", "date_time")
_CHOICES = ("dropdown", "radio_group", "multi_select")


def conditions(flow: Flow, step: Step) -> Iterator[Finding]:
    """Findings on all conditions of a step."""
    known = index(flow)
    sound = True
    for guard in guards(step):
        found = [finding for condition in atoms(guard.when) for finding in _condition(step, condition, known)]
        yield from found
        if found:
            sound = sound and guard.kind != "route"
        elif guard.kind != "route" and not can_hold(
            guard.when, domains(flow, step, guard.when, submitted=guard.kind == "cart")
        ):
            yield _contradiction(step, guard.kind, guard)
    if sound:
        yield from _routes(flow, step)


def _routes(flow: Flow, step: Step) -> Iterator[Finding]:
    if takes_labels(step) or not step.routes:
        return
    ways = [route.when for route in step.routes]
    always = next((way for way, when in enumerate(ways) if not when), len(ways))
    found = _verdict(flow, step, ways[:always])
    seen: set[bytes] = set()
    for way, route in enumerate(step.routes):
        name = route.label or route.to
        same = msgspec.json.encode(route.when, order="sorted")
        if way > always:
            yield _shadowed(step, name, "one before it always holds")
        elif route.when and same in seen:
            yield _shadowed(step, name, "one before it has the same conditions")
        elif route.when and found.complete and way not in found.alone:
            guard = Guard(kind="route", place=name, index=way, when=route.when)
            yield _contradiction(step, "route", guard)
        elif route.when and found.complete and way not in found.wins:
            yield _shadowed(step, name, "whenever it holds, one before it holds too")
        seen.add(same)


def _verdict(flow: Flow, step: Step, ways: list[tuple[Condition, ...]]) -> Verdict:
    every = [one for when in ways for one in when]
    known = domains(flow, step, every, submitted=True)
    options = any(isinstance(one, tuple) for one in known.values())
    if len(every) == 1 and not options and not every[0].any_of:
        return Verdict(complete=False)  # one comparison with anything may come out either way
    return verdict(ways, known)


def _shadowed(step: Step, name: str, why: str) -> Finding:
    return warning(
        "shadowed_route", step, f'The route "{name}" can never be taken: {why}.', "Move it up, or delete it."
    )


_WHAT = {
    "route": "The route",
    "show": "The field",
    "required": "The rule when to ask for",
    "rule": "The rule of",
    "cart": "The cart action",
    "config": "The condition of",
}


def _contradiction(step: Step, kind: str, guard: Guard) -> Finding:
    return error(
        "contradictory_conditions",
        step,
        f'{_WHAT[kind]} "{guard.place}" waits for conditions that can never hold together.',
        "Correct them; alternatives belong into an OR group.",
        guard.place if kind in ("show", "required", "rule") else "",
    )


def _condition(step: Step, condition: Condition, known: Index) -> Iterator[Finding]:
    first = condition.variable.split(".")[0]
    if condition.op not in OPERATORS:
        yield error(
            "unknown_operator",
            step,
            f'"{condition.op}" is no operator.',
            f"Use one of {', '.join(OPERATORS)}.",
        )
        return
    if condition.op == "matches":
        problem = pattern_problem(condition.value) if isinstance(condition.value, str) else "it is no text"
        if problem:
            yield bad_pattern(step, problem, condition.variable)
            return
    if first in known.secret:
        yield error(
            "secret_in_condition",
            step,
            f'A condition reads the secret "{first}".',
            "Secrets cannot be compared.",
            first,
        )
    elif first not in known.declared:
        yield error(
            "unknown_variable",
            step,
            f'A condition reads "{condition.variable}", which nothing sets.',
            "Correct the name.",
            condition.variable,
        )
    else:
        places = known.fields.get(condition.variable, ())
        field = places[0][1] if len(places) == 1 and condition.variable not in known.computed else None
        clash = _clash(condition, field)
        if clash:
            yield error(
                "type_clash",
                step,
                f'A condition compares "{condition.variable}" with {clash}.',
                "Compare like with like.",
                condition.variable,
            )


def bad_pattern(step: Step, problem: str, field: str = "") -> Finding:
    """A pattern that cannot be read."""
    return error(
        "bad_pattern",
        step,
        f"A pattern cannot be read: {problem}.",
        "Correct it (RE2 syntax: no look-around, no back-references).",
        field,
    )


def _clash(condition: Condition, field: Field | None) -> str:
    """What the comparison can never come out with, in words; empty where it can."""
    op, value = condition.op, condition.value
    if op in ("is_empty", "is_not_empty"):
        return ""
    if op == "in_list":
        return "something that is no list" if not isinstance(value, list | tuple) else ""
    if op in _ORDER and (value is None or isinstance(value, bool | list | dict)):
        return f"{_say(value)}, which is neither more nor less than anything"
    if value is None and op != "equals" and op != "not_equals":
        return "nothing"
    if field is None or value is None:
        return ""
    if field.type == "boolean":
        if op in _ORDER or op in ("contains", "not_contains", "starts_with", "matches"):
            return "something other than yes or no"
        return (
            ""
            if str(value).casefold() in ("true", "false", "yes", "no")
            else f"{_say(value)}: it is yes or no"
        )
    if field.type in _NUMBERS and (op in _ORDER or op in ("equals", "not_equals")):
        return "" if number_of(value) is not None else f"{_say(value)}, which is no number"
    if field.type in _TIMES and (op in _ORDER or op in ("equals", "not_equals")):
        return "" if time_of(value) is not None else f"{_say(value)}, which is no date (2026-12-31)"
    if field.type == "address":
        return f"{_say(value)}: it has parts, such as {condition.variable}.city"
    return _no_option(condition, field)


def _no_option(condition: Condition, field: Field) -> str:
    if field.type not in _CHOICES or field.source:
        return ""
    equal = ("contains", "not_contains") if field.type == "multi_select" else ("equals", "not_equals")
    if condition.op not in equal:
        return ""
    known = {option.value.casefold() for option in field.options}
    return (
        ""
        if str(condition.value).strip().casefold() in known
        else f"{_say(condition.value)}, which is no option of it"
    )


def _say(value: object) -> str:
    return "nothing" if value is None else f'"{value}"'
