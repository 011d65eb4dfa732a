"""What a cart action is: a pure function from a cart to a cart, or to why not.

Rules:
- Whether an action runs at all (its `when`, a paid cart) is settled before it is called
  (`halodesk.engine.cart_changes`); an action sees an open cart.
- Values come from the flow or from what was captured and are not trusted: `ValueError`,
  `TypeError` and `InvalidOperation` of the readers below mean "this is not a number".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from halodesk.engine.cart import Cart, CartRefusal, Line
from halodesk.engine.flow import Catalogue
from halodesk.engine.money import is_money, to_minor

LARGEST_QUANTITY = 1_000_000
LARGEST_PERCENT = 1000
WHOLE = Decimal(100)
"""Percent of a discount that takes all."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What is so outside while a command is decided: no fact of its own, only its outcome is one."""

    now: float | None = None
    """Unix seconds of the wall clock; None where nobody said."""
    roles: tuple[str, ...] = ()
    """Roles of the agent at the seat."""


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """What an action may look at beside the cart."""

    catalogue: Catalogue
    moment: Moment = Moment()


class CartAction(Protocol):
    """One cart action."""

    name: str

    def do(self, cart: Cart, args: Mapping[str, Any], shop: Shop) -> Cart | CartRefusal:
        """The cart after it, or why not."""
        ...


def amount(args: Mapping[str, Any], key: str, currency: str) -> int:
    """Minor units of an amount of 0 or more: a decimal in major units, or the value of a currency field.

    Raises ValueError when it is none, or of another currency.
    """
    given = args.get(key)
    if isinstance(given, dict):
        if not is_money(given) or given["currency"] != currency:
            raise ValueError(key)
        given = given["amount"]
    minor = to_minor(given if isinstance(given, int | Decimal) else str(given), currency)
    if minor < 0:
        raise ValueError(key)
    return minor


def percent(args: Mapping[str, Any], most: Decimal | int) -> Decimal:
    """A percentage from 0 to `most`. Raises ValueError or InvalidOperation when it is none."""
    given = Decimal(str(args.get("percent", "")))
    if not given.is_finite() or not 0 <= given <= most:
        raise ValueError("percent")
    return given


def quantity(args: Mapping[str, Any], usual: Any) -> int:
    """Pieces, a whole number of 0 or more. Raises ValueError or InvalidOperation when it is none."""
    number = Decimal(str(args.get("quantity", usual)))
    if not number.is_finite() or not 0 <= number <= LARGEST_QUANTITY or number != number.to_integral_value():
        raise ValueError("quantity")
    return int(number)


def text(args: Mapping[str, Any], key: str) -> str:
    """A text without blanks around it; empty where there is none."""
    given = args.get(key)
    return "" if given is None else str(given).strip()


def with_line(cart: Cart, line: Line) -> Cart:
    """The cart with this line in its old place, or at the end; without it where its quantity is 0."""
    if line.quantity <= 0:
        lines = tuple(old for old in cart.lines if old.item != line.item)
    elif cart.line(line.item) is not None:
        lines = tuple(line if old.item == line.item else old for old in cart.lines)
    else:
        lines = (*cart.lines, line)
    return msgspec.structs.replace(cart, lines=lines)


def no_line(key: str) -> CartRefusal:
    """The product is not in the cart."""
    return CartRefusal(f'"{key}" is not in the cart.')


def role_missing(args: Mapping[str, Any], shop: Shop) -> CartRefusal | None:
    """Why the agent may not do it, where the action names a role."""
    role = text(args, "role")
    if role and role not in shop.moment.roles:
        return CartRefusal(f'This needs the role "{role}". Ask someone who has it.', stop=True)
    return None
