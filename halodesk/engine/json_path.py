"""JSONPath (RFC 9535), as far as an answer's values need it: names, places and the wildcard.

`$.order.id`, `$['a b'][0]`, `$.items[-1].sku`, `$.items[*].sku`. Filters and `..` are left out:
their cost grows with the answer, which comes from outside.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_PART = re.compile(
    r"\.(?P<name>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff-]*)"
    r"|\[(?P<quote>['\"])(?P<quoted>[^'\"\\]*)(?P=quote)\]"
    r"|\[(?P<index>-?\d{1,9})\]"
    r"|(?P<all>\.\*|\[\*\])"
)
_ALL = object()


@lru_cache(maxsize=512)
def _parts(path: str) -> tuple[Any, ...] | None:
    if not path.startswith("$"):
        return None
    at, parts = 1, []
    while at < len(path):
        found = _PART.match(path, at)
        if found is None:
            return None
        if found["all"]:
            parts.append(_ALL)
        elif found["index"] is not None:
            parts.append(int(found["index"]))
        else:
            parts.append(found["name"] if found["name"] is not None else found["quoted"])
        at = found.end()
    return tuple(parts)


def problem(path: str) -> str:
    """What is wrong with a path, or nothing."""
    if _parts(path) is None:
        return f'"{path}" is not a path; write $.name, $.list[0].name or $.list[*].name'
    return ""


def pick(document: Any, path: str) -> Any:
    """The value at the path, None where it leads nowhere; with a wildcard the list of all values."""
    parts = _parts(path)
    if parts is None:
        return None
    here = [document]
    for part in parts:
        here = [inner for value in here for inner in _step(value, part)]
    if _ALL in parts:
        return here
    return here[0] if here else None


def _step(value: Any, part: Any) -> list[Any]:
    if part is _ALL:
        return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(part, int):
        inside = isinstance(value, list) and -len(value) <= part < len(value)
        return [value[part]] if inside else []
    return [value[part]] if isinstance(value, dict) and part in value else []
