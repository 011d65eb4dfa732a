"""Where a step reads values and what it sets: conditions, texts, expressions, config.

Rules:
- Conditions of a config on `success` and `found` are about an outside answer, not about values of
  the session; they are left out here.
- Of an expression the names count that stand free: not in quotes, not behind a dot.
- All that is known of a flow as a whole is gathered once a flow object (`index`), so that a check
  of each step stays linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from halodesk.engine.errors import DocumentError, TemplateError
from halodesk.engine.flow import Condition, Field, Flow, Step, Template
from halodesk.engine.registry import step_types
from halodesk.engine.session import SYSTEM_NAMES
from halodesk.engine.steps.base import read_config
from halodesk.engine.subscripts import template_of
from halodesk.engine.template import names

GuardKind = Literal["route", "show", "required", "rule", "cart", "config"]
_ABOUT_ANSWERS = ("success", "found")
_QUOTED = re.compile(r"vars\s*\[\s*(['\"])(\w+)\1\s*\]|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_FREE = re.compile(r"(?<![\w$.])(?:vars\s*\??\.\s*)?([A-Za-z_$][\w$]*)")
_WORD = re.compile(r"[A-Za-z_]\w*")


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """A list of conditions that must all hold, and what depends on it."""

    kind: GuardKind
    place: str
    """Label or target of the route, name of the field or of the cart action, key of the config."""
    index: int
    when: tuple[Condition, ...]


def guards(step: Step) -> Iterator[Guard]:
    """All lists of conditions of a step that are not empty."""
    for index, route in enumerate(step.routes):
        if route.when:
            yield Guard(kind="route", place=route.label or route.to, index=index, when=route.when)
    for index, field in enumerate(step.fields):
        if field.show_when:
            yield Guard(kind="show", place=field.name, index=index, when=field.show_when)
        if field.required_when:
            yield Guard(kind="required", place=field.name, index=index, when=field.required_when)
        for check in field.validate:
            yield Guard(kind="rule", place=field.name, index=index, when=check.must)
    for index, action in enumerate(step.cart_actions):
        if action.when:
            yield Guard(kind="cart", place=action.action, index=index, when=action.when)
    for index, (place, when) in enumerate(_config_conditions(step)):
        yield Guard(kind="config", place=place, index=index, when=when)


def atoms(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """The single comparisons, those of OR groups too."""
    for condition in conditions:
        if condition.any_of:
            yield from atoms(condition.any_of)
        else:
            yield condition


def takes_labels(step: Step) -> bool:
    """Whether the step's own work says which route is taken, by its label."""
    kind = step_types().get(step.type)
    return kind is not None and kind.by_label


def config_of(step: Step) -> Any:
    """The config in the shape of its type, or None where it has another."""
    kind = step_types().get(step.type)
    try:
        return read_config(kind.config_type, step) if kind is not None else None
    except DocumentError:
        return None


def _config_conditions(step: Step) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    kind = step_types().get(step.type)
    if step.config and kind is not None and _has_conditions(kind.config_type):
        yield from _conditions_in(config_of(step), "config")


@lru_cache(maxsize=128)
def _has_conditions(config_type: Any) -> bool:
    """Whether a config of this shape may hold conditions on values."""
    parts = get_args(config_type) or (config_type,)
    return any(
        "Condition" in repr(hint) or any(_has_conditions(inner) for inner in _structs(hint))
        for part in parts
        for name, hint in get_type_hints(part).items()
        if name not in _ABOUT_ANSWERS
    )


def _structs(hint: Any) -> Iterator[Any]:
    for inner in get_args(hint) or (hint,):
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield inner
        elif get_args(inner):
            yield from _structs(inner)


def _conditions_in(value: Any, place: str) -> Iterator[tuple[str, tuple[Condition, ...]]]:
    if isinstance(value, tuple) and value and all(isinstance(one, Condition) for one in value):
        yield place, value
    elif isinstance(value, tuple):
        for one in value:
            yield from _conditions_in(one, place)
    elif isinstance(value, msgspec.Struct) and not isinstance(value, Condition):
        for name in value.__struct_fields__:
            if name not in _ABOUT_ANSWERS:
                yield from _conditions_in(getattr(value, name), name)


