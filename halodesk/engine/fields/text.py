"""text: one line."""

from __future__ import annotations

from typing import Any

from halodesk.engine.fields.base import Plain, Problem, longest, plain_text
from halodesk.engine.flow import Field
from halodesk.engine.patterns import full_match, pattern_problem


class Text(Plain):
    """`config`: `max_length` (characters, 200), `pattern` (RE2, full match), `pattern_help`."""

    name = "text"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """One line of text, blanks folded."""
        text = plain_text(raw, longest(field, 200), one_line=True)
        if not isinstance(text, str):
            return text
        pattern = field.config.get("pattern")
        if pattern and not full_match(str(pattern), text):
            return Problem(str(field.config.get("pattern_help", "This does not have the expected form.")))
        return text

    def show(self, field: Field, value: Any) -> str:
        """The text itself."""
        return str(value)

    def schema(self, field: Field) -> dict[str, Any]:
        """Text of that length and form."""
        found: dict[str, Any] = {"type": "string", "maxLength": longest(field, 200)}
        pattern = field.config.get("pattern")
        if pattern and not pattern_problem(str(pattern)):
            found["pattern"] = f"^(?:{pattern})$"
            found["description"] = str(field.config.get("pattern_help", ""))
        return found


TYPE = Text()
