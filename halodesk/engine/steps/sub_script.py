"""sub_script: the steps of a template, then on from here.

Rules:
- Without maps the template shares all values with the flow.
- With `in` or `out` it has values of its own: it sees what `in` gives it, and what `out` names
  comes back; nothing else does, under whatever name.
- A template's `end` leads back to this step, whose routes then decide.
- When the call ends inside, the flow's own values are taken up again before the wrap-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.engine.conditions import look_up
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Flow, Step, Template
from halodesk.engine.session import ALL_VALUES, SYSTEM_NAMES, Session, scope
from halodesk.engine.steps.base import Plain, Work, read_config
from halodesk.engine.subscripts import cycle, targets, template_of

OUTER = "outer:values"
"""Value that holds the values of the flow around while a sub-script has its own."""


class Config(msgspec.Struct, frozen=True, kw_only=True, rename={"into": "in", "out_of": "out"}):
    """`in`: name inside to path outside; `out`: name outside to path inside. Version 0: the newest."""

    template: str
    version: int = 0
    into: dict[str, str] | None = None
    out_of: dict[str, str] | None = None

    @property
    def own_values(self) -> bool:
        """Whether the template has values of its own."""
        return self.into is not None or self.out_of is not None


class SubScript(Plain):
    """A call of a template."""

    name = "sub_script"
    shows_page = False
    config_type = Config

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """Into the template, or back out of it."""
        config = read_config(Config, step)
        template = template_of(flow, step)
        if state.path[-1].came_from.startswith(f"{step.key}/"):
            return Work(values=self._out(config, state))
        first = (
            next((inner for inner in template.steps if inner.key == template.start), None)
            if template
            else None
        )
        if template is None or first is None:
            words = f'The sub-script "{config.template}" is not in this flow; it is passed over.'
            return Work(incident=("sub_script_missing", words))
        if first.type == "end":
            return Work()
        return Work(values=self._in(config, template, state), to=f"{step.key}/{first.key}")

    def _in(self, config: Config, template: Template, state: Session) -> dict[str, Any]:
        if not config.own_values:
            return {}
        known = scope(state)
        inside: dict[str, Any] = {
            field.name: field.default
            for inner in template.steps
            for field in inner.fields
            if field.default is not None
        }
        inside |= {name: look_up(known, path) for name, path in (config.into or {}).items()}
        return {ALL_VALUES: {**inside, OUTER: dict(state.values)}}

    def _out(self, config: Config, state: Session) -> dict[str, Any]:
        outside = state.values.get(OUTER)
        if not config.own_values or not isinstance(outside, Mapping):
            return {}
        known = scope(state)
        brought = {name: look_up(known, path) for name, path in (config.out_of or {}).items()}
        return {ALL_VALUES: {**outside, **brought}}

    def sets(self, step: Step) -> set[str]:
        """What comes back."""
        config = read_config(Config, step)
        return set(config.out_of or ()) | set(config.into or ())

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """A template that is there, begins, ends and does not come back to itself."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        template = template_of(flow, step)
        if template is None:
            version = f" in version {config.version}" if config.version else ""
            return [
                error(
                    "unknown_template", step, f'The flow has no sub-script "{config.template}"{version}.',
                    "Correct the name or the version, or add the sub-script.",
                )
            ]  # fmt: skip
        way = cycle(flow, template)
        if way:
            findings.append(
                error(
                    "sub_script_cycle", step, f"These sub-scripts go round in a circle: {' → '.join(way)}.",
                    "Take one of them out.",
                )
            )  # fmt: skip
        findings += self._check_template(step, template)
        reserved = {*(config.into or ()), *(config.out_of or ())} & set(SYSTEM_NAMES)
        findings += [
            error("reserved_name", step, f'"{name}" is a name of the system.', "Choose another name.", name)
            for name in sorted(reserved)
        ]
        return findings

    def _check_template(self, step: Step, template: Template) -> list[Finding]:
        keys = {inner.key for inner in template.steps}
        findings = []
        if template.start not in keys:
            findings.append(
                error(
                    "missing_step", step, f'The sub-script "{template.key}" starts at "{template.start}", '
                    "which it has not.", "Name one of its steps.",
                )
            )  # fmt: skip
        if all(inner.type != "end" for inner in template.steps):
            findings.append(
                error("no_way_out", step, f'The sub-script "{template.key}" has no end.', "Add an end to it.")
            )
        for inner in template.steps:
            for target in targets(inner):
                if target not in keys:
                    findings.append(
                        error(
                            "missing_step", step,
                            f'In the sub-script "{template.key}" the step "{inner.key}" leads to "{target}", '
                            "which it has not.", "Name one of its steps.",
                        )
                    )  # fmt: skip
            if inner.type == "end" and inner.fields:
                findings.append(
                    warning(
                        "end_in_sub_script", step,
                        f'The end of the sub-script "{template.key}" has fields; nobody will be asked.',
                        "Move them to the step before.",
                    )
                )  # fmt: skip
        return findings


def outer_values(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Values of the flow itself from within sub-scripts that have their own; None where there are none."""
    if OUTER not in values:
        return None
    here: Mapping[str, Any] = values
    while isinstance(here.get(OUTER), Mapping):
        here = here[OUTER]
    return dict(here)


TYPE = SubScript()
