"""`{{variable}}` in greetings, messages, addresses and arguments of flow agents.

Rules:
- A name alone is filled in, with dots for parts of an object; nothing is computed.
- Values are text, never templates again: a caller named `{{prompt}}` stays that.
- A name without a value leaves nothing behind, and the blank before it goes too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

_NAME = re.compile(r"(?P<blank>[ \t]?)\{\{\s*(?P<name>[A-Za-z_][\w.]*)\s*\}\}")
_WHOLE = re.compile(r"\{\{\s*(?P<name>[A-Za-z_][\w.]*)\s*\}\}")


def names(text: str) -> tuple[str, ...]:
    """The variables a text names, without what follows a dot, each once."""
    return tuple(dict.fromkeys(found["name"].split(".")[0] for found in _NAME.finditer(text)))


def look_up(values: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted name, or None."""
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def as_text(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def filled(text: str, values: Mapping[str, Any], quote: Callable[[str], str] = str) -> str:
    """The text with every variable filled in; `quote` treats each value first."""

    def one(found: re.Match[str]) -> str:
        value = as_text(look_up(values, found["name"]))
        return found["blank"] + quote(value) if value else ""

    return _NAME.sub(one, text)


def filled_value(template: Any, values: Mapping[str, Any]) -> Any:
    """A template of an argument: a text that is one variable keeps its value's type. None: no value."""
    if isinstance(template, str):
        whole = _WHOLE.fullmatch(template.strip())
        if whole is not None:
            return look_up(values, whole["name"])
        return filled(template, values)
    if isinstance(template, list):
        return [filled_value(item, values) for item in template]
    if isinstance(template, dict):
        return {key: filled_value(item, values) for key, item in template.items()}
    return template
