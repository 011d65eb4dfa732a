"""number: a decimal, exact as it was typed, with limits and steps.

Rules:
- A value has at most 15 significant digits: so many survive JSON and JavaScript unchanged.
- Groups and the decimal sign are those of the field's locale (CLDR); "1,2345" is refused, not
  guessed at.
- Steps count from `min`, or from 0 where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, DecimalException
from typing import Any

from babel.numbers import NumberFormatError, format_decimal, parse_decimal

from halodesk.engine.fields.base import Plain, Problem, check_locale, locale_of, plain_text
from halodesk.engine.flow import Field

MOST_DIGITS = 15
_SIGNS = re.compile(r"[+-]?[0-9.,'’\s\u00a0\u202f]*[0-9][0-9.,'’\s\u00a0\u202f]*")
_NOT_A_NUMBER = Problem("This is not a number. Example: 12.5.")


class Number(Plain):
    """`config`: `min`, `max`, `step`, `decimals` (most of them), `unit`, `locale`."""

    name = "number"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """A whole number, or a float that reads back as exactly what was typed."""
        number = parse(raw, locale_of(field))
        if not isinstance(number, Decimal):
            return number
        wrong = limits(field, number) or _finer(field, number)
        if wrong is not None:
            return wrong
        return int(number) if number == number.to_integral_value() else float(number)

    def show(self, field: Field, value: Any) -> str:
        """With groups, and the unit."""
        words = self.input_words(field, value)
        unit = str(field.config.get("unit") or "")
        return f"{words} {unit}" if unit else words

    def input_words(self, field: Field, value: Any) -> str:
        """As it stands in the input: with groups, without the unit."""
        number = given(value)
        if number is None:  # set by a function of the flow, not by this type
            return str(value)
        return format_decimal(number, locale=locale_of(field), decimal_quantization=False)

    def stepped(self, field: Field, raw: Any, steps: int) -> str:
        """What stands in the input after so many steps up (or down), kept within the limits."""
        number = parse(raw, locale_of(field))
        least, most = given(field.config.get("min")), given(field.config.get("max"))
        step = _step(field) or Decimal(1)
        origin = least if least is not None else Decimal(0)
        if not isinstance(number, Decimal):
            number = origin if steps > 0 else most if most is not None else origin
        else:
            toward = ROUND_FLOOR if steps > 0 else ROUND_CEILING
            number = origin + ((number - origin) / step).to_integral_value(toward) * step + steps * step
        if most is not None:
            number = min(number, most)
        if least is not None:
            number = max(number, least)
        return self.input_words(field, number)

    def schema(self, field: Field) -> dict[str, Any]:
        """A number within the limits, its unit and steps in words."""
        whole = field.config.get("decimals") == 0 or _step(field) == 1
        return {
            "type": "integer" if whole else "number",
            **bounds(field),
            "description": " ".join(_said(field)),
        }

    def check(self, field: Field) -> Iterator[str]:
        """Limits that are numbers, in order, and a step above 0."""
        yield from check_locale(field)
        for key in ("min", "max", "step"):
            if key in field.config and given(field.config[key]) is None:
                yield f'"{key}" is not a number'
        least, most = given(field.config.get("min")), given(field.config.get("max"))
        if least is not None and most is not None and least > most:
            yield '"min" is above "max"'
        step = given(field.config.get("step"))
        if step is not None and step <= 0:
            yield '"step" must be above 0'


def given(value: Any) -> Decimal | None:
    """A number of a document or a session, exact; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value).strip())
    except DecimalException:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= 2 * MOST_DIGITS else None


def parse(raw: Any, locale: str) -> Decimal | Problem | None:
    """The decimal a person typed in the locale's way, or a JSON number as it is."""
    if isinstance(raw, bool):
        return _NOT_A_NUMBER
    if isinstance(raw, int | float | Decimal):
        number = given(raw)
        return _NOT_A_NUMBER if number is None else _short(number)
    text = plain_text(raw, 60, one_line=True)
    if not isinstance(text, str):
        return text
    text = text.replace("−", "-")
    if not _SIGNS.fullmatch(text):
        return _NOT_A_NUMBER
    try:
        return _short(parse_decimal(text.lstrip("+"), locale=locale, strict=True))
    except (NumberFormatError, ValueError):
        return _NOT_A_NUMBER


def limits(field: Field, number: Decimal) -> Problem | None:
    """What is wrong with a number below `min`, above `max` or beside the steps."""
    least, most, step = (given(field.config.get(key)) for key in ("min", "max", "step"))
    say = TYPE.input_words
    if least is not None and number < least:
        return Problem(f"At least {say(field, least)}.")
    if most is not None and number > most:
        return Problem(f"At most {say(field, most)}.")
    if step is not None and step > 0:
        origin = least if least is not None else Decimal(0)
        turns = (number - origin) / step
        if turns != turns.to_integral_value():
            below = origin + turns.to_integral_value(ROUND_FLOOR) * step
            near = [near for near in (below, below + step) if most is None or near <= most]
            choices = " or ".join(say(field, each) for each in near)
            return Problem(f"Goes in steps of {say(field, step)}: {choices}.")
    return None


def bounds(field: Field) -> dict[str, Any]:
    """`minimum` and `maximum` of a JSON Schema."""
    found: dict[str, Any] = {}
    for key, name in (("min", "minimum"), ("max", "maximum")):
        limit = given(field.config.get(key))
        if limit is not None:
            found[name] = int(limit) if limit == limit.to_integral_value() else float(limit)
    return found


def _said(field: Field) -> Iterator[str]:
    unit, step, origin = field.config.get("unit"), _step(field), given(field.config.get("min"))
    if unit:
        yield f"In {unit}."
    if step is not None and step != 1:
        yield f"In steps of {TYPE.input_words(field, step)} from {TYPE.input_words(field, origin or 0)}."


def _step(field: Field) -> Decimal | None:
    step = given(field.config.get("step"))
    return step if step is not None and step > 0 else None


def _short(number: Decimal) -> Decimal | Problem:
    if not number.is_finite():
        return _NOT_A_NUMBER
    number = number.normalize()
    if len(number.as_tuple().digits) > MOST_DIGITS or abs(number.adjusted()) > MOST_DIGITS:
        return Problem(f"At most {MOST_DIGITS} digits.")
    return abs(number) if number.is_zero() else number


def _finer(field: Field, number: Decimal) -> Problem | None:
    most = field.config.get("decimals")
    places = -int(number.as_tuple().exponent)  # finite: `_short` has looked
    if isinstance(most, int) and places > most >= 0:
        count = "1 digit" if most == 1 else f"{most} digits"
        return Problem(f"At most {count} after the decimal point." if most else "A whole number, please.")
    return None


TYPE = Number()
