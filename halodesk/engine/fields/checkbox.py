"""checkbox: one tick ("I agree"), or several inline where the field has options.

One tick is true or false; required, it must be ticked. Several are the list of the ticked
options, as in a multi_select.
"""

from __future__ import annotations

from typing import Any

from halodesk.engine.conditions import is_empty
from halodesk.engine.fields.base import Problem
from halodesk.engine.fields.boolean import WORDS
from halodesk.engine.fields.multi_select import Choices
from halodesk.engine.flow import Field


class Checkbox(Choices):
    """`config`: `tick_label` (words beside a single tick), `min`, `max` (how many of several)."""

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """True or false for one tick, the ticked values for several."""
        if field.options:
            return super().normalise(field, raw)
        if raw is None or raw == "":
            return None
        if isinstance(raw, bool):
            return raw
        value = WORDS.get(str(raw).strip().casefold())
        return Problem("Tick it or leave it.") if value is None else value

    def show(self, field: Field, value: Any) -> str:
        """Yes or no, or the labels."""
        if isinstance(value, bool):
            return "Yes" if value else "No"
        return super().show(field, value)

    def schema(self, field: Field) -> dict[str, Any]:
        """True for a tick, or some of the values."""
        if field.options:
            return super().schema(field)
        return {"type": "boolean", "description": str(field.config.get("tick_label") or "")}

    def lacks(self, field: Field, value: Any) -> bool:
        """A tick that is asked for must be there."""
        return is_empty(value) or value is False


TYPE = Checkbox("checkbox")
