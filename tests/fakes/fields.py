"""One field in hand: what its type makes of an input."""

from __future__ import annotations

from typing import Any

from halodesk.engine.fields.base import Problem
from halodesk.engine.flow import Field, Option
from halodesk.engine.registry import field_types

OPTIONS = (Option(value="a", label="Alpha"), Option(value="b", label="Beta"), Option(value="c"))


def field(type_: str, *, options: tuple[Option, ...] = (), **config: Any) -> Field:
    """A field of that type."""
    return Field(name="x", type=type_, options=options, config=config)


def take(found: Field, raw: Any) -> Any:
    """The accepted value; a refusal fails the test."""
    value = field_types()[found.type].normalise(found, raw)
    assert not isinstance(value, Problem), value
    return value


def refuse(found: Field, raw: Any) -> str:
    """The words of the refusal; an accepted value fails the test."""
    value = field_types()[found.type].normalise(found, raw)
    assert isinstance(value, Problem), value
    assert value.message
    return value.message


def show(found: Field, value: Any) -> str:
    """The value in words."""
    return field_types()[found.type].show(found, value)


def wrong(found: Field) -> list[str]:
    """What is wrong with the field's own config."""
    return list(field_types()[found.type].check(found))
