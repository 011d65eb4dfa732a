"""Values worth trying: what conditions, cases and expressions compare a name with, and beside it.

Rules:
- A condition is solved backwards: the value itself, one step below and above a number, the day
  before and after a date, a text that matches a pattern and one that does not, nothing at all.
- Numbers and texts that stand in an expression are tried for the names it reads, and so is what
  its target is compared with. A name that is asked whether it is empty is tried empty.
- A list is tried empty, with one entry and with two; an object with each of the parts that
  anything reads of it. Lists inside lists likewise, as far as loops go into each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from halodesk.engine.conditions import number_of, time_of
from halodesk.engine.coverage import every_step
from halodesk.engine.flow import Condition, Field, Flow, Step
from halodesk.engine.pattern_samples import samples
from halodesk.engine.places import atoms, config_of, expressions, guards, read_by, text_names, texts

MOST = 12
"""Values tried for one name."""
_DEEPEST = 5
_LITERAL = re.compile(r"'((?:[^'\\]|\\.){0,80})'|\"((?:[^\"\\]|\\.){0,80})\"|(?<![\w.$])(\d+(?:\.\d+)?)")
_PATHS = re.compile(r"(?<![\w.$])[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)+")
_TEXT_PATHS = re.compile(r"\{[{%][^}]*?\b([A-Za-z_]\w*(?:\.\w+)+)")


class Hints:
    """What is compared with what, in all of a flow."""

    def __init__(self, flow: Flow, now: float) -> None:
        self.flow = flow
        self.today = datetime.fromtimestamp(now, UTC).date()
        self.constants: dict[str, list[Any]] = {}
        self.patterns: dict[str, list[str]] = {}
        self.parts: dict[str, set[str]] = {}
        self.lists: dict[str, str] = {}
        """Path of a list to the name of its entry in the loop that goes through it."""
        self.relevant: set[str] = set()
        """First names that decide anything."""
        self.emptied: set[str] = set()
        """Paths that are asked whether they are empty."""
        self.sources: dict[str, Field] = {}
        """Lists that a field takes its options from."""
        for step in every_step(flow):
            self._step(step)
        self._through_expressions()

    def of(self, path: str, depth: int = 0) -> list[Any]:
        """Values to try for a name or path, the likeliest first."""
        if depth > _DEEPEST:
            return [None]
        if path in self.lists:
            return self._lists(path, depth)
        if path in self.parts:
            return self._objects(path, depth)
        if path in self.sources:
            return _rows(self.sources[path])
        return self.scalars(path) or (["Sample", None] if path in self.emptied else ["Sample"])

    def scalars(self, path: str) -> list[Any]:
        """The same, single values only; nothing where nothing is known."""
        found: list[Any] = []
        for constant in self.constants.get(path, ()):
            found += _beside(constant)
        for pattern in self.patterns.get(path, ()):
            found += [*samples(pattern), "no match"]
        if found:
            found.append(None)
        return distinct(found)[:MOST]

    def _lists(self, path: str, depth: int) -> list[Any]:
        entries = self.of(self.lists[path], depth + 1)
        entries = [entry for entry in entries if entry is not None] or ["Sample"]
        return [entries[:1], [], *([entry] for entry in entries[1:6]), [entries[-1], entries[0]]]

    def _objects(self, path: str, depth: int) -> list[Any]:
        parts = sorted(self.parts[path])
        tried = {part: self.of(f"{path}.{part}", depth + 1) for part in parts}
        base = {part: values[0] for part, values in tried.items()}
        found = [base]
        found += [{**base, part: value} for part in parts for value in tried[part][1:]]
        return distinct(found)[: 2 * MOST]

    def _step(self, step: Step) -> None:
        for guard in guards(step):
            for condition in atoms(guard.when):
                self._condition(condition)
        for target, expression in expressions(step):
            self._expression(step, target, expression)
        for text in texts(step):
            self.relevant |= text_names(text) if "{%" in text else set()
            for path in _TEXT_PATHS.findall(text):
                self._path(path)
        for field in step.fields:
            if field.source and self.flow.data_source(field.source) is None:
                self.sources[field.source] = field
                self.relevant.add(field.source.split(".")[0])
        config = config_of(step)
        if step.type == "switch" and config is not None:
            for case in config.cases:
                known = self.patterns if case.regex else self.constants
                for name in read_by(config.expression):
                    self.relevant.add(name)
                    if config.expression.strip() != name or not case.regex:
                        self._path(config.expression.strip())
                known.setdefault(config.expression.strip(), []).append(case.value)
        if step.type == "for_each" and config is not None:
            self.relevant |= {config.name.split(".")[0], config.item}
            self._path(config.name)
            key = f"data:{config.name}" if config.source == "data_source" else config.name
            self.lists[key] = config.item
            for path in config.collect.values():
                self._path(path)
        if step.type == "zip_lookup" and config is not None:
            self.relevant.add(config.zip)
            self.constants.setdefault(config.zip, []).append("95060")
        if step.type == "sub_script" and config is not None:
            for inside, outside in (config.into or {}).items():
                self._same(inside, outside)
            for outside, inside in (config.out_of or {}).items():
                self._same(inside, outside)

    def _same(self, name: str, other: str) -> None:
        """Two names of one value: what is tried for one is tried for the other."""
        shared = self.constants.setdefault(name, [])
        self.constants[other] = shared
        shared_patterns = self.patterns.setdefault(name, [])
        self.patterns[other] = shared_patterns
        self.relevant |= {name, other.split(".")[0]}

    def _condition(self, condition: Condition) -> None:
        path = condition.variable
        self.relevant.add(path.split(".")[0])
        self._path(path)
        if condition.op in ("is_empty", "is_not_empty"):
            self.emptied.add(path)
        if condition.op == "matches" and isinstance(condition.value, str):
            self.patterns.setdefault(path, []).append(condition.value)
        elif isinstance(condition.value, list | tuple):
            self.constants.setdefault(path, []).extend(condition.value)
        elif condition.value is not None:
            self.constants.setdefault(path, []).append(condition.value)

    def _path(self, path: str) -> None:
        parts = path.split(".")
        for index in range(1, len(parts)):
            self.parts.setdefault(".".join(parts[:index]), set()).add(parts[index])

    def _expression(self, step: Step, target: str, expression: str) -> None:
        names = read_by(expression)
        self.relevant |= names | {target}
        for path in _PATHS.findall(expression):
            self._path(path.replace("?.", ".").removeprefix("vars."))

    def _through_expressions(self) -> None:
        """What stands in expressions, and what their targets are compared with, to what they read."""
        loops = [config_of(step) for step in every_step(self.flow) if step.type == "for_each"]
        collected = [pair for config in loops if config is not None for pair in config.collect.items()]
        for name, path in reversed(collected):
            if name in self.relevant:
                self.relevant.add(path.split(".")[0])
        every = [pair for step in every_step(self.flow) for pair in expressions(step)]
        for _ in range(3):
            for target, expression in every:
                found = list(_literals(expression)) + self.constants.get(target, [])
                aged = list(self._birthdays(expression, found))
                paths = {one.replace("?.", ".").removeprefix("vars.") for one in _PATHS.findall(expression)}
                for name in {*read_by(expression), *paths}:
                    if name != target:
                        known = self.constants.setdefault(name, [])
                        known += [value for value in [*aged, *found] if value not in known][:24]
            for name, path in collected:
                known = self.constants.setdefault(path, [])
                known += [value for value in self.constants.get(name, ()) if value not in known][:24]

    def _birthdays(self, expression: str, found: Iterable[Any]) -> Iterator[str]:
        if "age(" not in expression.replace(" ", ""):
            return
        for value in found:
            years = number_of(value)
            if years is not None and 0 < years <= 130 and years == int(years):
                born = self.today.replace(year=self.today.year - int(years), day=min(self.today.day, 28))
                yield born.isoformat()


def _rows(field: Field) -> list[Any]:
    """A list of options for the field, and none."""
    value, label = (str(field.config.get(f"source_{part}", part)) for part in ("value", "label"))
    return [[{value: "sample", label: "Sample"}], [], None]


def distinct(values: Iterable[Any]) -> list[Any]:
    """Each once, by what it is as JSON; 1 and true are two."""
    return list({encoded(value): value for value in reversed(list(values))}.values())[::-1]


def encoded(value: Any) -> bytes:
    """A value as bytes, whatever it is."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError, UnicodeEncodeError):
        return repr(value).encode("utf-8", "replace")


def _literals(expression: str) -> Iterator[Any]:
    for one, two, number in _LITERAL.findall(expression):
        if number:
            yield int(number) if number.isdecimal() and len(number) < 16 else float(number)
        elif one or two:
            yield one or two


def _beside(constant: Any) -> Iterator[Any]:
    """A value and those next to it."""
    if isinstance(constant, bool):
        yield from (constant, not constant)
        return
    yield constant
    number = number_of(constant)
    moment = time_of(constant) if isinstance(constant, str) else None
    if number is not None:
        step = Decimal(1).scaleb(int(number.as_tuple().exponent)) if number != int(number) else Decimal(1)
        for near in (number - step, number + step):
            yield int(near) if near == int(near) else float(near)
    elif moment is not None:
        for days in (-1, 1):
            near_day = moment + timedelta(days=days)
            yield near_day.date().isoformat() if len(str(constant)) == 10 else near_day.isoformat()
    elif isinstance(constant, str):
        yield f"{constant} more"
