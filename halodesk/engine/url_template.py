"""Addresses, headers and bodies made from captured values.

Rules:
- A placeholder is `{{ path.to.value }}` and nothing more.
- In an address every value is percent-encoded (RFC 3986), the slash too: no caller's name can
  become another path. Where a host stands, no placeholder may.
- A text of a body that is nothing but one placeholder becomes the value itself, number or list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from halodesk.engine.conditions import look_up

_PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}")


def address(template: str, values: Mapping[str, Any]) -> str:
    """The address; a value that is missing leaves nothing."""
    return _PLACE.sub(lambda found: quote(_text(look_up(values, found[1])), safe=""), template)


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The same structure with every placeholder replaced."""
    if isinstance(template, Mapping):
        return {name: filled(inner, values) for name, inner in template.items()}
    if isinstance(template, list | tuple):
        return [filled(inner, values) for inner in template]
    if not isinstance(template, str):
        return template
    alone = _PLACE.fullmatch(template.strip())
    if alone is not None:
        return look_up(values, alone[1])
    return _PLACE.sub(lambda found: _text(look_up(values, found[1])), template)


def texts(template: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    """As `filled`, for headers and query: one line of text each."""
    return {
        name: " ".join(_text(filled(inner, values)).splitlines()).strip() for name, inner in template.items()
    }


def names(template: Any) -> set[str]:
    """First names of the values it reads."""
    return {found.split(".")[0] for text in _all(template) for found in _PLACE.findall(text)}


def problem(template: Any) -> str:
    """What cannot be read in it, or nothing."""
    for text in _all(template):
        left = _BRACES.search(_PLACE.sub("", text))
        if left is not None:
            return f'"{left[0]}" is no placeholder; write {{{{ name }}}} or {{{{ name.part }}}}'
    return ""


def address_problem(template: str) -> str:
    """What is wrong with an address, or nothing."""
    found = problem(template)
    if found:
        return found
    try:
        parts = urlsplit(_PLACE.sub("x", template))
        host = urlsplit(_PLACE.sub("\0", template)).netloc if "://" in template else ""
    except ValueError:
        return "it is not an address"
    if template.lstrip().startswith("{{") or "\0" in host:
        return "its host comes from a value; write the host, and put values behind it"
    if parts.scheme not in ("", "https", "http"):
        return f'"{parts.scheme}:" cannot be reached; use https'
    if parts.username or parts.password:
        return "it holds a user name or password; keep those in the connection"
    return ""


def origin(url: str) -> str:
    """Scheme and host of an absolute address, as in RFC 6454; empty where it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return ""
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port not in (None, usual) else "")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).casefold() if isinstance(value, bool) else str(value)


def _all(template: Any) -> Iterator[str]:
    if isinstance(template, Mapping):
        for inner in template.values():
            yield from _all(inner)
    elif isinstance(template, list | tuple):
        for inner in template:
            yield from _all(inner)
    elif isinstance(template, str):
        yield template
