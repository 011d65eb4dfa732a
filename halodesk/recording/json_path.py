"""Finds values in a JSON answer by a path: RFC 6901 pointers, and two words more.

    /recordings/0/status              a pointer: names and numbers, `~1` for a slash, `~0` for a tilde
    /recordings/*/status              of every element
    /calls/[sip.callId={call}]/id     of the elements whose member (dots go deeper) is that text

What stands behind `=` is filled in after the path was taken apart, so that no value can change the path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from halodesk.engine.errors import RecorderError, SettingsError

Scalar = str | int | float | bool | None


def checked(path: str) -> str:
    """The path itself. Raises `SettingsError` where it is none."""
    if not path.startswith("/"):
        raise SettingsError(f"{path!r} is no path into an answer.", "Write /name/0/name or /name/*/name.")
    for part in path.split("/")[1:]:
        if part.startswith("[") and (not part.endswith("]") or "=" not in part):
            raise SettingsError(f"{part!r} is no condition.", "Write [name=value].")
    return path


def find(answer: Any, path: str, fill: Callable[[str], str]) -> list[Scalar]:
    """Every text, number, truth value and null at the path, in order. `fill` completes a template."""
    found = [answer]
    for part in path.split("/")[1:]:
        found = [below for value in found for below in _step(value, part, fill)]
    return [value for value in found if not isinstance(value, list | dict)]


def the_one(answer: Any, path: str, fill: Callable[[str], str]) -> str:
    """The one text or number at the path, as text. Raises `RecorderError`: none, or several."""
    found = {str(value) for value in find(answer, path, fill) if isinstance(value, str | int)}
    if len(found) != 1:
        many = "several values" if found else "nothing"
        raise RecorderError(f"The platform's answer has {many} at {path}.")
    return found.pop()


def _step(value: Any, part: str, fill: Callable[[str], str]) -> list[Any]:
    if part == "*":
        return list(value) if isinstance(value, list) else list(_members(value).values())
    if part.startswith("["):
        name, _, wanted = part[1:-1].partition("=")
        wanted = fill(_plain(wanted))
        rows = value if isinstance(value, list) else []
        return [row for row in rows if _is_text(_deep(row, name), wanted)]
    if isinstance(value, list):
        return [value[int(part)]] if part.isdecimal() and int(part) < len(value) else []
    members = _members(value)
    return [members[_plain(part)]] if _plain(part) in members else []


def _deep(row: Any, name: str) -> Any:
    for part in _plain(name).split("."):
        row = _members(row).get(part)
    return row


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_text(value: Any, wanted: str) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and str(value) == wanted


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
