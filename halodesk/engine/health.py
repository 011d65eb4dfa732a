"""The health check of a flow: what would fail a caller, found before one calls.

Rules:
- Linear in steps and routes.
- A finding has a code, the place, words and a fix; errors block publishing. Hints are given only
  where they are asked for.
- JavaScript can only be parsed outside, and only outside it is known which connections there are;
  the caller hands both in, or None where that is not at hand.
- By meaning: the shape of the flow (`health_graph`), what stands in each step (`health_content`),
  conditions (`health_conditions`), secrets (`health_secrets`), values on their way
  (`health_dataflow`), who works each step (`health_drivers`), and each step type's own config
  (`StepType.check`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Flow, Step
from halodesk.engine.health_content import JsProblem, connections, contents
from halodesk.engine.health_dataflow import read_before_set, unused
from halodesk.engine.health_drivers import drivers
from halodesk.engine.health_graph import paths, shape, ways
from halodesk.engine.places import index
from halodesk.engine.registry import step_types

_ORDER = {"error": 0, "warning": 1, "hint": 2}


def findings(
    flow: Flow,
    js_problem: JsProblem | None = None,
    *,
    connected: Collection[str] | None = None,
    hints: bool = False,
) -> list[Finding]:
    """All findings, errors first, in the order of the steps.

    `js_problem`: what is wrong with an expression, or None. `connected`: the connections there are.
    """
    found: list[Finding] = [*shape(flow), *paths(flow), *connections(flow, connected)]
    known = index(flow)
    for step in flow.steps:
        found += _own(flow, step)
        found += ways(flow, step)
        found += contents(flow, step, known, js_problem)
        found += drivers(step)
    for inner in (inner for template in flow.templates for inner in template.steps):
        found += _own(flow, inner) if inner.type != "end" else ()
        found += contents(flow, inner, known, js_problem)
        found += drivers(inner)
    found += read_before_set(flow)
    found += unused(flow) if hints else ()
    return sorted(found, key=lambda finding: _ORDER[finding.severity])


def _own(flow: Flow, step: Step) -> Iterator[Finding]:
    kind = step_types().get(step.type)
    if kind is not None:
        yield from kind.check(flow, step)
        return
    yield error(
        "unknown_step_type",
        step,
        f'This version does not know the step type "{step.type}".',
        "Update HaloDesk, or choose a known type.",
    )
