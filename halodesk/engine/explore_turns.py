"""What may happen next in a session: every kind of turn worth trying at one moment.

Rules:
- A field that decides nothing is filled once, with something its type takes; one that decides is
  filled with every value that conditions make a difference of (`explore_values`).
- Few combinations are all tried. Of many: each value by itself, what each route of the step asks
  for together, what the target asks for, and some drawn by lot (seeded).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from halodesk.engine.conditions import holds
from halodesk.engine.explore_effects import answers
from halodesk.engine.explore_values import Hints, encoded
from halodesk.engine.fields.base import Problem
from halodesk.engine.flow import Condition, Field, Flow, Step
from halodesk.engine.options import with_options
from halodesk.engine.pattern_samples import samples
from halodesk.engine.places import atoms
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.rules import is_sensitive
from halodesk.engine.session import Session, scope
from halodesk.engine.simulate import AnyTurn, Fill, Masked, Pass, Settle
from halodesk.engine.subscripts import targets

MOST_COMBINATIONS = 64
_DRAWN = 24
_ADDRESS = {
    "line1": "12 Ocean View Road",
    "city": "Santa Cruz",
    "region": "CA",
    "postal_code": "95060",
    "country": "US",
}
_USUAL: dict[str, Any] = {
    "text": "Sample",
    "text_area": "Sample",
    "phone": "+12025550143",
    "email": "pat@example.com",
    "number": 1,
    "currency": "1.00",
}


class Turns:
    """Makes turns for one flow. `seed` decides what is drawn by lot."""

    def __init__(self, flow: Flow, hints: Hints, seed: int) -> None:
        self.flow = flow
        self.hints = hints
        self._lot = (seed * 2 + 1) & 0xFFFFFFFF
        self._tried: dict[str, list[Any]] = {}

    def at(self, state: Session, wanted: Sequence[Condition] = ()) -> Iterator[AnyTurn]:
        """Turns for this moment; `wanted` are conditions that answers should meet, if they can."""
        step = self.flow.step(state.step)
        if state.status != "running" or step is None:
            return
        kind = step_types()[step.type]
        here = state.here
        if here is not None:
            found = [*answers(here, step, state, self.hints)]
            yield from found
            if step.functions or step.config.get("on_error") or _leads_to_function(self.flow, step):
                yield from (turn for turn in _failing(found[:1]))
            if here.id in state.unknown and step.config.get("on_unknown"):
                yield Fill(choice="on_unknown")
            return
        if is_sensitive(step) and state.mask.phase == "wanted":
            yield Masked(phase="held")
            if step.config.get("on_failure"):
                yield Masked(phase="lost")
                yield Pass()
            return
        buttons = kind.buttons(self.flow, step, state)
        choices = [""] if buttons is None else [button.key for button in buttons]
        fills = list(self._fills(step, state, wanted))
        for choice in choices:
            for values in fills if choice == "" else fills[:4]:
                yield Fill(answers=values, choice=choice)
        if step.functions or step.config.get("on_error") or _leads_to_function(self.flow, step):
            first = choices[0] if choices else ""
            yield from (Fill(answers=values, choice=first, functions_fail=True) for values in fills[:4])
        for ask in state.beside:
            found = [*answers(ask, step, state, self.hints)]
            yield from found
            if _leads_to_function(self.flow, step):
                yield from _failing(found[:1])

    def _fills(self, step: Step, state: Session, wanted: Sequence[Condition]) -> Iterator[dict[str, Any]]:
        known = scope(state)
        asked = [field for field in step.fields if field.type != "encrypted" and not field.read_only]
        tried = {field.name: self.values(field, known) for field in asked}
        tried = {name: values for name, values in tried.items() if values}
        base = {name: values[0] for name, values in tried.items()}
        deciding = [name for name in tried if name in self.hints.relevant and len(tried[name]) > 1]
        sizes = 1
        for name in deciding:
            sizes *= len(tried[name])
        if sizes <= MOST_COMBINATIONS:
            every = itertools.product(*(tried[name] for name in deciding))
            found = [{**base, **dict(zip(deciding, values, strict=True))} for values in every]
        else:
            found = [base, *self._few(step, tried, base, deciding, wanted)]
        filled = ({name: value for name, value in one.items() if value is not None} for one in found)
        yield from {encoded(one): one for one in filled}.values()

    def _few(
        self,
        step: Step,
        tried: dict[str, list[Any]],
        base: dict[str, Any],
        deciding: list[str],
        wanted: Sequence[Condition],
    ) -> Iterator[dict[str, Any]]:
        for name in deciding:
            for value in tried[name][1:]:
                yield {**base, name: value}
        for when in (tuple(wanted), *(route.when for route in step.routes), *_carts(step)):
            solved = self._solved(step, when, tried)
            if solved:
                yield {**base, **solved}
        for _ in range(_DRAWN):
            yield {**base, **{name: self._draw(tried[name]) for name in deciding}}

    def _solved(self, step: Step, when: Iterable[Condition], tried: dict[str, list[Any]]) -> dict[str, Any]:
        """For each name the first value that all comparisons with it hold for."""
        asked: dict[str, list[Condition]] = {}
        for atom in atoms(when):
            asked.setdefault(atom.variable.split(".")[0], []).append(atom)
        found: dict[str, Any] = {}
        for name, conditions in asked.items():
            field = step.field(name)
            for raw in tried.get(name, ()) if field is not None else ():
                value = field_types()[field.type].normalise(field, raw) if field is not None else None
                if not isinstance(value, Problem) and holds(conditions, {name: value}):
                    found[name] = raw
                    break
        return found

    def _draw(self, values: Sequence[Any]) -> Any:
        """A linear congruential generator (Knuth, MMIX): the engine has no randomness of its own."""
        self._lot = (self._lot * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return values[(self._lot >> 33) % len(values)]

    def values(self, field: Field, session: Mapping[str, Any]) -> list[Any]:
        """Raw values for a field that its type takes, one for each that it makes of them.

        `session`: what the field's options may come from.
        """
        if field.source:
            return list(self._values(with_options(self.flow, field, session)))
        known = self._tried.get(field.name)
        if known is None:
            known = self._tried[field.name] = list(self._values(field))
        return known

    def _values(self, field: Field) -> Iterator[Any]:
        kind = field_types().get(field.type)
        if kind is None:
            return
        seen: set[bytes] = set()
        raws = [*self._raw(field)] if field.name in self.hints.relevant else []
        raws = [*raws, *_plain(field, self.hints)]
        decides = field.name in self.hints.relevant
        for raw in raws:
            value = kind.normalise(field, raw)
            if isinstance(value, Problem) or value is None or encoded(value) in seen:
                continue
            seen.add(encoded(value))
            yield raw
            if not decides:
                return
        if not field.required and decides:
            yield None

    def _raw(self, field: Field) -> Iterator[Any]:
        hinted = self.hints.scalars(field.name)
        match field.type:
            case "boolean":
                yield from (True, False)
            case "dropdown" | "radio_group":
                yield from _options(field)
            case "multi_select" | "checkbox":
                options = _options(field)
                yield from ([option] for option in options)
                yield options
                yield from (list(pair) for pair in itertools.pairwise(options))
                yield from (True, False)
            case "address":
                yield from _addresses(field, self.hints)
            case "number" | "currency":
                yield from (value for value in hinted if value is not None)
                yield from (field.config.get("min"), field.config.get("max"), 0)
            case _:
                yield from (
                    value if isinstance(value, str) else str(value) for value in hinted if value is not None
                )


def _failing(turns: Iterable[AnyTurn]) -> Iterator[AnyTurn]:
    for turn in turns:
        if isinstance(turn, Settle):
            yield Settle(kind=turn.kind, outcome=turn.outcome, result=turn.result, functions_fail=True)


def _leads_to_function(flow: Flow, step: Step) -> bool:
    """Whether leaving the step may run a function that has a way for its failure, a few steps on."""
    seen, level = {step.key}, [step]
    while level:
        nexts = {target: flow.step(target) for one in level for target in targets(one) if target not in seen}
        seen |= nexts.keys()
        level = []
        for one in nexts.values():
            if one is None:
                continue
            if one.config.get("on_error") or one.type == "switch" or any(f.on_error for f in one.functions):
                return True
            if not step_types()[one.type].has_page(one):
                level.append(one)
    return False


def _carts(step: Step) -> list[tuple[Condition, ...]]:
    return [action.when for action in step.cart_actions if action.when]


def _options(field: Field) -> list[str]:
    return [option.value for option in field.options]


def _plain(field: Field, hints: Hints) -> Iterator[Any]:
    """Something the type takes, whatever the conditions say."""
    pattern = field.config.get("pattern")
    if isinstance(pattern, str):
        yield from samples(pattern)
    if field.options:
        yield from _options(field)
        yield _options(field)[:2]
    if field.type in ("boolean", "checkbox"):
        yield True
    if field.type == "address":
        yield from _addresses(field, hints)
    if field.type in ("date", "date_time"):
        for days in (0, 30, -30, -12_000):
            day = (hints.today + timedelta(days=days)).isoformat()
            yield day if field.type == "date" else f"{day}T12:00"
        yield field.config.get("min")
        yield field.config.get("max")
    yield _USUAL.get(field.type, "Sample")
    for key in ("min", "max"):
        yield field.config.get(key)
    yield "95060"


def _addresses(field: Field, hints: Hints) -> Iterator[Any]:
    countries = field.config.get("countries")
    base = dict(_ADDRESS)
    if isinstance(countries, list) and countries and "US" not in countries:
        base |= {"country": str(countries[0]), "region": "ON", "postal_code": "K1A 0B1"}
    yield base
    tried = {part: hints.scalars(f"{field.name}.{part}") for part in base}
    for part, values in tried.items():
        for value in values:
            if value:
                changed = {**base, part: str(value)}
                if part == "country" and value == "CA":
                    changed |= {"region": "ON", "postal_code": "K1A 0B1"}
                yield changed


def relevant_values(state: Session, relevant: Iterable[str]) -> dict[str, Any]:
    """Of all values those that decide something."""
    known = scope(state)
    own = {name: value for name, value in state.values.items() if ":" in name and value is not None}
    return {**{name: known.get(name) for name in relevant}, **own}
