"""for_each: its body once for every entry of a list.

Rules:
- Routes by label: `body` leads into the body, `exit` (else the fallback) goes on. Whatever leads
  back to this step ends a turn; the next one begins.
- The list is taken as it was when the loop began; what changes later changes nothing.
- Where the loop stands are values of the session: it goes on at the same entry after a crash,
  and going back restores it.
- Loops stand in each other as they were begun. A turn of an outer one ends all that were begun
  inside it, however their body was left.
- An empty list, and what is no list, go to `exit` at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.conditions import look_up
from halodesk.engine.effects import DataQuery
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import DataSource, Flow, Step
from halodesk.engine.session import SYSTEM_NAMES, Session, scope
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config

MOST = 1000
"""Entries of the longest loop."""
LOOPS = "loop:open"
"""Value that holds the keys of the loops under way, the outermost first."""
_SCALARS = ("text", "text_area", "number", "currency", "boolean", "date", "date_time", "phone", "email")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: the variable, API result (a path into its target) or data source; not for the cart."""

    source: Literal["cart", "data_source", "api", "variable"]
    name: str = ""
    item: str = "item"
    index: str = "index"
    """Counts from 0."""
    limit: int = 100
    collect: dict[str, str] = {}
    """List to the value that each turn adds to it."""
    body: str = "body"
    """Label of the route into the body."""
    exit: str = "exit"
    """Label of the route that goes on."""
    parameters: dict[str, Any] = {}
    """Of a data source's query."""


class ForEach(Plain):
    """A loop without a page."""

    name = "for_each"
    shows_page = False
    config_type = Config
    by_label = True

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Begins the loop, or its next turn, or leaves it."""
        config = read_config(Config, step)
        open_loops = list(state.values.get(LOOPS) or [])
        if step.key in open_loops:
            return self._next(step, config, state, open_loops)
        if config.source == "data_source":
            source = _source(flow, config.name)
            if source is not None and not source.rows and (source.query or source.connection):
                return Work(ask=Ask.of(_query(source, config)))
            items: Any = list(source.rows) if source is not None else None
        elif config.source == "cart":
            items = scope(state)["cart"]["items"]
        else:
            items = look_up(scope(state), config.name)
        begun = self._begin(step, config, items, open_loops)
        return Work(values=begun.values, take=begun.take, incident=begun.incident)

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """The rows have come, or they have not: then there is nothing to go through."""
        config = read_config(Config, step)
        if answer.outcome != "ok":
            why = str(answer.result.get("reason", "The list could not be fetched."))
            return Settled(go=True, take=config.exit, incident=("loop_source", why))
        return self._begin(step, config, answer.result.get("rows"), list(state.values.get(LOOPS) or []))

    def _begin(self, step: Step, config: Config, items: Any, open_loops: list[str]) -> Settled:
        incident = None
        if items is not None and not isinstance(items, list | tuple):
            incident, items = ("loop_source", f'"{config.name}" is not a list: the loop is passed over.'), []
        most = min(config.limit, MOST) if config.limit > 0 else MOST
        if len(items or ()) > most:
            words = f"The list has {len(items)} entries; the loop goes through the first {most}."
            incident = ("loop_cut", words)
        items = list(items or ())[:most]
        values: dict[str, Any] = {name: [] for name in config.collect}
        if not items:
            return Settled(go=True, values=values, take=config.exit, incident=incident)
        values |= {
            LOOPS: [*open_loops, step.key],
            _list(step): items,
            _place(step): 0,
            config.item: items[0],
            config.index: 0,
        }
        return Settled(go=True, values=values, take=config.body, incident=incident)

    def _next(self, step: Step, config: Config, state: Session, open_loops: list[str]) -> Work:
        around = open_loops[: open_loops.index(step.key)]
        items: list[Any] = list(state.values.get(_list(step)) or [])
        place = int(state.values.get(_place(step)) or 0) + 1
        known = scope(state)
        values: dict[str, Any] = {
            name: [*(state.values.get(name) or []), look_up(known, path)]
            for name, path in config.collect.items()
        }
        if place < len(items):
            values |= {_place(step): place, config.item: items[place], config.index: place}
            if open_loops[-1] != step.key:
                values[LOOPS] = [*around, step.key]
            return Work(values=values, take=config.body)
        values |= {LOOPS: around, _list(step): None, _place(step): None, config.item: None}
        return Work(values=values, take=config.exit)

    def sets(self, step: Step) -> set[str]:
        """The entry, its place and the collected lists."""
        config = read_config(Config, step)
        return {config.item, config.index, *config.collect}

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """A list to go through, a body, a limit, names that are free."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        if all(route.label != config.body for route in step.routes):
            findings.append(
                error(
                    "loop_without_body", step, f'No route of this loop is called "{config.body}".',
                    "Add a route with that label to the first step of the body.",
                )
            )  # fmt: skip
        if not step.fallback and all(route.label != config.exit for route in step.routes):
            findings.append(
                error(
                    "loop_without_exit",
                    step,
                    f'No route of this loop is called "{config.exit}".',
                    "Add a route with that label, or a fallback.",
                )
            )
        if not 0 < config.limit <= MOST:
            findings.append(
                error("loop_limit", step, f"The limit is {config.limit}.", f"Set it between 1 and {MOST}.")
            )
        if config.source == "data_source" and _source(flow, config.name) is None:
            findings.append(
                error(
                    "unknown_source",
                    step,
                    f'The flow has no data source "{config.name}".',
                    "Correct the name.",
                )
            )
        if config.source in ("variable", "api"):
            findings += self._check_list(flow, step, config)
        findings += [
            error("reserved_name", step, f'"{name}" is a name of the system.', "Choose another name.", name)
            for name in sorted(self.sets(step) & set(SYSTEM_NAMES))
        ]
        return findings

    def _check_list(self, flow: Flow, step: Step, config: Config) -> list[Finding]:
        field = flow.field(config.name)
        variable = next((found for found in flow.variables if found.name == config.name), None)
        kind = field.type if field is not None else variable.type if variable is not None else ""
        if not config.name:
            return [
                error("loop_source", step, "It is not said which list the loop goes through.", "Name it.")
            ]
        if kind in _SCALARS and not isinstance(variable.default if variable else None, list):
            return [
                error(
                    "loop_over_scalar", step, f'"{config.name}" is a single value ({kind}), not a list.',
                    "Name a list: a multi-select, an API result, a data source or the cart.", config.name,
                )
            ]  # fmt: skip
        return []


def standing(values: Mapping[str, Any]) -> dict[str, Any]:
    """Where the innermost loop stands: `number` from 1 and `count`; nothing outside of loops."""
    open_loops = values.get(LOOPS) or []
    if not open_loops:
        return {}
    key = open_loops[-1]
    count, place = len(values.get(f"loop:{key}:list") or ()), int(values.get(f"loop:{key}:place") or 0)
    return {"number": place + 1, "count": count}


def _list(step: Step) -> str:
    return f"loop:{step.key}:list"


def _place(step: Step) -> str:
    return f"loop:{step.key}:place"


def _source(flow: Flow, name: str) -> DataSource | None:
    return next((source for source in flow.data_sources if source.key == name), None)


def _query(source: DataSource, config: Config) -> DataQuery:
    return DataQuery(
        source=source.key,
        connection=source.connection,
        query=source.query,
        parameters=config.parameters,
        limit=config.limit + 1,
    )


TYPE = ForEach()
