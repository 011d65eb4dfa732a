"""What conditions can come to: which routes can win, which can never hold, and why.

Rules:
- A value is put into one of finitely many classes per variable: null, blank, true, false, each
  constant of the conditions, what lies below, between and above them, any other text, a list.
  Comparisons are the same for all values of a class, so trying one of each is trying all.
- `contains`, `starts_with`, `matches` and the order of texts are not the same within a class:
  both outcomes are tried for each. So a proof that something cannot be never errs; that something
  can be is no proof.
- Where a variable is only ever set by a field with known options, those are all its values.
- Too many variables or routes at once: nothing is claimed (`Verdict.complete`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from halodesk.engine.conditions import OPERATORS, number_of, time_of
from halodesk.engine.errors import DocumentError
from halodesk.engine.flow import Condition, Flow, Step
from halodesk.engine.places import atoms, index
from halodesk.engine.registry import step_types

MOST_COMBINATIONS = 20_000
MOST_ROUTES = 64
_FREE = ("contains", "starts_with", "matches")
_ORDER = ("greater_than", "greater_or_equal", "less_than", "less_or_equal")
_NEGATED = {"not_equals": "equals", "not_contains": "contains", "is_not_empty": "is_empty"}
_OTHER = "\x00other"

_Atom = tuple[str, str, str]
"""Variable, operator that is not a negation, encoded value."""
_Class = dict[_Atom, bool]

Domain = tuple[Any, ...]


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


def domains(flow: Flow, step: Step, conditions: Iterable[Condition], *, submitted: bool) -> dict[str, Domain]:
    """All values of those variables that only a field with options can set.

    `submitted`: the step's page has been left by its button, so that its required fields are filled.
    """
    known = index(flow)
    found: dict[str, Domain] = {}
    for name in {condition.variable for condition in atoms(conditions)}:
        places = known.fields.get(name, ())
        if len(places) != 1 or name in known.computed:
            continue
        home, field = places[0]
        if field.type == "boolean":
            values: Domain = (True, False)
        elif field.type in ("dropdown", "radio_group") and not field.source:
            values = tuple(option.value for option in field.options)
        else:
            continue
        filled = submitted and home is step and field.required and not field.show_when and _asked(step)
        found[name] = values if filled else (*values, None)
    return found


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
    if domain is not None:
        return _distinct(
            {name: _compare(name, one, value) for name, one in wanted.items()} for value in domain
        )
    free = [name for name, one in wanted.items() if _is_free(name[1], one.value)]
    if len(free) > 8:
        return None
    found: list[_Class] = []
    for value in _representatives(list(wanted.values())):
        fixed = {name: _compare(name, one, value) for name, one in wanted.items()}
        loose = [] if value is None else free
        for outcome in itertools.product((True, False), repeat=len(loose)):
            found.append({**fixed, **dict(zip(loose, outcome, strict=True))})
    return _distinct(found)


def _distinct(classes: Iterable[_Class]) -> list[_Class]:
    return list({frozenset(one.items()): one for one in classes}.values())


def _compare(name: _Atom, condition: Condition, value: Any) -> bool:
    return OPERATORS[name[1]](value, condition.value)


def _is_free(op: str, value: Any) -> bool:
    ordered = op in _ORDER and isinstance(value, str)
    return op in _FREE or (ordered and number_of(value) is None and time_of(value) is None)


def _representatives(conditions: Sequence[Condition]) -> Iterator[Any]:
    constants = list(_constants(conditions))
    yield from (None, "", True, False, [], [_OTHER], _OTHER, *constants)
    numbers = sorted({found for one in constants if (found := number_of(one)) is not None})
    yield from _around(numbers, Decimal(1)) if numbers else (Decimal(1),)
    times = sorted({point for one in constants if (point := time_of(one)) is not None})
    for moment in _around(times, timedelta(days=1)):
        yield moment.isoformat()


def _constants(conditions: Sequence[Condition]) -> Iterator[Any]:
    for condition in conditions:
        if condition.op == "in_list" and isinstance(condition.value, list | tuple):
            yield from condition.value
        yield condition.value


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
