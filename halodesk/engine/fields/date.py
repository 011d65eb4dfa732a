"""date: a day of the calendar, kept as ISO 8601 (`2026-11-21`).

Rules:
- Typed as ISO, in the locale's order with any sign between (`11/21/2026`), or with the month in
  words (`21 Nov 2026`). Where day and month could be taken for each other, the locale decides,
  and the date is read back with its day of the week.
- The year has four digits: "3/4/25" could be a birthday of 1925.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from babel.dates import format_date, get_date_format, get_month_names

from halodesk.engine.fields.base import LOCALE, Plain, Problem, check_locale, locale_of, plain_text
from halodesk.engine.flow import Field

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_NUMBERS = re.compile(r"(\d{1,4})[./\-\s]+(\d{1,2})[./\-\s]+(\d{1,4})\.?")
_ORDINAL = re.compile(r"(?<=\d)(st|nd|rd|th)\b", re.IGNORECASE)
_WORDS = re.compile(r"[\W_]*(\d+|[^\W\d_]+)[\W_]+(\d+|[^\W\d_]+)[\W_]+(\d+|[^\W\d_]+)[\W_]*")


class Date(Plain):
    """`config`: `min`, `max` (ISO dates), `locale`."""

    name = "date"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """The ISO date."""
        text = plain_text(raw, 60, one_line=True)
        if not isinstance(text, str):
            return text
        day = read(text, locale_of(field))
        if isinstance(day, Problem):
            return day
        return outside(field, day) or day.isoformat()

    def show(self, field: Field, value: Any) -> str:
        """`Nov 21, 2026`."""
        day = iso(value)
        return str(value) if day is None else say(day, field, "medium")

    def reads(self, field: Field, value: Any) -> str:
        """With its day of the week."""
        day = iso(value)
        return "" if day is None else say(day, field, "full")

    def input_words(self, field: Field, value: Any) -> str:
        """As it stands in the input, four digits of the year: `11/21/2026`."""
        day = iso(value)
        if day is None:
            return str(value)
        parts = {"y": f"{day.year:04}", "M": f"{day.month:02}", "d": f"{day.day:02}"}
        order, sign = _order(locale_of(field))
        return sign.join(parts[part] for part in order)

    def example(self, field: Field) -> str:
        """How it is typed: `MM/DD/YYYY`."""
        order, sign = _order(locale_of(field))
        return sign.join({"y": "YYYY", "M": "MM", "d": "DD"}[part] for part in order)

    def stepped(self, field: Field, raw: Any, steps: int) -> str:
        """What stands in the input so many days on; as it is where it holds no date."""
        day = read(str(raw or ""), locale_of(field))
        if isinstance(day, Problem):
            return str(raw or "")
        try:
            return self.input_words(field, (day + datetime.timedelta(days=steps)).isoformat())
        except OverflowError:
            return str(raw)

    def schema(self, field: Field) -> dict[str, Any]:
        """An ISO date."""
        words = f"A date as YYYY-MM-DD. {bounds_in_words(field)}".strip()
        return {"type": "string", "format": "date", "description": words}

    def check(self, field: Field) -> Iterator[str]:
        """Limits that are dates, in order."""
        yield from check_locale(field)
        for key in ("min", "max"):
            if key in field.config and iso(field.config[key]) is None:
                yield f'"{key}" is no date such as 2026-11-21'
        least, most = iso(field.config.get("min")), iso(field.config.get("max"))
        if least is not None and most is not None and least > most:
            yield '"min" is after "max"'


def iso(value: Any) -> datetime.date | None:
    """The day of an ISO date, or None."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return None


def bounds_in_words(field: Field) -> str:
    """The first and the last day that are taken, as ISO dates; empty where there is no limit."""
    least, most = iso(field.config.get("min")), iso(field.config.get("max"))
    words = [f"Not before {least.isoformat()}."] if least is not None else []
    words += [f"Not after {most.isoformat()}."] if most is not None else []
    return " ".join(words)


def say(day: datetime.date, field: Field, style: str) -> str:
    """The day in words of the field's locale."""
    return format_date(day, style, locale=locale_of(field))


def outside(field: Field, day: datetime.date) -> Problem | None:
    """What is wrong with a day before `min` or after `max`."""
    least, most = iso(field.config.get("min")), iso(field.config.get("max"))
    if least is not None and day < least:
        return Problem(f"Not before {say(least, field, 'long')}.")
    if most is not None and day > most:
        return Problem(f"Not after {say(most, field, 'long')}.")
    return None


def read(text: str, locale: str) -> datetime.date | Problem:
    """The day a person typed."""
    text = text.strip()
    parts = _parts(text, locale)
    if parts is None:
        order, sign = _order(locale)
        example = sign.join({"y": "2026", "M": "11", "d": "21"}[part] for part in order)
        return Problem(f"This is not a date. Example: {example}.")
    year, month, day = parts
    if len(year) != 4:
        return Problem("Write the year with four digits.")
    try:
        return datetime.date(int(year), month, day)
    except ValueError:
        if not 1 <= month <= 12:
            return Problem(f"There is no month {month}.")
        name = str(get_month_names("wide", locale=locale)[month])
        return Problem(f"{name} {year} has no day {day}.")


def _parts(text: str, locale: str) -> tuple[str, int, int] | None:
    if found := _ISO.fullmatch(text):
        return found[1], int(found[2]), int(found[3])
    if found := _NUMBERS.fullmatch(text):
        order = _order(locale)[0]
        if len(found[1]) == 4:
            order = "yMd"  # a year in front is the same everywhere
        named = dict(zip(order, found.groups(), strict=True))
        return named["y"], int(named["M"]), int(named["d"])
    found = _WORDS.fullmatch(_ORDINAL.sub("", text))
    if found is None:
        return None
    words = [word for word in found.groups() if not word.isdigit()]
    numbers = [word for word in found.groups() if word.isdigit()]
    if len(words) != 1 or len(numbers) != 2 or any(len(number) > 4 for number in numbers):
        return None
    month = _month(words[0], locale)
    day, year = sorted(numbers, key=len) if len(numbers[0]) != len(numbers[1]) else numbers
    return None if month is None or len(day) > 2 else (year, month, int(day))


def _month(word: str, locale: str) -> int | None:
    word = word.casefold()
    if len(word) < 3:
        return None
    found = {number for name, number in _months(locale) if name.startswith(word)}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=16)
def _months(locale: str) -> tuple[tuple[str, int], ...]:
    names = [(str(name), number) for number, name in get_month_names("wide", locale=locale).items()]
    names += [(str(name), number) for number, name in get_month_names("wide", locale=LOCALE).items()]
    return tuple((name.casefold(), number) for name, number in names)


@lru_cache(maxsize=16)
def _order(locale: str) -> tuple[str, str]:
    """Order of year, month and day ("Mdy"), and the sign between them."""
    pattern = get_date_format("short", locale=locale).pattern
    order = "".join(dict.fromkeys(sign for sign in pattern if sign in "yMd"))
    sign = next((sign for sign in pattern if sign in "./-"), "-")
    return (order, sign) if len(order) == 3 else ("yMd", "-")


TYPE = Date()
