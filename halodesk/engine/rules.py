"""Questions about a step and a session that the core, the page and the health check all ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from halodesk.engine.commands import Refused
from halodesk.engine.conditions import holds, is_empty
from halodesk.engine.flow import Field, Flow, Step
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.roles import holds_role
from halodesk.engine.sealed import is_sealed
from halodesk.engine.session import Session, Visit, scope
from halodesk.engine.steps.for_each import LOOPS


def is_sensitive(step: Step) -> bool:
    """Whether recording must be masked while this step is open."""
    known = step_types().get(step.type)
    encrypted = any(field.type == "encrypted" for field in step.fields)
    return step.mask or encrypted or (known is not None and known.sensitive)


UNLOCKED = "unlocked:"
"""Name, with the step's key behind it, of the value that says who has opened a step for a role."""


def lacks_role(step: Step, state: Session, roles: Sequence[str]) -> str:
    """The role that working this visit of a step takes and nobody here has; empty: go on."""
    if holds_role(step.required_role, roles):
        return ""
    opened = state.values.get(f"{UNLOCKED}{state.step}")
    if isinstance(opened, dict) and opened.get("visit") == state.visit:
        return ""
    return step.required_role


def visible_fields(step: Step, state: Session) -> tuple[Field, ...]:
    """The step's fields whose `show_when` holds now."""
    values = scope(state)
    return tuple(field for field in step.fields if holds(field.show_when, values))


def is_required(field: Field, state: Session) -> bool:
    """Whether the field must be answered now."""
    return field.required or (bool(field.required_when) and holds(field.required_when, scope(state)))


def broken_rule(field: Field, value: Any, state: Session) -> str:
    """Which of the field's own rules (`validate`) this value breaks, in words; or nothing."""
    if value is None or not field.validate:
        return ""
    values = {**scope(state), field.name: value}
    broken = next((check for check in field.validate if not holds(check.must, values)), None)
    return "" if broken is None else broken.message or "This value cannot be taken here."


def missing(step: Step, state: Session) -> dict[str, str]:
    """Visible fields that stop a submit, for want of a value or for a broken rule: name to the words."""
    errors: dict[str, str] = {}
    for field in visible_fields(step, state):
        known = field_types().get(field.type)
        if field.type == "encrypted" or known is None:
            lacks = is_empty(state.secrets.get(field.name)) and not is_kept(field, state)
        else:
            lacks = known.lacks(field, state.values.get(field.name))
        if lacks and is_required(field, state):
            errors[field.name] = f"{field.label or field.name} is still missing."
        elif broken := broken_rule(field, state.values.get(field.name), state):
            errors[field.name] = broken
    return errors


def is_kept(field: Field, state: Session) -> bool:
    """Whether a sealed field has its envelope already. In a loop each turn asks anew: another person's."""
    return is_sealed(state.values.get(field.name)) and not state.values.get(LOOPS)


def was_shown(flow: Flow, state: Session, visit: Visit) -> bool:
    """Whether the agent saw a page on that visit."""
    step = flow.step(visit.step)
    known = step_types().get(step.type) if step else None
    if step is None or known is None or not known.has_page(step):
        return False
    return not known.skips(flow, step, replace(state, values=visit.values, cart=visit.cart))


def wants_time(flow: Flow, state: Session) -> bool:
    """Whether `commands.Tick` could change anything: the open page has an end in time."""
    step = flow.step(state.step)
    known = step_types().get(step.type) if step else None
    return (
        state.status == "running"
        and state.stage == "page"
        and step is not None
        and known is not None
        and known.seconds(step) > 0
    )


def wrap_up_step(flow: Flow) -> Step | None:
    """Where a session goes when its call ends in mid-flow: the first end step."""
    return next((step for step in flow.steps if step.type == "end"), None)


def previous_page(flow: Flow, state: Session) -> str | Refused:
    """The step that Back leads to."""
    if state.here is not None:
        return Refused(code="busy", message="Please wait: this step is still working.")
    if state.call_left:
        return Refused(code="call_over", message="The call is over: only its wrap-up is left.")
    if state.unsettled is not None:
        return Refused(
            code="charge_unsettled",
            message="A charge is not settled yet: going back could charge the card twice.",
        )
    if state.cart.frozen:
        return Refused(code="paid", message="The order is paid: earlier steps can no longer be changed.")
    for visit in reversed(state.path[:-1]):
        if was_shown(flow, state, visit):
            return visit.step
    return Refused(code="first_step", message="This is the first step.")
