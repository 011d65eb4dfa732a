"""Money: integers in the currency's minor unit (ISO 4217), decimals only at the edges."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from babel.numbers import format_currency, get_currency_precision

LARGEST = Decimal(10) ** 12
"""Major units; more is a slip of the pen, and "1e999999999" would take all memory."""


@lru_cache(maxsize=64)
def digits(currency: str) -> int:
    """Decimal places of the currency: 2 for USD, 0 for JPY."""
    return get_currency_precision(currency)


def to_minor(amount: str | int | Decimal, currency: str) -> int:
    """Minor units of an amount in major units, rounded half up.

    Raises ValueError when it is not a number, or one beyond `LARGEST`.
    """
    try:
        value = Decimal(str(amount).replace(",", "").replace("$", "").strip())
    except InvalidOperation:
        raise ValueError(f"not an amount: {amount!r}") from None
    if not value.is_finite() or not -LARGEST <= value <= LARGEST:
        raise ValueError(f"not an amount: {amount!r}")
    return int(value.scaleb(digits(currency)).to_integral_value(ROUND_HALF_UP))


def to_major(minor: int, currency: str) -> Decimal:
    """Decimal amount in major units, exact."""
    return Decimal(minor).scaleb(-digits(currency))


def percent_of(minor: int, percent: str | Decimal) -> int:
    """That share of an amount, rounded half up to the minor unit."""
    return int((Decimal(minor) * Decimal(str(percent)) / 100).to_integral_value(ROUND_HALF_UP))


def words(minor: int, currency: str, locale: str = "en_US") -> str:
    """For the screen: `$1,234.50`."""
    return format_currency(to_major(minor, currency), currency, locale=locale)


def is_money(value: Any) -> bool:
    """Whether a value of a session is an amount with its code, as the currency field keeps it."""
    if not isinstance(value, dict) or set(value) != {"amount", "currency"}:
        return False
    amount, code = value["amount"], value["currency"]
    if not isinstance(amount, str) or not isinstance(code, str) or not code.isalpha():
        return False
    try:
        to_minor(amount, code)
    except ValueError:
        return False
    return True


def say_money(value: dict[str, str], locale: str = "en_US") -> str:
    """Such a value in words: `$1,234.50`."""
    return words(to_minor(value["amount"], value["currency"]), value["currency"], locale)
