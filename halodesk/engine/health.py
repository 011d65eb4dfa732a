"""The health check of a flow: what would fail a caller, found before one calls.

Rules:
- Linear in steps and routes.
- A finding has a code, the place, words and a fix; errors block publishing.
- JavaScript can only be parsed outside; the caller hands in `js_problem`, a function from
  an expression to what is wrong with it, or None where no worker is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from halodesk.engine.cart import ACTIONS
from halodesk.engine.conditions import OPERATORS
from halodesk.engine.errors import TemplateError
from halodesk.engine.fields.encrypted import KINDS
from halodesk.engine.findings import Finding
from halodesk.engine.flow import Condition, Field, Flow, Step
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.rules import is_sensitive
from halodesk.engine.session import SYSTEM_NAMES
from halodesk.engine.template import check, names

JsProblem = Callable[[str], "str | None"]


def findings(flow: Flow, js_problem: JsProblem | None = None) -> list[Finding]:
    """All findings, errors first, in the order of the steps."""
    found: list[Finding] = [*_shape(flow), *_paths(flow)]
    declared = _declared(flow)
    secret = {field.name for step in flow.steps for field in step.fields if field.type == "encrypted"}
    for step in flow.steps:
        known = step_types().get(step.type)
        if known is None:
            found.append(
                _error(
                    "unknown_step_type",
                    step,
                    f'This version does not know the step type "{step.type}".',
                    "Update HaloDesk, or choose a known type.",
                )
            )
        else:
            found += known.check(flow, step)
        found += _routes(flow, step)
        found += _fields(step)
        found += _conditions(step, declared, secret)
        found += _texts(step, declared, secret)
        found += _cart(flow, step)
        for function in step.functions:
            problem = js_problem(function.expression) if js_problem else None
            if problem:
                found.append(
                    _error(
                        "javascript",
                        step,
                        f"The function for {function.target} does not parse: {problem}.",
                        "Correct the expression.",
                        function.target,
                    )
                )
    order = {"error": 0, "warning": 1, "hint": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def targets(step: Step) -> Iterator[str]:
    """Where a step can lead."""
    yield from (route.to for route in step.routes)
    yield from (function.on_error for function in step.functions if function.on_error)
    if step.fallback:
        yield step.fallback
    if step.config.get("on_unknown"):
        yield str(step.config["on_unknown"])


def _error(code: str, step: Step | None, message: str, fix: str, field: str = "") -> Finding:
    return Finding(
        severity="error", code=code, step=step.key if step else "", field=field, message=message, fix=fix
    )


def _warning(code: str, step: Step, message: str, fix: str, field: str = "") -> Finding:
    return Finding(severity="warning", code=code, step=step.key, field=field, message=message, fix=fix)


def _shape(flow: Flow) -> Iterator[Finding]:
    starts = [step for step in flow.steps if step.type == "start"]
    if len(starts) != 1:
        yield _error(
            "start_steps",
            starts[1] if starts else None,
            f"A flow has exactly one start step; this has {len(starts)}.",
            "Keep one start step.",
        )
    if flow.step(flow.start) is None:
        yield _error(
            "missing_step",
            None,
            f'The flow starts at "{flow.start}", which does not exist.',
            "Name an existing step.",
        )
    if not any(step.type == "end" for step in flow.steps):
        yield _error("no_end", None, "This flow has no end step.", "Add an end with a disposition.")
    seen: set[str] = set()
    for step in flow.steps:
        if step.key in seen:
            yield _error("duplicate_name", step, f'Two steps are called "{step.key}".', "Rename one.")
        seen.add(step.key)
    owner: dict[str, str] = {}
    for step in flow.steps:
        for field in step.fields:
            if field.name in owner:
                yield _error(
                    "duplicate_name",
                    step,
                    f'The field "{field.name}" is also in the step "{owner[field.name]}".',
                    "Rename one.",
                    field.name,
                )
            if field.name in SYSTEM_NAMES:
                yield _error(
                    "reserved_name",
                    step,
                    f'"{field.name}" is a name of the system.',
                    "Rename the field.",
                    field.name,
                )
            owner.setdefault(field.name, step.key)


def _paths(flow: Flow) -> Iterator[Finding]:
    forward = _spread([flow.start], {step.key: list(targets(step)) for step in flow.steps})
    into: dict[str, list[str]] = {}
    for step in flow.steps:
        for target in targets(step):
            into.setdefault(target, []).append(step.key)
    to_end = _spread([step.key for step in flow.steps if step.type == "end"], into)
    for step in flow.steps:
        if step.key not in forward:
            yield _error("unreachable", step, "No way leads to this step.", "Route to it, or delete it.")
        elif step.key not in to_end:
            yield _error("no_way_out", step, "No way leads from here to an end.", "Route it towards an end.")


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
            yield _error(
                "missing_step",
                step,
                f'A route leads to "{target}", which does not exist.',
                "Name an existing step.",
            )
    always = next((index for index, route in enumerate(step.routes) if not route.when), None)
    for route in step.routes[(always if always is not None else len(step.routes)) + 1 :]:
        yield _warning(
            "shadowed_route",
            step,
            f'The route "{route.label or route.to}" can never be taken: one before it always holds.',
            "Move it up, or delete it.",
        )
    seen: list[tuple[Condition, ...]] = []
    for route in step.routes:
        if route.when and route.when in seen:
            yield _warning(
                "shadowed_route",
                step,
                f'The route "{route.label or route.to}" has the same conditions as one before it.',
                "Delete one of the two.",
            )
        seen.append(route.when)
    if step.type != "end" and not step.fallback and always is None:
        yield _error("missing_fallback", step, "Nothing is taken when no route holds.", "Set a fallback.")


def _fields(step: Step) -> Iterator[Finding]:
    for field in step.fields:
        if field.type not in field_types():
            yield _error(
                "unknown_field_type",
                step,
                f'This version does not know the field type "{field.type}".',
                "Update HaloDesk, or choose a known type.",
                field.name,
            )
        if field.type in ("dropdown", "radio_group") and not field.options:
            yield _error(
                "no_options",
                step,
                f'"{field.label or field.name}" has nothing to choose from.',
                "Add options.",
                field.name,
            )
        if field.type == "encrypted":
            yield from _encrypted(step, field)
    if not is_sensitive(step) and any(field.type == "encrypted" for field in step.fields):
        yield _error("not_masked", step, "Secrets are asked for without a mask.", "Set mask to true.")


def _encrypted(step: Step, field: Field) -> Iterator[Finding]:
    if field.kind not in KINDS:
        yield _error(
            "encrypted_kind",
            step,
            f'"{field.kind}" is no kind of secret.',
            f"Use one of {', '.join(KINDS)}.",
            field.name,
        )
    if field.retention not in ("capture", "sealed"):
        yield _error(
            "retention",
            step,
            "It is not said what becomes of this secret.",
            'Set retention to "capture" or "sealed".',
            field.name,
        )
    if field.kind == "cvv" and field.retention == "sealed":
        yield _error(
            "cvv_kept",
            step,
            "A security code must never be kept (PCI DSS 3.3.1).",
            'Set retention to "capture".',
            field.name,
        )
    if field.default is not None:
        yield _error("secret_default", step, "A secret has no default.", "Remove the default.", field.name)


def _declared(flow: Flow) -> set[str]:
    declared = {variable.name for variable in flow.variables} | set(SYSTEM_NAMES)
    for step in flow.steps:
        declared |= {field.name for field in step.fields}
        declared |= {function.target for function in step.functions}
        target = step.config.get("target")
        declared |= {target} if isinstance(target, str) else set()
    return declared


def _all(conditions: Iterable[Condition]) -> Iterator[Condition]:
    for condition in conditions:
        if condition.any_of:
            yield from _all(condition.any_of)
        else:
            yield condition


def _conditions(step: Step, declared: set[str], secret: set[str]) -> Iterator[Finding]:
    lists = [
        *(route.when for route in step.routes),
        *(field.show_when + field.required_when for field in step.fields),
        *(action.when for action in step.cart_actions),
    ]
    for condition in _all(condition for conditions in lists for condition in conditions):
        first = condition.variable.split(".")[0]
        if condition.op not in OPERATORS:
            yield _error(
                "unknown_operator",
                step,
                f'"{condition.op}" is no operator.',
                f"Use one of {', '.join(OPERATORS)}.",
            )
        if first in secret:
            yield _error(
                "secret_in_condition",
                step,
                f'A condition reads the secret "{first}".',
                "Secrets cannot be compared.",
                first,
            )
        elif first not in declared:
            yield _error(
                "unknown_variable",
                step,
                f'A condition reads "{condition.variable}", which nothing sets.',
                "Correct the name.",
                condition.variable,
            )


def _texts(step: Step, declared: set[str], secret: set[str]) -> Iterator[Finding]:
    for place in (step.title, str(step.config.get("body", ""))):
        try:
            check(place)
            used = names(place)
        except TemplateError as error:
            yield _error("template", step, f"The text does not parse. {error.message}", error.todo)
            continue
        for name in sorted(used & secret):
            yield _error("secret_in_text", step, f'The text shows the secret "{name}".', "Remove it.", name)
        for name in sorted(used - declared):
            yield _warning(
                "unknown_variable",
                step,
                f'The text reads "{name}", which nothing sets.',
                "Correct the name.",
                name,
            )


def _cart(flow: Flow, step: Step) -> Iterator[Finding]:
    for action in step.cart_actions:
        if action.action not in ACTIONS:
            yield _error(
                "unknown_cart_action",
                step,
                f'This version does not know the cart action "{action.action}".',
                f"Use one of {', '.join(ACTIONS)}.",
            )
        item = action.args.get("item")
        if item is not None and flow.catalogue.product(str(item)) is None:
            yield _error(
                "unknown_product", step, f'The catalogue has no product "{item}".', "Correct the key."
            )
