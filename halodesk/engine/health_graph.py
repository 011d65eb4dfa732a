"""The part of the health check that looks at the shape of a flow: steps, routes, loops.

Rules:
- Linear in steps and routes: each pass goes through every edge a fixed number of times.
- A circle of steps is judged as a whole: something inside it must be able to end it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from halodesk.engine.findings import Finding, error, reserved, warning
from halodesk.engine.flow import Flow, Step
from halodesk.engine.places import atoms, config_names, config_of, guards, own_sets, read_by, takes_labels
from halodesk.engine.registry import step_types
from halodesk.engine.rules import is_sensitive
from halodesk.engine.session import SYSTEM_NAMES
from halodesk.engine.subscripts import targets


def shape(flow: Flow) -> Iterator[Finding]:
    """One start, an end, names that are there once and are free."""
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
    yield from _twice(flow)
    for variable in flow.variables:
        if variable.name in SYSTEM_NAMES:
            yield reserved(variable.name, None)


def _twice(flow: Flow) -> Iterator[Finding]:
    seen: set[str] = set()
    owner: dict[str, str] = {}
    for step in flow.steps:
        if step.key in seen:
            yield error("duplicate_name", step, f'Two steps are called "{step.key}".', "Rename one.")
        seen.add(step.key)
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


def paths(flow: Flow) -> Iterator[Finding]:
    """Every step can be reached and can reach an end; every circle can be left."""
    onward = {step.key: list(targets(step)) for step in flow.steps}
    into: dict[str, list[str]] = {}
    for key, leads in onward.items():
        for target in leads:
            into.setdefault(target, []).append(key)
    forward = _spread([flow.start], onward)
    to_end = _spread([step.key for step in flow.steps if step.type == "end"], into)
    if flow.start not in onward or not any(step.type == "end" for step in flow.steps):
        return  # said already, and it would be said of every step
    for step in flow.steps:
        if step.key not in forward:
            yield error("unreachable", step, "No way leads to this step.", "Route to it, or delete it.")
        elif step.key not in to_end and onward[step.key]:
            yield error("no_way_out", step, "No way leads from here to an end.", "Route it towards an end.")
    for circle in circles(onward):
        inside = [found for key in circle if (found := flow.step(key)) is not None]
        if all(found.key in to_end and found.key in forward for found in inside):
            yield from _circle(inside)


def _spread(begin: list[str], edges: dict[str, list[str]]) -> set[str]:
    seen, level = set(begin), list(begin)
    while level:
        found = {target for key in level for target in edges.get(key, ())} - seen
        seen |= found
        level = list(found)
    return seen


def circles(onward: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Groups of steps of which each leads to each other (Tarjan 1972), without recursion.

    In the order in which a way through the flow leaves them, the last first.
    """
    return [group for group in components(onward) if len(group) > 1 or group[0] in onward.get(group[0], ())]


def components(onward: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """As `circles`, with single steps too."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: dict[str, None] = {}
    found: list[list[str]] = []
    for root in onward:
        if root in number:
            continue
        trail = [(root, iter(onward[root]))]
        number[root] = low[root] = len(number)
        open_[root] = None
        while trail:
            here, leads = trail[-1]
            target = next(
                (one for one in leads if one in onward and (one not in number or one in open_)), None
            )
            if target is None:
                trail.pop()
                if trail:
                    low[trail[-1][0]] = min(low[trail[-1][0]], low[here])
                if low[here] == number[here]:
                    group: list[str] = []
                    while not group or group[-1] != here:
                        group.append(open_.popitem()[0])
                    found.append(group)
            elif target not in number:
                number[target] = low[target] = len(number)
                open_[target] = None
                trail.append((target, iter(onward[target])))
            else:
                low[here] = min(low[here], number[target])
    return found


def _circle(steps: list[Step]) -> Iterator[Finding]:
    names = " → ".join(step.title or step.key for step in reversed(steps[:6]))
    if all(is_sensitive(step) for step in steps):
        yield error(
            "mask_without_end",
            steps[-1],
            f"The recording stays masked round after round: {names}.",
            "Let a step of this circle be recorded.",
        )
    elif not _can_end(steps):
        yield error(
            "loop_without_counter",
            steps[-1],
            f"Nothing in this circle changes what decides whether it is left: {names}.",
            "Count the rounds with a function, or ask for a value inside it.",
        )


def _can_end(steps: list[Step]) -> bool:
    """Whether a round can come out otherwise than the one before it."""
    changed: set[str] = set()
    read: set[str] = set()
    for step in steps:
        if _decides_itself(step):
            return True
        changed |= {field.name for field in step.fields} | own_sets(step)
        changed |= {function.target for function in step.functions}
        if step.cart_actions or step.type in ("billing_shipping", "shipping_method"):
            changed.add("cart")
        for guard in guards(step):
            read |= {condition.variable.split(".")[0] for condition in atoms(guard.when)}
        if step.type == "switch":
            expression = str(step.config.get("expression", ""))
            read |= read_by(expression) | config_names(step)
            if "random" in expression or "now" in expression or "today" in expression:
                return True
    return bool(read & changed)


def _decides_itself(step: Step) -> bool:
    """Whether the step's own work, or the agent by its buttons, may lead to several places."""
    if step.type in ("for_each", "sub_script", "api_call", "wait", "transfer", "web_browser", "zip_lookup"):
        return True
    return any(name.startswith("on_") and value for name, value in step.config.items())


def ways(flow: Flow, step: Step) -> Iterator[Finding]:
    """Routes of a step that lead somewhere, and one for when none holds."""
    for target in targets(step):
        if flow.step(target) is None:
            yield error(
                "missing_step",
                step,
                f'A route leads to "{target}", which does not exist.',
                "Name an existing step.",
            )
    if step.type == "end":
        return
    if not any(True for _ in targets(step)):
        yield error("dead_end", step, "Nothing comes after this step.", "Set a fallback.")
    elif not step.fallback and not takes_labels(step) and all(route.when for route in step.routes):
        yield error("missing_fallback", step, "Nothing is taken when no route holds.", "Set a fallback.")


def pages(step: Step) -> Iterator[Finding]:
    """Fields are on a page, and secrets under a mask that somebody sees."""
    kind = step_types().get(step.type)
    if kind is None or config_of(step) is None or kind.has_page(step) or step.type == "end":
        return
    for field in step.fields:
        if field.type == "encrypted":
            yield error(
                "secret_outside_mask",
                step,
                f'The secret "{field.label or field.name}" is on a step without a page and a mask.',
                "Move it to a payment page or a mask_call step.",
                field.name,
            )
        else:
            yield warning(
                "field_never_asked",
                step,
                f'Nobody is asked for "{field.label or field.name}": this step has no page.',
                "Move the field to a step with a page.",
                field.name,
            )
