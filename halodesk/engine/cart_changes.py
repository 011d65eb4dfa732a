"""Changing a cart: one action at a time, on the values captured so far.

Rules:
- A paid cart is frozen: every action is refused, until the charge is voided.
- A value of an action may read what was captured: `"{{ pieces }}"` alone is the value itself, a
  text with it in between is rendered like a script text.
- After each change the coupons are looked at again: one that has expired goes, with words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import InvalidOperation
from typing import Any

import msgspec

from halodesk.engine.cart import Cart, CartRefusal, Line
from halodesk.engine.cart_actions.apply_coupon import still_good
from halodesk.engine.cart_actions.base import Moment, Shop
from halodesk.engine.conditions import look_up
from halodesk.engine.errors import TemplateError
from halodesk.engine.flow import Catalogue
from halodesk.engine.money import to_minor
from halodesk.engine.registry import cart_actions
from halodesk.engine.template import render_text

_ALONE = re.compile(r"\s*\{\{\s*([\w.]+)\s*\}\}\s*")


class Change(msgspec.Struct, frozen=True):
    """The cart after an action; `dropped` says which coupons it lost on the way, and why."""

    cart: Cart
    dropped: tuple[str, ...] = ()


def change(
    cart: Cart, action: str, args: Mapping[str, Any], catalogue: Catalogue, moment: Moment | None = None
) -> Change | CartRefusal:
    """The cart after the action, or why not."""
    if cart.frozen:
        return CartRefusal("The order is paid: the cart can no longer be changed.")
    known = cart_actions().get(action)
    if known is None:
        return CartRefusal(f'This version does not know the cart action "{action}".')
    shop = Shop(catalogue=catalogue, moment=moment or Moment())
    try:
        done = known.do(cart, args, shop)
    except (ValueError, InvalidOperation, TypeError):
        return CartRefusal(f'The cart action "{action}" has an amount or quantity that is not a number.')
    if isinstance(done, CartRefusal):
        return done
    kept, dropped = still_good(done, shop)
    return Change(kept, tuple(dropped))


def reads_values(args: Mapping[str, Any]) -> bool:
    """Whether a value of the action comes from what was captured."""
    return any(isinstance(value, str) and "{{" in value for value in args.values())


def filled(args: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an action as they are now. A text that cannot be rendered is no value."""
    return {name: _filled(value, values) for name, value in args.items()}


def tried(action: str, args: Mapping[str, Any], catalogue: Catalogue) -> CartRefusal | None:
    """Why an action could never be done as it is written, on a cart that has one of everything."""
    if reads_values(args):
        return None
    lines = []
    for product in catalogue.products:
        try:
            price = to_minor(product.price, catalogue.currency)
        except ValueError:
            return CartRefusal(f'The price of "{product.key}" is not a number.')
        lines.append(Line(item=product.key, name=product.name, quantity=1, price=price))
    moment = Moment(now=0.0, roles=(str(args.get("role", "")),))
    done = change(Cart(currency=catalogue.currency, lines=tuple(lines)), action, args, catalogue, moment)
    return done if isinstance(done, CartRefusal) else None


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or "{{" not in value:
        return value
    alone = _ALONE.fullmatch(value)
    if alone:
        return look_up(values, alone[1])
    try:
        return render_text(value, values)
    except TemplateError:
        return None
