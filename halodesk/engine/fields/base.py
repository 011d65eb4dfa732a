"""What a field type is: how raw input becomes a value, and how a value is shown."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from halodesk.engine.flow import Field
from halodesk.engine.pan import has_card_number


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with an input, in words for the agent.

    `incident` is set where a team lead should see that it happened (a card number).
    """

    message: str
    incident: str = ""


class FieldType(Protocol):
    """One field type. `raw` comes from a widget, a prefill or a draft and is not trusted."""

    name: str

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """The stored value, None for an empty input, or a `Problem`."""
        ...

    def show(self, field: Field, value: Any) -> str:
        """The value in words for path, replay and export."""
        ...


CARD_NUMBER = Problem(
    "This looks like a card number. Card numbers belong into the payment page only.",
    incident="card_number_in_plain_field",
)


def longest(field: Field, usual: int) -> int:
    """The field's own `max_length` (characters), or the usual one."""
    given = field.config.get("max_length", usual)
    return given if isinstance(given, int) and 0 < given <= 100_000 else usual


def plain_text(raw: Any, limit: int, *, one_line: bool = False, cards: bool = False) -> str | Problem | None:
    """Trimmed text of at most `limit` characters without control characters, or None.

    Blanks of every kind become one kind; with `one_line` several of them, and line breaks, one.
    A card number is a problem, unless the caller looks for it (`cards`).
    """
    if raw is None:
        return None
    if not isinstance(raw, str):
        raw = str(raw)
    text = "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "" for c in raw).strip()
    if one_line:
        text = " ".join(text.split())
    if not cards and has_card_number(text):
        return CARD_NUMBER
    if len(text) > limit:
        return Problem(f"At most {limit} characters; this has {len(text)}.")
    return text or None


def option_label(field: Field, value: Any) -> str:
    """The label of a chosen option, or the value itself."""
    return next(
        (option.label or option.value for option in field.options if option.value == value), str(value)
    )
