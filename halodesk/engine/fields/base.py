"""What a field type is: how raw input becomes a value, and how a value is shown."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol

import msgspec
from babel import Locale, UnknownLocaleError

from halodesk.engine.conditions import is_empty
from halodesk.engine.flow import Field
from halodesk.engine.pan import has_card_number

LOCALE = "en_US"
"""How numbers and dates are typed and read where a field names no `locale` of its own."""


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

    def lacks(self, field: Field, value: Any) -> bool:
        """Whether this value does not answer a required field."""
        ...

    def hint(self, field: Field, value: Any) -> str:
        """A doubt about an accepted value, in words for the agent; it stops nothing."""
        ...

    def reads(self, field: Field, value: Any) -> str:
        """An accepted value read back where its input shows less (the day of the week, say)."""
        ...

    def schema(self, field: Field) -> dict[str, Any]:
        """JSON Schema (2020-12) of a value that `normalise` takes, for a language model.

        It narrows as far as a schema can; `normalise` has the last word. `description` adds what the
        label does not say: the form of a value, say. `{}`: a model never gives this value.
        """
        ...

    def check(self, field: Field) -> Iterator[str]:
        """What is wrong with the field's own `config`, for the health check."""
        ...


class Plain:
    """Where a field type starts from: nothing to doubt, to read back or to set up wrong."""

    def lacks(self, field: Field, value: Any) -> bool:
        """Empty is no answer."""
        return is_empty(value)

    def hint(self, field: Field, value: Any) -> str:
        """No doubt."""
        return ""

    def reads(self, field: Field, value: Any) -> str:
        """The input shows it all."""
        return ""

    def schema(self, field: Field) -> dict[str, Any]:
        """Text."""
        return {"type": "string"}

    def check(self, field: Field) -> Iterator[str]:
        """Nothing that could be wrong."""
        yield from ()


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


def options_in_words(field: Field) -> str:
    """The options whose label says more than their value: `a: The first; b: The second`."""
    said = [
        f"{option.value}: {option.label}"
        for option in field.options
        if option.label not in ("", option.value)
    ]
    return "; ".join(said)


def locale_of(field: Field) -> str:
    """The field's own `locale` (CLDR name), or the usual one where it is none that is known."""
    own = str(field.config.get("locale") or LOCALE)
    return own if _known(own) else LOCALE


def check_locale(field: Field) -> Iterator[str]:
    """Whether the field's own `locale` is one that is known."""
    own = field.config.get("locale")
    if own is not None and not _known(str(own)):
        yield f'"{own}" is no known locale'


@lru_cache(maxsize=64)
def _known(locale: str) -> bool:
    try:
        Locale.parse(locale)
    except (UnknownLocaleError, ValueError):
        return False
    return True


def in_words(choices: list[str]) -> str:
    """`a, b or c`."""
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
