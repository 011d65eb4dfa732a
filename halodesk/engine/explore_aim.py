"""How far a session is from a target: steps on the way, and values from what conditions ask for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from halodesk.engine.conditions import holds, look_up, number_of
from halodesk.engine.coverage import Edge
from halodesk.engine.flow import Condition, Step
from halodesk.engine.places import atoms
from halodesk.engine.session import Session, scope


def distances(edges: Iterable[Edge], steps: Iterable[Step], target: str) -> dict[str, float]:
    """Steps from each step to the target."""
    into: dict[str, list[str]] = {}
    for edge in edges:
        into.setdefault(edge.to, []).append(edge.step)
    for step in steps:
        head, _, _ = step.key.rpartition("/")
        if head:  # into a sub-script by its first steps; any of them will do for a distance
            into.setdefault(step.key, []).append(head)
    found = {target: 0.0}
    level = [target]
    while level:
        level = list(dict.fromkeys(one for key in level for one in into.get(key, ()) if one not in found))
        found |= dict.fromkeys(level, max(found.values()) + 1)
    return found


def away(state: Session, wanted: Sequence[Condition], unwanted: Sequence[tuple[Condition, ...]]) -> float:
    """How far the values are from what is wanted: 10 a condition, less where a number comes nearer."""
    values = scope(state)
    total = 0.0
    for atom in atoms(wanted):
        if not holds((atom,), values):
            total += _gap(look_up(values, atom.variable), atom)
    for when in unwanted:
        if when and holds(when, values):
            total += min(_gap(look_up(values, atom.variable), atom) for atom in atoms(when))
    return total


def _gap(value: object, condition: Condition) -> float:
    have, want = number_of(value), number_of(condition.value)
    if have is None or want is None or isinstance(value, str):
        return 10.0
    return min(10_000.0, 5.0 * (1.0 + abs(float(have - want))))
