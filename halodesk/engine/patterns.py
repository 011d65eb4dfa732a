"""Patterns that flow authors write: RE2, which cannot backtrack for ever."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

LONGEST = 2000
"""Characters of a pattern."""

_options = re2.Options()
_options.log_errors = False  # a wrong pattern is a finding of the health check, not a line on stderr


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[Any, str]:
    if len(pattern) > LONGEST:
        return None, f"it has more than {LONGEST} characters"
    try:
        return re2.compile(pattern, _options), ""
    except (re2.error, UnicodeEncodeError) as error:
        said = error.args[0] if isinstance(error, re2.error) else "it is not text"
        return None, said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def pattern_problem(pattern: str) -> str:
    """What is wrong with a pattern, or nothing."""
    return _compiled(pattern)[1]


def full_match(pattern: str, text: str) -> bool:
    """Whether the whole text matches; a pattern that does not parse matches nothing."""
    found = _compiled(pattern)[0]
    try:
        return found is not None and found.fullmatch(text) is not None
    except UnicodeEncodeError:  # half a surrogate pair, from a device that sends no clean text
        return False
