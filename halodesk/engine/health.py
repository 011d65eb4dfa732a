"""The health check of a flow: what would fail a caller, found before one calls.

Rules:
- Linear in steps and routes.
- A finding has a code, the place, words and a fix; errors block publishing.
- JavaScript can only be parsed outside; the caller hands in `js_problem`, a function from
  an expression to what is wrong with it, or None where no worker is at hand.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Flow, Step
from halodesk.engine.health_content import JsProblem, Names, contents, reserved
from halodesk.engine.registry import step_types
from halodesk.engine.session import SYSTEM_NAMES
from halodesk.engine.subscripts import targets


def findings(flow: Flow, js_problem: JsProblem | None = None) -> list[Finding]:
    """All findings, errors first, in the order of the steps."""
    found: list[Finding] = [*_shape(flow), *_paths(flow)]
    known = Names.of(flow)
    for step in flow.steps:
        kind = step_types().get(step.type)
        if kind is None:
            found += _unknown(step)
        else:
            found += kind.check(flow, step)
        found += _routes(flow, step)
        found += contents(flow, step, known, js_problem)
    for inner in (inner for template in flow.templates for inner in template.steps):
        kind = step_types().get(inner.type)
        found += _unknown(inner) if kind is None else kind.check(flow, inner) if inner.type != "end" else ()
        found += contents(flow, inner, known, js_problem)
    order = {"error": 0, "warning": 1, "hint": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def _unknown(step: Step) -> Iterator[Finding]:
    yield error(
        "unknown_step_type",
        step,
        f'This version does not know the step type "{step.type}".',
        "Update HaloDesk, or choose a known type.",
    )


def _shape(flow: Flow) -> Iterator[Finding]:
    starts = [step for step in flow.steps if step.type == "start"]
    if len(starts) != 1:
        yield error(
            "start_steps",
            starts[1] if starts else None,
            f"A flow has exactly one start step; this has {len(starts)}.",
            "Keep one start step.",
        )
    if flow.step(flow.start) is None:
        yield error(
            "missing_step",
            None,
            f'The flow starts at "{flow.start}", which does not exist.',
            "Name an existing step.",
        )
    if not any(step.type == "end" for step in flow.steps):
        yield error("no_end", None, "This flow has no end step.", "Add an end with a disposition.")
    seen: set[str] = set()
    for step in flow.steps:
        if step.key in seen:
            yield error("duplicate_name", step, f'Two steps are called "{step.key}".', "Rename one.")
        seen.add(step.key)
    owner: dict[str, str] = {}
    for step in flow.steps:
        for field in step.fields:
            if field.name in owner:
                yield error(
                    "duplicate_name",
                    step,
                    f'The field "{field.name}" is also in the step "{owner[field.name]}".',
                    "Rename one.",
                    field.name,
                )
            owner.setdefault(field.name, step.key)
    for variable in flow.variables:
        if variable.name in SYSTEM_NAMES:
            yield reserved(variable.name, None)


def _paths(flow: Flow) -> Iterator[Finding]:
    forward = _spread([flow.start], {step.key: list(targets(step)) for step in flow.steps})
    into: dict[str, list[str]] = {}
    for step in flow.steps:
        for target in targets(step):
            into.setdefault(target, []).append(step.key)
    to_end = _spread([step.key for step in flow.steps if step.type == "end"], into)
    for step in flow.steps:
        if step.key not in forward:
            yield error("unreachable", step, "No way leads to this step.", "Route to it, or delete it.")
        elif step.key not in to_end:
            yield error("no_way_out", step, "No way leads from here to an end.", "Route it towards an end.")


def _spread(begin: list[str], edges: dict[str, list[str]]) -> set[str]:
    seen, level = set(begin), list(begin)
    while level:
        found = {target for key in level for target in edges.get(key, ())} - seen
        seen |= found
        level = list(found)
    return seen


def _routes(flow: Flow, step: Step) -> Iterator[Finding]:
    for target in targets(step):
        if flow.step(target) is None:
            yield error(
                "missing_step",
                step,
                f'A route leads to "{target}", which does not exist.',
                "Name an existing step.",
            )
    always = next((index for index, route in enumerate(step.routes) if not route.when), None)
    for route in step.routes[(always if always is not None else len(step.routes)) + 1 :]:
        yield warning(
            "shadowed_route",
            step,
            f'The route "{route.label or route.to}" can never be taken: one before it always holds.',
            "Move it up, or delete it.",
        )
    seen: set[bytes] = set()
    for route in step.routes:
        same = msgspec.json.encode(route.when, order="sorted")
        if route.when and same in seen:
            yield warning(
                "shadowed_route",
                step,
                f'The route "{route.label or route.to}" has the same conditions as one before it.',
                "Delete one of the two.",
            )
        seen.add(same)
    if step.type != "end" and not step.fallback and always is None:
        yield error("missing_fallback", step, "Nothing is taken when no route holds.", "Set a fallback.")
