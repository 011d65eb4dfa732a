"""What conditions can come to: which routes can win, which can never hold, and why.

Rules:
- A value is put into one of finitely many classes per variable: null, blank, true, false, each
  constant of the conditions, what lies below, between and above them, any other text, a list.
  Comparisons are the same for all values of a class, so trying one of each is trying all.
- `contains`, `starts_with` and `matches` are not the same within a class: both outcomes are tried
  for each; and where a number or a date may be text, every place in the order of texts. So a proof
  that something cannot be never errs; that something can be is no proof.
- Where a variable is only ever set by one field, its values are that field's options, or of its
  kind; whether there may be none is up to where it is read.
- Too many variables or routes at once: nothing is claimed (`Verdict.complete`).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from halodesk.engine.conditions import OPERATORS, number_of, time_of
from halodesk.engine.errors import DocumentError
from halodesk.engine.flow import Condition, Field, Flow, Step
from halodesk.engine.places import atoms, index
from halodesk.engine.registry import step_types

MOST_COMBINATIONS = 20_000
MOST_ROUTES = 64
_FREE = ("contains", "starts_with", "matches")
_ORDER = ("greater_than", "greater_or_equal", "less_than", "less_or_equal")
_NEGATED = {"not_equals": "equals", "not_contains": "contains", "is_not_empty": "is_empty"}
_OTHER = "\x00other"
_SOME_DAY = "2026-01-05"
_MOST_FREE = 8

_Atom = tuple[str, str, str]
"""Variable, operator that is not a negation, encoded value."""
_Class = dict[_Atom, bool]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """All values of a field without options: of which kind they are, and whether there may be none."""

    kind: Literal["number", "time", "text"]
    empty: bool


Domain = tuple[Any, ...] | Shape
_SHAPES: dict[str, Literal["number", "time", "text"]] = {
    "number": "number",
    "currency": "number",
    "date": "time",
    "date_time": "time",
    "text": "text",
    "text_area": "text",
    "phone": "text",
    "email": "text",
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a row of guarded ways can come to, the first that holds winning."""

    complete: bool
    """False: too much to try; nothing else here is a proof."""
    alone: frozenset[int] = frozenset()
    """Ways whose conditions can hold, whatever the others do."""
    wins: frozenset[int] = frozenset()
    """Ways that can be taken."""
    otherwise: bool = True
    """No way may hold: the fallback can be taken."""
    outcomes: frozenset[tuple[int, int, bool]] = frozenset()
    """Way, place of a comparison in it (`places.atoms`), outcome it can have when it is asked."""


def verdict(ways: Sequence[tuple[Condition, ...]], domains: Mapping[str, Domain]) -> Verdict:
    """What these ways can come to. `domains`: variables of which all values are known."""
    if len(ways) > MOST_ROUTES:
        return Verdict(complete=False)
    found = {name: list(group) for name, group in _by_variable(ways).items()}
    classes = []
    combinations = 1
    for name, conditions in found.items():
        own = _classes(conditions, domains.get(name))
        if own is None:
            return Verdict(complete=False)
        combinations *= len(own)
        if combinations > MOST_COMBINATIONS:
            return Verdict(complete=False)
        classes.append(own)
    alone: set[int] = set()
    wins: set[int] = set()
    outcomes: set[tuple[int, int, bool]] = set()
    otherwise = False
    for combination in itertools.product(*classes):
        truth: _Class = {}
        for one in combination:
            truth |= one
        winner = None
        for way, when in enumerate(ways):
            if winner is None:
                outcomes |= {(way, place, _truth(atom, truth)) for place, atom in enumerate(atoms(when))}
            if all(_holds(condition, truth) for condition in when):
                alone.add(way)
                winner = way if winner is None else winner
        if winner is None:
            otherwise = True
        else:
            wins.add(winner)
    return Verdict(
        complete=True,
        alone=frozenset(alone),
        wins=frozenset(wins),
        otherwise=otherwise,
        outcomes=frozenset(outcomes),
    )


def can_hold(when: tuple[Condition, ...], domains: Mapping[str, Domain]) -> bool:
    """False where these conditions can never hold together; true does not prove that they can."""
    found = verdict([when], domains)
    return not found.complete or 0 in found.alone


def domains(
    flow: Flow,
    step: Step,
    conditions: Iterable[Condition],
    *,
    submitted: bool,
    filled: Collection[str] = (),
) -> dict[str, Domain]:
    """All values of those variables that only one field can set.

    `submitted`: the step's page has been left by its button, so that its required fields are filled.
    `filled`: what is known to have a value here anyway.
    """
    known = index(flow)
    found: dict[str, Domain] = {}
    for name in {condition.variable for condition in atoms(conditions)}:
        places = known.fields.get(name, ())
        if len(places) != 1 or name in known.computed:
            continue
        home, field = places[0]
        there = name in filled or (submitted and home is step and must_be_filled(step, field))
        if field.type == "boolean":
            values: tuple[Any, ...] = (True, False)
        elif field.type in ("dropdown", "radio_group") and not field.source:
            values = tuple(option.value for option in field.options)
        elif field.type in _SHAPES:
            found[name] = Shape(kind=_SHAPES[field.type], empty=not there)
            continue
        else:
            continue
        found[name] = values if there else (*values, None)
    return found


