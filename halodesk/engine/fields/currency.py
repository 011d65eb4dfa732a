"""currency: an exact amount of money with its ISO 4217 code; reads "$1,234.50".

Rules:
- The value is `{"amount": "1234.50", "currency": "USD"}`: the amount a decimal as text, with
  exactly the places of its currency (two for USD, none for JPY).
- What is finer than the currency's smallest coin is refused, never rounded in silence.
- A sign or code that was typed ("$", "€ 5", "EUR 5") must be of a currency the field takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.numbers import get_currency_name, get_currency_symbol, list_currencies

from halodesk.engine.fields.base import Plain, Problem, in_words, locale_of
from halodesk.engine.fields.number import TYPE as NUMBER
from halodesk.engine.fields.number import bounds, limits, parse
from halodesk.engine.flow import Field
from halodesk.engine.money import LARGEST, digits, is_money, say_money

_WORD = re.compile(r"[A-Z]{1,3}\$|[^\W\d_]+\.?|[$€£¥₹₩₽₺₴₪₫₦₱฿]")


class Currency(Plain):
    """`config`: `currency` (ISO code, "USD"), `currencies` (codes to choose from), `min`, `max`,
    `step`, `locale`."""

    name = "currency"

    def normalise(self, field: Field, raw: Any) -> Any | Problem:
        """Amount and code; `raw` is a text, a number, or an object of both."""
        codes = codes_of(field)
        code = codes[0]
        if isinstance(raw, dict):
            code = str(raw.get("currency") or code).strip().upper()
            raw = raw.get("amount")
        if isinstance(raw, str):
            raw, said = _apart(raw, codes, locale_of(field))
            if said is None:
                return Problem(f"Amounts are in {in_words(codes)} here.")
            code = said or code
        number = parse(raw, locale_of(field))
        if not isinstance(number, Decimal):
            return number
        if code not in codes:
            return Problem(f"Amounts are in {in_words(codes)} here.")
        if abs(number) > LARGEST:
            return Problem("This amount is too large.")
        places = digits(code)
        if number != number.quantize(Decimal(1).scaleb(-places)):
            return Problem(
                f"{code} has {places} digits after the decimal point." if places else f"{code} has no cents."
            )
        wrong = limits(field, number)
        return wrong if wrong is not None else money(number, code)

    def show(self, field: Field, value: Any) -> str:
        """`$1,234.50`."""
        if not is_money(value):  # set by a function of the flow, not by this type
            return str(value)
        return say_money(value, locale_of(field))

    def input_words(self, field: Field, value: Any) -> str:
        """The amount as it stands in the input: groups and all places, no sign."""
        if not is_money(value):
            return str(value)
        places = digits(str(value["currency"]))
        locale = Locale.parse(locale_of(field))
        pattern = copy(locale.decimal_formats[None])
        pattern.frac_prec = (places, places)
        return str(pattern.apply(Decimal(value["amount"]), locale))

    def stepped(self, field: Field, raw: Any, steps: int) -> str:
        """What stands in the input after so many steps up (or down)."""
        amount = raw.get("amount") if isinstance(raw, dict) else raw
        return NUMBER.stepped(field, amount, steps)

    def schema(self, field: Field) -> dict[str, Any]:
        """An amount; where several currencies are taken, with its code."""
        codes = codes_of(field)
        if len(codes) == 1:
            return {"type": "number", **bounds(field), "description": f"An amount in {codes[0]}."}
        return {
            "type": "object",
            "properties": {
                "amount": {"type": "number", **bounds(field)},
                "currency": {"type": "string", "enum": codes},
            },
            "required": ["amount", "currency"],
        }

    def check(self, field: Field) -> Iterator[str]:
        """Known codes, limits that are numbers."""
        yield from NUMBER.check(field)
        for code in codes_of(field):
            if code not in list_currencies():
                yield f'"{code}" is no ISO 4217 code'


def codes_of(field: Field) -> list[str]:
    """Codes the field takes, the usual one first."""
    own = str(field.config.get("currency") or "").upper()
    several = field.config.get("currencies")
    codes = [str(code).upper() for code in several] if isinstance(several, list) else []
    return list(dict.fromkeys(filter(None, (own, *codes)))) or ["USD"]


def symbol(field: Field, code: str) -> str:
    """The sign of a currency in the field's locale: "$"; its code where it has none."""
    return str(get_currency_symbol(code, locale=locale_of(field)))


def currency_name(field: Field, code: str) -> str:
    """The currency in words: "US Dollar"."""
    return str(get_currency_name(code, locale=locale_of(field)))


def money(amount: Decimal, code: str) -> dict[str, str]:
    """The stored value, with exactly the places of the currency."""
    return {"amount": str(amount.quantize(Decimal(1).scaleb(-digits(code)))), "currency": code}


def _apart(text: str, codes: list[str], locale: str) -> tuple[str, str | None]:
    """The number without its sign, and the code that was said; None for one that is not taken."""
    found = _WORD.findall(text)
    if not found:
        return text, ""
    if len(found) > 1:
        return text, ""
    said = found[0]
    signs = {code: {code, str(get_currency_symbol(code, locale=locale)).upper()} for code in codes}
    code = next((code for code, known in signs.items() if said.upper() in known), None)
    return text.replace(said, "", 1).strip(), code


TYPE = Currency()
