"""multi_select: any number of several options, in a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from halodesk.engine.fields.base import Plain, Problem, option_label, options_in_words
from halodesk.engine.flow import Field


class Choices(Plain):
    """Some of `options`; shared by multi_select and checkbox. `config`: `min`, `max` (how many)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """The chosen values in the order of the options, whatever order they were chosen in."""
        if raw is None or raw == "" or (isinstance(raw, list | tuple) and not raw):
            return None
        wanted = [raw] if isinstance(raw, str) else raw
        known = [option.value for option in field.options]
        if not isinstance(wanted, list | tuple) or any(value not in known for value in wanted):
            return Problem("Choose some of the options.")
        chosen = [value for value in known if value in wanted]
        least, most = _count(field, "min"), _count(field, "max")
        if least is not None and len(chosen) < least:
            return Problem(f"Choose at least {least}; these are {len(chosen)}.")
        if most is not None and len(chosen) > most:
            return Problem(f"Choose at most {most}; these are {len(chosen)}.")
        return chosen

    def show(self, field: Field, value: Any) -> str:
        """The labels, one after the other."""
        if not isinstance(value, list | tuple):  # set by a function of the flow, not by this type
            return option_label(field, value)
        return ", ".join(option_label(field, each) for each in value)

    def schema(self, field: Field) -> dict[str, Any]:
        """Some of the values, as many as may be."""
        values = [option.value for option in field.options]
        limits = {"minItems": _count(field, "min"), "maxItems": _count(field, "max")}
        return {
            "type": "array",
            "items": {"type": "string", "enum": values} if values else {"type": "string"},
            **{key: value for key, value in limits.items() if value is not None},
            "description": options_in_words(field),
        }

    def check(self, field: Field) -> Iterator[str]:
        """Limits that are whole numbers, in order, and can be met."""
        for key in ("min", "max"):
            if key in field.config and _count(field, key) is None:
                yield f'"{key}" is no whole number above 0'
        least, most = _count(field, "min"), _count(field, "max")
        if least is not None and least > min(most or least, len(field.options) or least):
            yield f"nobody can choose {least} of these options"


def _count(field: Field, key: str) -> int | None:
    given = field.config.get(key)
    return given if isinstance(given, int) and not isinstance(given, bool) and given > 0 else None


TYPE = Choices("multi_select")
