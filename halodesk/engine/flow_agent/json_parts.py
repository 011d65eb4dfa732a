"""Reading decoded JSON part by part, with the place (RFC 6901) in every complaint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from halodesk.engine.errors import DocumentError

DEEPEST = 64
"""Levels of nesting."""


def messages(item: Mapping[str, Any], key: str, pointer: str) -> tuple[str, ...]:
    """The texts of a list of messages; empty ones are left out."""
    found = []
    for index, one in enumerate(entries(item, key, pointer)):
        place = f"{pointer}/{key}/{index}"
        found.append(one if isinstance(one, str) else text(mapping(one, place), "content", place))
    return tuple(text for text in found if text.strip())


def words(item: Mapping[str, Any], key: str, pointer: str) -> tuple[str, ...]:
    """A list of names."""
    found = entries(item, key, pointer)
    if not all(isinstance(one, str) for one in found):
        raise DocumentError(f"{pointer}/{key}", "a list of names", 'Write ["name", "other"].')
    return tuple(found)


def entries(item: Mapping[str, Any], key: str, pointer: str) -> list[Any]:
    """A list, or none."""
    value = item.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DocumentError(f"{pointer}/{key}", "a list", "Put square brackets around the entries.")
    return value


def mapping(value: Any, pointer: str) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise DocumentError(pointer, "an object", "Put curly braces around it.")
    return value


def text(item: Mapping[str, Any], key: str, pointer: str, *, required: bool = False) -> str:
    """Text; empty where there is none."""
    value = item.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise DocumentError(f"{pointer}/{key}", "text", f'Give "{key}" as text.')
    return value


def flag(item: Mapping[str, Any], key: str, pointer: str, usual: bool) -> bool:
    """True or false."""
    value = item.get(key)
    if value is None:
        return usual
    if not isinstance(value, bool):
        raise DocumentError(f"{pointer}/{key}", "true or false", "Write it without quotes.")
    return value


def number(item: Mapping[str, Any], key: str, pointer: str) -> float | None:
    """A number, or none."""
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DocumentError(f"{pointer}/{key}", "a number", "Write it without quotes.")
    return value


def seconds(item: Mapping[str, Any], key: str, pointer: str, usual: float) -> float:
    """A time-out."""
    value = number(item, key, pointer)
    if value is None:
        return usual
    if not 0 < value <= 60:
        raise DocumentError(f"{pointer}/{key}", "seconds from 0 to 60", "Choose a shorter time.")
    return float(value)


def shallow(raw: dict[str, Any]) -> None:
    """Refuses what is nested so deeply that recursion over it could fail."""
    level: list[Any] = [raw]
    for _ in range(DEEPEST):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise DocumentError("", f"at most {DEEPEST} levels of nesting", "Flatten the objects inside each other.")
