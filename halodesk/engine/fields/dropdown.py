"""dropdown: one of several options, in a list."""

from __future__ import annotations

from typing import Any

from halodesk.engine.fields.base import Plain, Problem, option_label, options_in_words
from halodesk.engine.flow import Field


class Choice(Plain):
    """One of `options`; shared by dropdown and radio_group."""

    def __init__(self, name: str) -> None:
        self.name = name

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """The value of an option."""
        if raw is None or raw == "":
            return None
        if any(option.value == raw for option in field.options):
            return raw
        return Problem("Choose one of the options.")

    def show(self, field: Field, value: Any) -> str:
        """The label of the option."""
        return option_label(field, value)

    def schema(self, field: Field) -> dict[str, Any]:
        """One of the values."""
        if not field.options:
            return {"type": "string", "description": "There is nothing to choose from now."}
        values = [option.value for option in field.options]
        return {"type": "string", "enum": values, "description": options_in_words(field)}


TYPE = Choice("dropdown")
