"""The part of the health check that looks into each step: fields, conditions, texts, cart, functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from halodesk.engine.cart import ACTIONS, Cart, CartRefusal, apply
from halodesk.engine.conditions import OPERATORS
from halodesk.engine.errors import DocumentError, TemplateError
from halodesk.engine.fields.encrypted import KINDS
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Condition, Field, Flow, Step
from halodesk.engine.patterns import pattern_problem
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.session import SYSTEM_NAMES
from halodesk.engine.template import names

JsProblem = Callable[[str], "str | None"]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow's conditions and texts may read, and what they must not."""

    declared: frozenset[str]
    secret: frozenset[str]

    @classmethod
    def of(cls, flow: Flow) -> Names:
        """All names of a flow."""
        declared = {variable.name for variable in flow.variables} | set(SYSTEM_NAMES)
        secret = set()
        for step in flow.every_step():
            declared |= {field.name for field in step.fields}
            declared |= {function.target for function in step.functions}
            secret |= {field.name for field in step.fields if field.type == "encrypted"}
            declared |= _sets(step)
        return cls(declared=frozenset(declared), secret=frozenset(secret))


def _sets(step: Step) -> set[str]:
    kind = step_types().get(step.type)
    try:
        return kind.sets(step) if kind is not None else set()
    except DocumentError:
        return set()  # its config is a finding of its own


def contents(flow: Flow, step: Step, known: Names, js_problem: JsProblem | None) -> Iterator[Finding]:
    """Findings inside one step."""
    yield from _fields(step)
    yield from _conditions(step, known)
    yield from _texts(step, known)
    yield from _cart(flow, step)
    yield from _functions(step, known, js_problem)


def reserved(name: str, step: Step | None) -> Finding:
    """A name the system uses itself."""
    return error("reserved_name", step, f'"{name}" is a name of the system.', "Choose another name.", name)


def _pattern(pattern: object, step: Step, field: str = "") -> Iterator[Finding]:
    problem = pattern_problem(pattern) if isinstance(pattern, str) else "it is no text"
    if problem:
        yield error(
            "bad_pattern",
            step,
            f"A pattern cannot be read: {problem}.",
            "Correct it (RE2 syntax: no look-around, no back-references).",
            field,
        )


def _functions(step: Step, known: Names, js_problem: JsProblem | None) -> Iterator[Finding]:
    expressions = [(function.target, function.expression) for function in step.functions]
    own = step.config.get("expression")
    if isinstance(own, str):
        expressions.append((str(step.config.get("target", "")), own))
    for target, expression in expressions:
        if target in SYSTEM_NAMES:
            yield reserved(target, step)
        read = set(re.findall(r"[A-Za-z_$][\w$]*", expression)) & known.secret
        for name in sorted(read | ({target} & known.secret)):
            yield error(
                "secret_in_expression",
                step,
                f'A function uses the secret "{name}".',
                "Secrets are in no expression.",
                name,
            )
        problem = js_problem(expression) if js_problem else None
        if problem:
            yield error(
                "javascript",
                step,
                f"The function for {target or step.title or step.key} does not parse: {problem.rstrip('.')}.",
                "Correct the expression.",
                target,
            )


def _fields(step: Step) -> Iterator[Finding]:
    for field in step.fields:
        if field.type not in field_types():
            yield error(
                "unknown_field_type",
                step,
                f'This version does not know the field type "{field.type}".',
                "Update HaloDesk, or choose a known type.",
                field.name,
            )
        if field.type in ("dropdown", "radio_group") and not field.options:
            yield error(
                "no_options",
                step,
                f'"{field.label or field.name}" has nothing to choose from.',
                "Add options.",
                field.name,
            )
        if field.name in SYSTEM_NAMES:
            yield reserved(field.name, step)
        if "pattern" in field.config:
            yield from _pattern(field.config["pattern"], step, field.name)
        if field.type == "encrypted":
            yield from _encrypted(step, field)


def _encrypted(step: Step, field: Field) -> Iterator[Finding]:
    if field.kind not in KINDS:
        yield error(
            "encrypted_kind",
            step,
            f'"{field.kind}" is no kind of secret.',
            f"Use one of {', '.join(KINDS)}.",
            field.name,
        )
    if field.retention not in ("capture", "sealed"):
        yield error(
            "retention",
            step,
            "It is not said what becomes of this secret.",
            'Set retention to "capture" or "sealed".',
            field.name,
        )
    if field.kind == "cvv" and field.retention == "sealed":
        yield error(
            "cvv_kept",
            step,
            "A security code must never be kept (PCI DSS 3.3.1).",
            'Set retention to "capture".',
            field.name,
        )
    if field.default is not None:
        yield error("secret_default", step, "A secret has no default.", "Remove the default.", field.name)


def _all(conditions: Iterable[Condition]) -> Iterator[Condition]:
    for condition in conditions:
        if condition.any_of:
            yield from _all(condition.any_of)
        else:
            yield condition


def _conditions(step: Step, known: Names) -> Iterator[Finding]:
    lists = [
        *(route.when for route in step.routes),
        *(field.show_when + field.required_when for field in step.fields),
        *(action.when for action in step.cart_actions),
    ]
    for condition in _all(condition for conditions in lists for condition in conditions):
        first = condition.variable.split(".")[0]
        if condition.op not in OPERATORS:
            yield error(
                "unknown_operator",
                step,
                f'"{condition.op}" is no operator.',
                f"Use one of {', '.join(OPERATORS)}.",
            )
        if condition.op == "matches":
            yield from _pattern(condition.value, step, condition.variable)
        if first in known.secret:
            yield error(
                "secret_in_condition",
                step,
                f'A condition reads the secret "{first}".',
                "Secrets cannot be compared.",
                first,
            )
        elif first not in known.declared:
            yield error(
                "unknown_variable",
                step,
                f'A condition reads "{condition.variable}", which nothing sets.',
                "Correct the name.",
                condition.variable,
            )


def _texts(step: Step, known: Names) -> Iterator[Finding]:
    for place in (step.title, str(step.config.get("body", ""))):
        try:
            used = names(place)
        except TemplateError as problem:
            yield error("template", step, f"The text does not parse. {problem.message}", problem.todo)
            continue
        for name in sorted(used & known.secret):
            yield error("secret_in_text", step, f'The text shows the secret "{name}".', "Remove it.", name)
        for name in sorted(used - known.declared):
            yield warning(
                "unknown_variable",
                step,
                f'The text reads "{name}", which nothing sets.',
                "Correct the name.",
                name,
            )


def _cart(flow: Flow, step: Step) -> Iterator[Finding]:
    for action in step.cart_actions:
        item = str(action.args.get("item", ""))
        if action.action not in ACTIONS:
            yield error(
                "unknown_cart_action",
                step,
                f'This version does not know the cart action "{action.action}".',
                f"Use one of {', '.join(ACTIONS)}.",
            )
        elif "item" in action.args and flow.catalogue.product(item) is None:
            yield error(
                "unknown_product", step, f'The catalogue has no product "{item}".', "Correct the key."
            )
        else:
            tried = apply(Cart(currency=flow.catalogue.currency), action.action, action.args, flow.catalogue)
            if isinstance(tried, CartRefusal):
                yield error("cart_action", step, tried.message, "Correct the values of the action.")
