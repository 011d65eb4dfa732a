"""Arguments of functions: checked against their JSON Schema, bound from what is known.

Rules:
- What the model writes is believed only after it parsed as a JSON object and fits the schema (JSON
  Schema 2020-12). No value is bent to fit: "5" is no number.
- What a schema does not declare is dropped: a made-up argument reaches no webhook.
- A schema refers to nothing outside itself, and its patterns are RE2, which cannot hang.
- A tool's argument comes from, in this order: its template or the model's own words, what was
  collected, the context, the call. A required one that nothing gives means that it is not called.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from halodesk.engine.flow_agent import texts
from halodesk.engine.flow_agent.document import Tool
from halodesk.engine.flow_agent.inputs import CallMeta
from halodesk.engine.patterns import full_match, pattern_problem

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

LONGEST = 20_000
"""Characters of the arguments of one call."""
_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


class WrongArguments(Exception):  # control flow inside this package, never shown as an error
    """Arguments that are refused; the text tells the model why."""


def parsed(text: str) -> dict[str, Any]:
    """The model's text as an object. Raises `WrongArguments`."""
    if len(text) > LONGEST:
        raise WrongArguments(f"The arguments are longer than {LONGEST} characters.")
    try:
        value = msgspec.json.decode(text.encode() if text.strip() else b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise WrongArguments("The arguments are not a JSON object. Write them as JSON.") from None
    if not isinstance(value, dict):
        raise WrongArguments("The arguments are not a JSON object. Write them as JSON.")
    return value


def checked(value: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """What the schema declares of a value that fits it. Raises `WrongArguments` with every fault."""
    declared = schema.get("properties", {})
    kept = {key: item for key, item in value.items() if key in declared}
    faults = {_words(error) for error in _validator(_key(schema)).iter_errors(kept)}
    if faults:
        raise WrongArguments(" ".join(sorted(faults)[:5]))
    return kept


def schema_problem(schema: Mapping[str, Any]) -> str:
    """What is wrong with a schema, or nothing."""
    return _schema_problem(_key(schema))


@functools.lru_cache(maxsize=1024)
def _schema_problem(text: bytes) -> str:
    schema = msgspec.json.decode(text)
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
        _validator(text).is_valid({})
    except SchemaError as error:
        return error.message.rstrip(".") + "."
    except Exception as error:  # a reference to nowhere is of no public class
        return f"{error}".rstrip(".") + "."
    return next(_pattern_faults(schema), "")


def bound(
    tool: Tool,
    given: Mapping[str, Any],
    *,
    collected: Mapping[str, Any],
    context: Mapping[str, Any],
    call: CallMeta,
) -> dict[str, Any]:
    """Arguments of a tool. Raises `WrongArguments` for what is missing or does not fit."""
    sources = (given, collected, context, facts(call))
    found: dict[str, Any] = {}
    for name in tool.schema["properties"]:
        value = next((one[name] for one in sources if one.get(name) not in (None, "")), None)
        if value is not None:
            found[name] = value
    return checked(found, tool.schema)


def facts(call: CallMeta) -> dict[str, Any]:
    """The call as variables."""
    known = {
        "call_id": call.id,
        "direction": call.direction,
        "phone_number": call.number,
        "caller_number": call.number,
        "caller_name": call.name,
        "called_number": call.called,
    }
    return {key: value for key, value in known.items() if value}


def filled(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The templates of a pre-action, filled in; those without a value are left out."""
    found = {key: texts.filled_value(item, values) for key, item in template.items()}
    return {key: value for key, value in found.items() if value not in (None, "")}


def key_of(call: str, node: str, epoch: int, tool: str, arguments: Mapping[str, Any]) -> str:
    """Idempotency key of one call: the same call gives the same key, on every try and after a crash."""
    parts = [call, node, str(epoch), tool, msgspec.json.encode(dict(arguments), order="sorted").decode()]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def _key(schema: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(dict(schema))


@functools.lru_cache(maxsize=1024)
def _validator(schema: bytes) -> Validator:
    # here, not above: building the classes takes a quarter of a second
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend
    from referencing import Registry

    def pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and not full_match(f"(?s).*(?:{pattern}).*", value):
            yield ValidationError(f"does not match {pattern}")

    extended: Any = extend  # without types in its stubs
    kind = extended(Draft202012Validator, {"pattern": pattern})
    registry: Registry[Any] = Registry()
    found: Validator = kind(msgspec.json.decode(schema), registry=registry)
    return found


def _words(error: Any) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    rule, wanted = error.validator, error.validator_value
    if rule == "required":
        names = [name for name in wanted if name not in error.instance]
        return f"Missing: {', '.join(names)}."
    name = f'"{where}"' if where else "The value"
    match rule:
        case "enum":
            allowed = ", ".join(texts.as_text(one) for one in wanted)
            return f"{name} must be one of: {allowed}."
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return f"{name} must be {' or '.join(_TYPES.get(kind, kind) for kind in kinds)}."
        case "minimum":
            return f"{name} must be at least {wanted}."
        case "maximum":
            return f"{name} must be at most {wanted}."
    return f"{name} does not fit the rule {rule}: {str(wanted)[:80]}."


def _pattern_faults(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and (problem := pattern_problem(pattern)):
            yield f"The pattern {pattern!r} cannot be used: {problem}."
        for item in schema.values():
            yield from _pattern_faults(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from _pattern_faults(item)
