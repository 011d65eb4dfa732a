"""dropdown: one of several options, in a list."""

from __future__ import annotations

from typing import Any

from halodesk.engine.fields.base import Plain, Problem, option_label
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


TYPE = Choice("dropdown")
