"""boolean: yes or no, and unset until touched."""

from __future__ import annotations

from typing import Any

from halodesk.engine.fields.base import Plain, Problem
from halodesk.engine.flow import Field

WORDS = {"true": True, "yes": True, "false": False, "no": False}


class Boolean(Plain):
    """`config`: `true_label`, `false_label`."""

    name = "boolean"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """True, False or None."""
        if raw is None or raw == "":
            return None
        if isinstance(raw, bool):
            return raw
        value = WORDS.get(str(raw).strip().casefold())
        return Problem("Choose yes or no.") if value is None else value

    def show(self, field: Field, value: Any) -> str:
        """The label of the side that was chosen."""
        return str(field.config.get("true_label", "Yes") if value else field.config.get("false_label", "No"))

    def schema(self, field: Field) -> dict[str, Any]:
        """True or false, and what each means."""
        words = f"true: {self.show(field, True)}; false: {self.show(field, False)}"
        return {"type": "boolean", "description": words if words != "true: Yes; false: No" else ""}


TYPE = Boolean()
