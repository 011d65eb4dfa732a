"""The part of the health check that looks at who is to work each step."""

from __future__ import annotations

from collections.abc import Iterator

from halodesk.engine.drivers import has_page, theirs
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Step
from halodesk.engine.rules import is_sensitive


def drivers(step: Step) -> Iterator[Finding]:
    """What the health check finds: a driver who must not, or who has nothing to drive."""
    if not step.driver:
        return
    why = theirs(step)
    if step.driver == "flow_agent" and is_sensitive(step):
        yield error(
            "driver_secret", step, f"A flow agent is to work this step. {why}", 'Set "driver" to "human".'
        )
    elif step.driver == "flow_agent" and why:
        yield error(
            "driver_hands", step, f"A flow agent is to work this step. {why}", 'Set "driver" to "human".'
        )
    elif step.driver != "human" and not has_page(step):
        yield warning(
            "driver_without_page",
            step,
            "A step without a page is worked by nobody: its driver counts for nothing.",
            "Put it on the page that leads to it.",
        )
