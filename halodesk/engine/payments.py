"""What the steps that take money have in common: the card's address, a charge to ask for, its answer.

Rules:
- A charge is asked for with the amount that was frozen when the card was taken; another one is refused.
- An answer becomes one object of plain values (`success`, `reason`, `charge_id`, …), which routes and
  texts read. What the issuer said of address and security code is in it, approved or declined.
"""

from __future__ import annotations

from typing import Any

import msgspec

from halodesk.engine.effects import CHARGE
from halodesk.engine.money import words
from halodesk.engine.session import Charge, Session
from halodesk.engine.steps.base import Ask

_ADDRESS = ("line1", "postal_code", "country")
_ANSWER = ("charge_id", "auth_code", "avs", "cvv")
_BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_AVS = {
    "match": "address matches",
    "postal_code": "postal code matches, street does not or was not checked",
    "street": "street matches, postal code does not or was not checked",
    "mismatch": "address does not match",
    "not_checked": "address not checked",
}
_CVV = {
    "match": "security code matches",
    "mismatch": "security code does not match",
    "not_checked": "security code not checked",
}


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """The last charge of the session in words, and what can be done about it."""

    charge: str
    """Id for `commands.TakeBack`."""
    title: str
    """`$47.80, Visa ···· 4242`."""
    state: str
    """How it stands."""
    checks: str = ""
    """What the issuer said of address and security code."""
    can_void: bool = False
    can_refund: bool = False


def address_of(state: Session, *names: str) -> dict[str, str]:
    """The parts of an address that an issuer compares: of an address field, or of a postal code's."""
    found: dict[str, str] = {}
    for name in names:
        value = state.values.get(name) if name else None
        if isinstance(value, dict):
            found |= {part: str(value[part]) for part in _ADDRESS if value.get(part)}
        elif isinstance(value, str) and value:
            found["postal_code"] = value
    return found


def charge(payment: dict[str, Any], *, capture: bool) -> Ask:
    """The request to charge the card of a payment value, as `payment_form` sets it."""
    args = {
        "gateway": payment.get("gateway", "default"),
        "token": payment["token"],
        "amount": payment["amount"],
        "currency": payment["currency"],
    }
    more = {name: payment[name] for name in ("address", "last4", "brand") if payment.get(name)}
    return Ask(kind=CHARGE, args=args | more | ({} if capture else {"capture": False}))


def forbids(payment: Any, state: Session) -> str:
    """Why this card cannot be charged now, in words; or nothing."""
    if not isinstance(payment, dict) or not payment.get("token"):
        return "There is no card to charge."
    if payment.get("amount") != state.cart.total or payment.get("currency") != state.cart.currency:
        return "The amount has changed since the card was entered."
    if state.unsettled is not None:
        return "An earlier charge is not settled yet."
    if state.paid is not None:
        return "This order is paid already."
    return ""


def answered(success: bool, reason: str, result: dict[str, Any]) -> dict[str, Any]:
    """What came of a charge, as a value of the session."""
    kept = {name: result[name] for name in _ANSWER if result.get(name)}
    return {
        "success": success,
        "reason": reason,
        **({"charge_id": "", "auth_code": ""} if success else {}),
        **kept,
    }


def view(state: Session) -> PaymentView | None:
    """The last charge, once there is something to say of it."""
    last = state.paid or (state.charges[-1] if state.charges else None)
    if last is None or last.outcome == "open":
        return None
    card = f"{_BRANDS.get(last.brand, last.brand)} ···· {last.last4}".strip() if last.last4 else ""
    told = [_AVS.get(last.avs, ""), _CVV.get(last.cvv, "")]
    checks = ", ".join(filter(None, told))
    free = last.outcome == "ok" and not last.changing
    return PaymentView(
        charge=last.id,
        title=", ".join(filter(None, (words(last.amount, last.currency), card))),
        state=_stands(last),
        checks=checks[:1].upper() + checks[1:],
        can_void=free and not last.settled,
        can_refund=free and last.settled,
    )


def _stands(one: Charge) -> str:
    if one.changing:
        return {"void": "Being voided …", "refund": "Being paid back …", "capture": "Being taken …"}[
            one.changing
        ]
    approval = f", approval {one.auth_code}" if one.auth_code else ""
    match one.outcome:
        case "ok":
            late = f" {one.reason}" if one.reason else ""
            return (f"Paid{approval}." if one.captured else f"Reserved{approval}, not taken yet.") + late
        case "voided":
            return "Voided: nothing is taken."
        case "refunded":
            return "Paid back."
        case "declined":
            return f"Declined. {one.reason}".strip()
        case "unknown":
            return "Not known yet: the gateway is being asked."
        case _:
            return f"Not charged. {one.reason}".strip()
