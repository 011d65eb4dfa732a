"""text_area: several lines; refuses a pasted card number."""

from __future__ import annotations

from typing import Any

from halodesk.engine.fields.base import Plain, Problem, longest, plain_text
from halodesk.engine.flow import Field


class TextArea(Plain):
    """`config`: `max_length` (characters, 4000)."""

    name = "text_area"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """Text with its line breaks."""
        return plain_text(raw, longest(field, 4000))

    def show(self, field: Field, value: Any) -> str:
        """The text itself."""
        return str(value)

    def schema(self, field: Field) -> dict[str, Any]:
        """Text of that length."""
        return {"type": "string", "maxLength": longest(field, 4000)}


TYPE = TextArea()
