"""Who works a step: a human, a flow agent, or whichever of them has the call.

Rules:
- What a step says counts, else what the flow says, else it is a human.
- Some pages are a human's whatever they say: those that take secrets or are masked, those that need a
  person's hands (`StepType.hands`), those for a role, and texts that must be read word for word. There
  `either` means the human, and `flow_agent` on the step itself is an error of the health check.
- A step without a page is worked by nobody.
"""

from __future__ import annotations

from halodesk.engine.flow import Driver, Flow, Step
from halodesk.engine.registry import step_types
from halodesk.engine.rules import is_sensitive


def driver_of(flow: Flow, step: Step) -> Driver:
    """Who works this step."""
    wanted: Driver = step.driver or flow.driver
    return "human" if wanted == "human" or theirs(step) or not has_page(step) else wanted


def theirs(step: Step) -> str:
    """Why only a human may work this step, in words; empty where that is not so."""
    if is_sensitive(step):
        return "It takes secrets, and a flow agent never has one."
    kind = step_types().get(step.type)
    if kind is None or kind.hands:
        return kind.hands if kind is not None else "This version does not know its type."
    if step.required_role:
        return "It is for a role, and a flow agent has none."
    if step.config.get("verbatim"):
        return "Its text must be read word for word, and nobody can promise that of a language model."
    return ""


def driven(flow: Flow) -> bool:
    """Whether any step may be worked by a flow agent."""
    return any(driver_of(flow, step) != "human" for step in flow.every_step())


def has_page(step: Step) -> bool:
    """Whether there is anything to work."""
    kind = step_types().get(step.type)
    return kind is not None and kind.has_page(step)
