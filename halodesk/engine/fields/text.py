"""text: one line."""

from __future__ import annotations

from typing import Any

import re2

from halodesk.engine.fields.base import Problem, plain_text
from halodesk.engine.flow import Field


class Text:
    """`config`: `max_length` (characters, 200), `pattern` (RE2, full match), `pattern_help`."""

    name = "text"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """One line of text, blanks folded."""
        text = plain_text(raw, int(field.config.get("max_length", 200)))
        if not isinstance(text, str):
            return text
        text = " ".join(text.split())
        pattern = field.config.get("pattern")
        if pattern and re2.fullmatch(pattern, text) is None:
            return Problem(str(field.config.get("pattern_help", "This does not have the expected form.")))
        return text

    def show(self, field: Field, value: Any) -> str:
        """The text itself."""
        return str(value)


TYPE = Text()
