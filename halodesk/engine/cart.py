"""The cart: immutable, in minor units, recalculated as a whole on each change.

Rules:
- total = lines - line discounts - order discount + shipping + tax, never below zero; each
  line is rounded once.
- Quantity 0 removes a line. Adding an item that is there raises its quantity.
- The cart freezes when a charge is approved: every later action is refused.
- An action is a pure function `Cart -> Cart`; it runs only where its `when` holds, which
  the caller has checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from halodesk.engine.flow import Catalogue
from halodesk.engine.money import percent_of, to_minor


class CartRefusal(msgspec.Struct, frozen=True):
    """Why an action was not done, in words."""

    message: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One product of the cart. `price` is per piece."""

    item: str
    name: str
    quantity: int
    price: int
    discount: int = 0

    @property
    def total(self) -> int:
        """Minor units, never below zero."""
        return max(0, self.quantity * self.price - self.discount)


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """All of an order that has a price."""

    currency: str = "USD"
    lines: tuple[Line, ...] = ()
    discount: int = 0
    discount_percent: str = ""
    shipping_key: str = ""
    shipping_name: str = ""
    shipping: int = 0
    tax_percent: str = ""
    tax_label: str = ""
    note: str = ""
    frozen: bool = False

    @property
    def goods(self) -> int:
        """Lines after line discounts and the order discount."""
        lines = sum(line.total for line in self.lines)
        off = self.discount + (percent_of(lines, self.discount_percent) if self.discount_percent else 0)
        return max(0, lines - off)

    @property
    def subtotal(self) -> int:
        """Lines after their own discounts."""
        return sum(line.total for line in self.lines)

    @property
    def tax(self) -> int:
        """Tax on the goods; shipping is not taxed."""
        return percent_of(self.goods, self.tax_percent) if self.tax_percent else 0

    @property
    def total(self) -> int:
        """What will be charged. Shipping counts only where there is something to ship."""
        return max(0, self.goods + (self.shipping if self.lines else 0) + self.tax)

    @property
    def quantity(self) -> int:
        """Pieces in all lines."""
        return sum(line.quantity for line in self.lines)

    def line(self, item: str) -> Line | None:
        """The line of that product, or None."""
        return next((line for line in self.lines if line.item == item), None)


LARGEST_QUANTITY = 1_000_000
LARGEST_PERCENT = 1000

Action = Callable[[Cart, Catalogue, Mapping[str, Any]], Cart | CartRefusal]


def apply(cart: Cart, action: str, args: Mapping[str, Any], catalogue: Catalogue) -> Cart | CartRefusal:
    """The cart after the action, or why not."""
    if cart.frozen:
        return CartRefusal("The order is paid: the cart can no longer be changed.")
    known = ACTIONS.get(action)
    if known is None:
        return CartRefusal(f'This version does not know the cart action "{action}".')
    try:
        return known(cart, catalogue, args)
    except (ValueError, InvalidOperation, TypeError):
        return CartRefusal(f'The cart action "{action}" has an amount or quantity that is not a number.')


def _with_line(cart: Cart, line: Line) -> Cart:
    others = tuple(old for old in cart.lines if old.item != line.item)
    if line.quantity <= 0:
        return msgspec.structs.replace(cart, lines=others)
    if any(old.item == line.item for old in cart.lines):
        lines = tuple(line if old.item == line.item else old for old in cart.lines)
    else:
        lines = (*cart.lines, line)
    return msgspec.structs.replace(cart, lines=lines)


def _quantity(args: Mapping[str, Any]) -> int:
    quantity = Decimal(str(args.get("quantity", 1)))
    if not quantity.is_finite() or not 0 <= quantity <= LARGEST_QUANTITY or quantity % 1:
        raise ValueError("quantity")
    return int(quantity)


def _add_item(cart: Cart, catalogue: Catalogue, args: Mapping[str, Any]) -> Cart | CartRefusal:
    key = str(args.get("item", ""))
    product = catalogue.product(key)
    if product is None:
        return CartRefusal(f'The catalogue has no product "{key}".')
    quantity = _quantity(args)
    old = cart.line(key)
    if old is not None:
        return _with_line(cart, msgspec.structs.replace(old, quantity=old.quantity + quantity))
    price = to_minor(args.get("price", product.price), cart.currency)
    return _with_line(cart, Line(item=key, name=product.name, quantity=quantity, price=price))


def _remove_item(cart: Cart, catalogue: Catalogue, args: Mapping[str, Any]) -> Cart | CartRefusal:
    key = str(args.get("item", ""))
    return msgspec.structs.replace(cart, lines=tuple(line for line in cart.lines if line.item != key))


def _set_quantity(cart: Cart, catalogue: Catalogue, args: Mapping[str, Any]) -> Cart | CartRefusal:
    key = str(args.get("item", ""))
    old = cart.line(key)
    if old is None:
        return _add_item(cart, catalogue, args)
    return _with_line(cart, msgspec.structs.replace(old, quantity=_quantity(args)))


def _set_shipping(cart: Cart, catalogue: Catalogue, args: Mapping[str, Any]) -> Cart | CartRefusal:
    key = str(args.get("method", ""))
    method = next((method for method in catalogue.shipping if method.key == key), None)
    if method is None:
        return CartRefusal(f'The catalogue has no shipping method "{key}".')
    return msgspec.structs.replace(
        cart,
        shipping_key=key,
        shipping_name=method.name,
        shipping=to_minor(method.price, cart.currency),
    )


def _set_tax(cart: Cart, catalogue: Catalogue, args: Mapping[str, Any]) -> Cart | CartRefusal:
    percent = Decimal(str(args.get("percent", "")))
    if not percent.is_finite() or not 0 <= percent <= LARGEST_PERCENT:
        raise ValueError("percent")
    return msgspec.structs.replace(cart, tax_percent=str(percent), tax_label=str(args.get("label", "")))


def _set_note(cart: Cart, catalogue: Catalogue, args: Mapping[str, Any]) -> Cart | CartRefusal:
    return msgspec.structs.replace(cart, note=str(args.get("note", "")))


def _clear_cart(cart: Cart, catalogue: Catalogue, args: Mapping[str, Any]) -> Cart | CartRefusal:
    return Cart(currency=cart.currency)


ACTIONS: dict[str, Action] = {
    "add_item": _add_item,
    "remove_item": _remove_item,
    "set_quantity": _set_quantity,
    "set_shipping": _set_shipping,
    "set_tax": _set_tax,
    "set_note": _set_note,
    "clear_cart": _clear_cart,
}