def expressions(step: Step) -> Iterator[tuple[str, str]]:
    """Target and JavaScript of the step's functions and of its own expression."""
    for function in step.functions:
        yield function.target, function.expression
    own = step.config.get("expression")
    if isinstance(own, str):
        yield str(step.config.get("target", "")), own


def read_by(expression: str) -> set[str]:
    """Names that stand free in an expression; words of JavaScript itself among them."""
    kept = _QUOTED.sub(lambda found: f" {found[2]} " if found[2] else " ", expression)
    return set(_FREE.findall(kept.replace("...", " ")))  # a spread reads a name, a member does not


def text_names(text: str) -> set[str]:
    """Names a text reads; none where it does not parse, which is a finding of its own."""
    try:
        return names(text)
    except TemplateError:
        return set()


def texts(step: Step) -> tuple[str, ...]:
    """What the agent reads of a step."""
    return (step.title, *(str(step.config.get(name, "")) for name in ("body", "verbatim")))


def config_names(step: Step) -> set[str]:
    """Names in the config beside its text: between braces, else every word that could be one."""
    found: set[str] = set()
    shaped = config_of(step)
    config = step.config if shaped is None else msgspec.to_builtins(shaped)
    for key, value in config.items():
        if key not in ("body", "verbatim", "expression"):
            for text in _strings(value):
                found |= text_names(text) if "{" in text else set(_WORD.findall(text))
    return found


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def sets(flow: Flow, step: Step) -> set[str]:
    """Names that have a value after the step: fields, functions, what its type brings."""
    found = {field.name for field in step.fields} | {function.target for function in step.functions}
    found |= own_sets(step)
    if step.type == "sub_script" and step.config.get("in") is None and step.config.get("out") is None:
        template = template_of(flow, step)
        found |= index(flow).inside.get(id(template), frozenset())
    return found


def named_roles(flow: Flow) -> tuple[str, ...]:
    """Roles that steps of the flow and their cart actions ask for."""
    found = {str(action.args.get("role", "")) for step in flow.every_step() for action in step.cart_actions}
    found |= {step.required_role for step in flow.every_step()} - {"agent"}
    return tuple(sorted(found - {""}))


def own_sets(step: Step) -> set[str]:
    """Names the step's type sets."""
    kind = step_types().get(step.type)
    try:
        return kind.sets(step) if kind is not None else set()
    except DocumentError:
        target = step.config.get("target")  # its config is a finding of its own
        return {target} if isinstance(target, str) else set()


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """All names of a flow, gathered once."""

    declared: frozenset[str]
    """What conditions and texts may read."""
    secret: frozenset[str]
    fields: Mapping[str, tuple[tuple[Step, Field], ...]]
    computed: frozenset[str]
    """Set by functions, by step types or as variables: by something else than a field."""
    begun: frozenset[str]
    """Have a value from the beginning."""
    inside: Mapping[int, frozenset[str]]
    """What the steps of a template set, by the identity of the template."""


_known: dict[int, tuple[Flow, Index]] = {}


def index(flow: Flow) -> Index:
    """The names of a flow, from memory where it was asked for lately."""
    known = _known.get(id(flow))
    if known is None or known[0] is not flow:
        if len(_known) > 16:
            _known.clear()
        known = (flow, _index(flow))
        _known[id(flow)] = known
    return known[1]


def _index(flow: Flow) -> Index:
    fields: dict[str, tuple[tuple[Step, Field], ...]] = {}
    computed = {variable.name for variable in flow.variables}
    begun = {variable.name for variable in flow.variables if variable.default is not None}
    secret = set()
    for step in flow.every_step():
        for field in step.fields:
            fields[field.name] = (*fields.get(field.name, ()), (step, field))
            if field.type == "encrypted":
                secret.add(field.name)
            if field.default is not None:
                begun.add(field.name)
        computed |= {function.target for function in step.functions} | own_sets(step)
    system = set(SYSTEM_NAMES)
    return Index(
        declared=frozenset(computed | set(fields) | system),
        secret=frozenset(secret),
        fields=fields,
        computed=frozenset(computed),
        begun=frozenset(begun | system),
        inside={id(template): _set_inside(template) for template in flow.templates},
    )


def _set_inside(template: Template) -> frozenset[str]:
    found: set[str] = set()
    for step in template.steps:
        found |= {field.name for field in step.fields} | own_sets(step)
        found |= {function.target for function in step.functions}
    return frozenset(found)