def must_be_filled(step: Step, field: Field) -> bool:
    """Whether the step cannot be left by its button without an answer to the field."""
    return field.required and not field.show_when and _asked(step)


def _asked(step: Step) -> bool:
    """Whether the step is left by its button only."""
    kind = step_types().get(step.type)
    try:
        return kind is not None and kind.has_page(step) and not kind.seconds(step)
    except DocumentError:
        return False


def _by_variable(ways: Iterable[tuple[Condition, ...]]) -> dict[str, list[Condition]]:
    found: dict[str, list[Condition]] = {}
    for when in ways:
        for atom in atoms(when):
            found.setdefault(atom.variable, []).append(atom)
    return found


def _name(condition: Condition) -> _Atom:
    op = _NEGATED.get(condition.op, condition.op)
    return condition.variable, op, repr(condition.value)


def _truth(condition: Condition, truth: _Class) -> bool:
    held = truth[_name(condition)]
    return not held if condition.op in _NEGATED else held


def _holds(condition: Condition, truth: _Class) -> bool:
    if condition.any_of:
        return any(_holds(inner, truth) for inner in condition.any_of)
    return _truth(condition, truth)


def _classes(conditions: Sequence[Condition], domain: Domain | None) -> list[_Class] | None:
    """Every way in which the comparisons with one variable can come out together."""
    wanted = {_name(condition): condition for condition in conditions}
    if any(condition.op not in OPERATORS for condition in conditions):
        return None
    if isinstance(domain, tuple):
        return _distinct(
            {name: _compare(name, one, value) for name, one in wanted.items()} for value in domain
        )
    found: list[_Class] = []
    for value in _representatives(list(wanted.values())):
        if domain is not None and not _fits(value, domain):
            continue
        fixed = {name: _compare(name, one, value) for name, one in wanted.items()}
        loose = [name for name, one in wanted.items() if name[1] in _FREE and value is not None]
        ordered = [name for name, one in wanted.items() if _is_loose_order(one, value, domain)]
        if len(loose) > _MOST_FREE:
            return None
        for places in _places(ordered, wanted):
            for outcome in itertools.product((True, False), repeat=len(loose)):
                found.append({**fixed, **places, **dict(zip(loose, outcome, strict=True))})
    return _distinct(found)


def _places(ordered: Sequence[_Atom], wanted: Mapping[_Atom, Condition]) -> Iterator[_Class]:
    """What the order of texts may be, for a value that is a number or a date as text, or is no text."""
    yield dict.fromkeys(ordered, False)
    if ordered:
        for text in _texts(wanted.values()):
            yield {name: _compare(name, wanted[name], text) for name in ordered}


def _distinct(classes: Iterable[_Class]) -> list[_Class]:
    return list({frozenset(one.items()): one for one in classes}.values())


def _compare(name: _Atom, condition: Condition, value: Any) -> bool:
    return OPERATORS[name[1]](value, condition.value)


def _is_loose_order(condition: Condition, value: Any, shape: Shape | None) -> bool:
    """Whether an order may come out otherwise for another value of the same class.

    A number or a date that is text stands in the order of texts to what is not of its own kind.
    """
    op, constant = _NEGATED.get(condition.op, condition.op), condition.value
    if op not in _ORDER or not isinstance(constant, str) or value is None or isinstance(value, bool):
        return False
    if shape is not None and shape.kind == "number":
        return False
    number, moment = number_of(value) is not None, time_of(value) is not None
    alike = (number and number_of(constant) is not None) or (moment and time_of(constant) is not None)
    return (number or moment) and not alike


def _fits(value: Any, shape: Shape) -> bool:
    """Whether a class has values of that kind."""
    if value is None:
        return shape.empty
    if shape.kind == "number":
        return not isinstance(value, bool | str) and number_of(value) is not None
    if shape.kind == "time":
        return isinstance(value, str) and time_of(value) is not None
    return isinstance(value, str) and bool(value.strip())


def _representatives(conditions: Sequence[Condition]) -> Iterator[Any]:
    constants = list(_constants(conditions))
    yield from (None, "", True, False, [], [_OTHER], _OTHER, *constants, *_texts(conditions))
    numbers = sorted({found for one in constants if (found := number_of(one)) is not None})
    yield from (*numbers, *_around(numbers, Decimal(1))) if numbers else (Decimal(1),)
    times = sorted({point for one in constants if (point := time_of(one)) is not None})
    yield from () if times else (_SOME_DAY,)
    for moment in _around(times, timedelta(days=1)):
        yield moment.isoformat()


def _constants(conditions: Sequence[Condition]) -> Iterator[Any]:
    for condition in conditions:
        if condition.op == "in_list" and isinstance(condition.value, list | tuple):
            yield from condition.value
        yield condition.value


def _texts(conditions: Iterable[Condition]) -> list[str]:
    """A text below all texts that something is ordered by, one behind each; none is a number or a date."""
    known = {one.value.strip().casefold() for one in conditions if isinstance(one.value, str)}
    return ["\x00", *(f"{text}\x00" for text in sorted(known))] if known else []


def _around(points: Sequence[Any], gap: Any) -> Iterator[Any]:
    """Below, between and above the points; the points themselves are constants already."""
    if not points:
        return
    try:
        yield points[0] - gap
        yield points[-1] + gap
    except (OverflowError, ArithmeticError):
        return
    for left, right in itertools.pairwise(points):
        yield left + (right - left) / 2
