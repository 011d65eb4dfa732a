"""switch: one value, many cases, the first hit wins.

Rules:
- A case names the label of a route; several cases may share one. The default is the fallback.
- An exact case compares the whole text, blanks at the ends aside; a `regex` case must match all
  of it (RE2, linear time).
- null and "" hit an exact case "" only.
- An expression that is not just the path of a value is JavaScript; when it fails, the default
  is taken and an incident says so.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from halodesk.engine.commands import Resolve
from halodesk.engine.conditions import look_up
from halodesk.engine.effects import Evaluate
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Flow, Step
from halodesk.engine.patterns import full_match, pattern_problem
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Ask, Plain, Settled, Work, read_config

_PATH = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_DEFAULT = "\0"
"""A label no route can have."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case; `route` is the label of the route it leads to."""

    value: str
    route: str
    regex: bool = False


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`expression`: path of a value (`caller.region`), or JavaScript."""

    expression: str
    cases: tuple[Case, ...]
    case_sensitive: bool = False
    timeout_ms: int = 200


class Switch(Plain):
    """Routes on one value."""

    name = "switch"
    shows_page = False
    config_type = Config
    by_label = True

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """The route of the first case that hits."""
        config = read_config(Config, step)
        if _PATH.fullmatch(config.expression.strip()) is None:
            wanted = Evaluate(expression=config.expression, timeout_ms=config.timeout_ms)
            return Work(ask=Ask.of(wanted))
        return Work(take=hit(config, look_up(scope(state), config.expression.strip())))

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """The same, with the value of the expression."""
        if answer.outcome != "ok":
            why = str(answer.result.get("reason", "The expression failed."))
            return Settled(go=True, take=_DEFAULT, incident=("function_failed", why))
        return Settled(go=True, take=hit(read_config(Config, step), answer.result.get("value")))

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """Cases that can be read and that lead somewhere; none twice."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        labels = {route.label for route in step.routes}
        if not step.fallback:
            findings.append(
                error("missing_fallback", step, "Nothing is taken when no case hits.", "Set one.")
            )
        if not config.cases:
            findings.append(warning("no_cases", step, "This switch has no cases.", "Add a case."))
        seen: set[tuple[str, bool]] = set()
        for case in config.cases:
            text = case.value if case.regex or config.case_sensitive else case.value.casefold()
            if case.route not in labels:
                findings.append(
                    error(
                        "case_without_route", step,
                        f'The case "{case.value}" has no route "{case.route}" in this step.',
                        "Add a route with that label, or correct the case.",
                    )
                )  # fmt: skip
            problem = pattern_problem(case.value) if case.regex else ""
            if problem:
                findings.append(
                    error(
                        "bad_pattern", step, f'"{case.value}" cannot be read: {problem}.', "Correct it (RE2)."
                    )
                )
            if (text, case.regex) in seen:
                findings.append(
                    warning(
                        "shadowed_case", step, f'The case "{case.value}" is there twice: the first wins.',
                        "Delete one.",
                    )
                )  # fmt: skip
            seen.add((text, case.regex))
        return findings


def hit(config: Config, value: Any) -> str:
    """Label of the route of the first case that hits, or one that leads to the fallback."""
    text = str(value).casefold() if isinstance(value, bool) else "" if value is None else str(value)
    text = text.strip()
    for case in config.cases:
        if case.regex:
            found = full_match(case.value if config.case_sensitive else f"(?i){case.value}", text)
        elif config.case_sensitive:
            found = case.value.strip() == text
        else:
            found = case.value.strip().casefold() == text.casefold()
        if found:
            return case.route
    return _DEFAULT


TYPE = Switch()
