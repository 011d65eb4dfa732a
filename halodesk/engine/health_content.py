"""The part of the health check that looks into each step: fields, texts, cart, functions, connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from halodesk.engine.cart_changes import tried
from halodesk.engine.errors import TemplateError
from halodesk.engine.fields.encrypted import KINDS
from halodesk.engine.findings import Finding, error, reserved, warning
from halodesk.engine.flow import Field, Flow, Step
from halodesk.engine.health_conditions import bad_pattern, conditions
from halodesk.engine.health_graph import pages
from halodesk.engine.health_secrets import edges
from halodesk.engine.languages import texts_of
from halodesk.engine.patterns import pattern_problem
from halodesk.engine.places import Index, expressions, texts
from halodesk.engine.registry import cart_actions, field_types, step_types
from halodesk.engine.rules import is_sensitive
from halodesk.engine.session import SYSTEM_NAMES
from halodesk.engine.template import names

JsProblem = Callable[[str], "str | None"]
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_CARD_WORDS = re.compile(
    r"\b(card[ _-]?(number|no|num)|credit[ _-]?card|pan|cvv2?|cvc2?|security[ _-]?code|ssn"
    r"|social[ _-]?security)\b",
    re.IGNORECASE,
)
"""What a field is called that asks for card data or a social security number."""
_TYPED = ("text", "text_area", "number", "phone")


def contents(flow: Flow, step: Step, known: Index, js_problem: JsProblem | None) -> Iterator[Finding]:
    """Findings inside one step."""
    yield from _fields(flow, step, known)
    yield from conditions(flow, step)
    yield from pages(step)
    yield from _plain_secrets(step)
    yield from _role(step)
    yield from edges(step, known)
    yield from _texts(step, known)
    yield from translations(flow, step, known)
    yield from _cart(flow, step, known)
    yield from _functions(step, known, js_problem)


def _role(step: Step) -> Iterator[Finding]:
    kind = step_types().get(step.type)
    if step.required_role and kind is not None and not kind.has_page(step):
        yield error(
            "role_without_page",
            step,
            "A step without a page cannot ask who works it: the role would count for nothing.",
            "Put the role on the page that leads to it.",
        )


def _pattern(pattern: object, step: Step, field: str = "") -> Iterator[Finding]:
    problem = pattern_problem(pattern) if isinstance(pattern, str) else "it is no text"
    if problem:
        yield bad_pattern(step, problem, field)


def _functions(step: Step, known: Index, js_problem: JsProblem | None) -> Iterator[Finding]:
    for target, expression in expressions(step):
        if target in SYSTEM_NAMES:
            yield reserved(target, step)
        read = set(_WORD.findall(expression)) & known.secret
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


def _fields(flow: Flow, step: Step, known: Index) -> Iterator[Finding]:
    for field in step.fields:
        kind = field_types().get(field.type)
        for wrong in kind.check(field) if kind is not None else ():
            yield error(
                "field_config",
                step,
                f'"{field.label or field.name}" is not set up right: {wrong}.',
                "Correct its config.",
                field.name,
            )
        yield from _source(flow, step, field, known)
        if field.type not in field_types():
            yield error(
                "unknown_field_type",
                step,
                f'This version does not know the field type "{field.type}".',
                "Update HaloDesk, or choose a known type.",
                field.name,
            )
        if field.type in ("dropdown", "radio_group", "multi_select") and not (field.options or field.source):
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


def _source(flow: Flow, step: Step, field: Field, known: Index) -> Iterator[Finding]:
    first = field.source.split(".")[0]
    if not field.source or flow.data_source(field.source) is not None:
        return
    if first in known.secret or first not in known.declared:
        yield error(
            "unknown_source",
            step,
            f'"{field.label or field.name}" takes its options from "{field.source}", which is neither a data '
            "source of the flow nor a variable.",
            "Correct the name, or declare the data source.",
            field.name,
        )


def _plain_secrets(step: Step) -> Iterator[Finding]:
    """Card data asked for in the open: nothing is masked for a field of another type."""
    for field in step.fields:
        if field.type not in _TYPED or is_sensitive(step):
            continue
        asked = _CARD_WORDS.search(f"{field.name.replace('_', ' ')} / {field.label}")
        if asked is not None:
            yield warning(
                "secret_outside_mask",
                step,
                f'"{field.label or field.name}" seems to ask for a secret ({asked[0]}) on the record.',
                "Make it an encrypted field; the recording is then masked.",
                field.name,
            )


def translations(flow: Flow, step: Step, known: Index) -> Iterator[Finding]:
    """Each text in each language, readable, with the same values in it as the original."""
    own = dict.fromkeys(text for text in texts_of(step) if text.strip()) if flow.languages else ()
    for language in flow.languages[1:]:
        there = flow.translations.get(language, {})
        missing = [text for text in own if not there.get(text, "").strip()]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            yield warning(
                "missing_translation",
                step,
                f'In "{language}" there is no text for “{missing[0][:60]}”{more}.',
                "Add it to the translations of the flow.",
            )
        for text in own:
            if text in there and "{" in there[text]:
                yield from _text(step, there[text], known)


def connections(flow: Flow, known: Collection[str] | None) -> Iterator[Finding]:
    """Connections that steps and data sources name are some, and among those that are `known`."""
    for step in flow.every_step():
        named = step.config.get("connection")
        if isinstance(named, str) and named != "gateway":
            yield from _connection(step, named, known)
    for source in flow.data_sources:
        if source.query and not source.rows:
            yield from _connection(None, source.connection, known)


def _connection(step: Step | None, named: str, known: Collection[str] | None) -> Iterator[Finding]:
    if not named.strip():
        yield error(
            "unknown_connection", step, "It is not said which connection is used.", "Name a connection."
        )
    elif known is not None and named not in known:
        yield error(
            "unknown_connection",
            step,
            f'There is no connection "{named}" here.',
            f"Use one of {', '.join(sorted(known)) or 'none'}, or have IT set it up.",
        )


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


def _texts(step: Step, known: Index) -> Iterator[Finding]:
    for place in texts(step):
        yield from _text(step, place, known)


def _text(step: Step, text: str, known: Index) -> Iterator[Finding]:
    try:
        used = names(text)
    except TemplateError as problem:
        yield error("template", step, f"The text does not parse. {problem.message}", problem.todo)
        return
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


def _cart(flow: Flow, step: Step, known: Index) -> Iterator[Finding]:
    for action in step.cart_actions:
        item = action.args.get("item")
        literal = isinstance(item, str) and "{{" not in item
        if action.action not in cart_actions():
            yield error(
                "unknown_cart_action",
                step,
                f'This version does not know the cart action "{action.action}".',
                f"Use one of {', '.join(cart_actions())}.",
            )
        elif literal and flow.catalogue.product(str(item)) is None:
            yield error(
                "unknown_product", step, f'The catalogue has no product "{item}".', "Correct the key."
            )
        elif refused := tried(action.action, action.args, flow.catalogue):
            yield error("cart_action", step, refused.message, "Correct the values of the action.")
        for value in action.args.values():
            if isinstance(value, str) and "{{" in value:
                yield from _text(step, value, known)
