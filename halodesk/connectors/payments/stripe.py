"""Stripe: payment methods and payment intents over its HTTP interface.

Rules:
- A charge is one payment intent, created and confirmed in one request; our key is its
  `Idempotency-Key` and stands in its metadata, by which it is found again. The list of intents is
  read for that, newest first: the search interface lags behind, and a replayed request would charge
  where the first one never arrived.
- What needs the owner of the card online (3-D Secure) cannot be had on a call: it is a decline.
- A void of an authorisation cancels the intent. Of a sale it pays back in full: Stripe turns that into
  a reversal while the sale is not settled, so `already_settled` does not happen.
- An error document with status 402 is the issuer's no; other 4xx are a promise that nothing was done,
  but for 409 and idempotency errors, which say that the key is in use.

Shapes: Stripe API reference, version 2024-06-20.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from halodesk.connectors.http import checked_base_url
from halodesk.connectors.payments import exchange as x
from halodesk.connectors.payments import reasons
from halodesk.connectors.payments.provider import GatewayAccount, Provider
from halodesk.runtime.payment_ports import (
    AddressCheck,
    CardAddress,
    CardDigits,
    ChargeAnswer,
    CodeCheck,
    Order,
    TokenAnswer,
)

VERSION = "2024-06-20"
PAGE = 100
MOST_PAGES = 20
CLOCK_SLACK_S = 3600
"""How far the seat's clock may be behind Stripe's."""
_TIMES_100 = ("ISK", "UGX")
"""Currencies without decimals that Stripe wants with two all the same."""

_WORDS = {
    "incorrect_number": "invalid_number",
    "invalid_expiry_month": "invalid_expiry",
    "invalid_expiry_year": "invalid_expiry",
    "incorrect_cvc": "incorrect_cvv",
    "invalid_cvc": "invalid_cvv",
    "incorrect_zip": "postal_code_mismatch",
    "incorrect_address": "postal_code_mismatch",
    "card_not_supported": "unsupported_brand",
    "currency_not_supported": "unsupported_brand",
    "withdrawal_count_limit_exceeded": "withdrawal_limit",
    "card_velocity_exceeded": "card_velocity_exceeded",
    "issuer_not_available": "processing_error",
    "reenter_transaction": "processing_error",
    "try_again_later": "processing_error",
    "duplicate_transaction": "duplicate",
    "charge_already_refunded": "refund_too_large",
}
_PARTS: dict[str, reasons.CardPart] = {
    "number": "number",
    "exp_month": "expiry",
    "exp_year": "expiry",
    "cvc": "cvv",
}


class _Checks(msgspec.Struct):
    address_line1_check: str | None = None
    address_postal_code_check: str | None = None
    cvc_check: str | None = None


class _Card(msgspec.Struct):
    brand: str | None = None
    last4: str | None = None
    checks: _Checks | None = None
    authorization_code: str | None = None


class _Method(msgspec.Struct):
    id: str
    object: Literal["payment_method"]
    card: _Card


class _Details(msgspec.Struct):
    card: _Card | None = None


class _Charge(msgspec.Struct):
    authorization_code: str | None = None
    payment_method_details: _Details | None = None


class _Error(msgspec.Struct):
    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    payment_intent: _Intent | None = None


class _Intent(msgspec.Struct):
    id: str
    object: Literal["payment_intent"]
    amount: int
    currency: str
    status: str
    created: float = 0
    metadata: dict[str, str] = {}
    latest_charge: _Charge | str | None = None
    last_payment_error: _Error | None = None


class _Refund(msgspec.Struct):
    id: str
    object: Literal["refund"]
    amount: int
    currency: str
    status: str | None = None
    payment_intent: str | None = None
    metadata: dict[str, str] = {}


class _Intents(msgspec.Struct):
    object: Literal["list"]
    data: list[_Intent]
    has_more: bool = False


class _Refunds(msgspec.Struct):
    object: Literal["list"]
    data: list[_Refund]
    has_more: bool = False


class _ErrorReply(msgspec.Struct):
    error: _Error


class StripeGateway:
    """`PaymentGateway` for one Stripe account. Raises `SettingsError` for an account that cannot be used."""

    name = "stripe"

    def __init__(self, account: GatewayAccount) -> None:
        key = x.checked_secret("Stripe's secret key", account.api_key)
        self._account = account
        self._base_url = checked_base_url(account.base_url)
        self._headers = {"Authorization": f"Bearer {key}", "Stripe-Version": VERSION}

    async def tokenise(
        self, card: CardDigits, *, key: str, address: CardAddress | None = None
    ) -> TokenAnswer:
        """A payment method, which Stripe takes for one charge only as it belongs to no customer."""
        if not x.key_ok(key):
            return TokenAnswer(verdict="failed", reason=reasons.BAD_REQUEST)
        with x.card_body(_card(card, address)) as (body, wrong):
            if wrong:
                return x.token_declined(f"invalid_{wrong}", wrong)
            exchange = await self._send("POST", "/v1/payment_methods", key=key, body=body)
        method = exchange.read(_Method)
        if method is not None and exchange.status == 200 and method.id:
            brand = method.card.brand or ""
            return TokenAnswer(
                verdict="approved", token=method.id, last4=method.card.last4 or "", brand=_brand(brand)
            )
        refusal = exchange.read(_ErrorReply)
        if refusal is not None and exchange.status == 402:
            code = refusal.error.code or "invalid_number"
            part = _PARTS.get((refusal.error.param or "").removeprefix("card[").removesuffix("]"), "")
            return x.token_declined(_WORDS.get(code, code), part)
        return x.token_failed(exchange)

    async def authorize(self, order: Order) -> ChargeAnswer:
        """An intent that is captured later."""
        return await self._charge(order, "manual")

    async def sale(self, order: Order) -> ChargeAnswer:
        """An intent that is captured at once."""
        return await self._charge(order, "automatic")

    async def capture(self, order: Order) -> ChargeAnswer:
        """Takes the amount of the intent."""
        if x.cannot_be_right(order):
            return x.not_sent()
        form = {"amount_to_capture": str(_amount(order))}
        exchange = await self._post(f"/v1/payment_intents/{_segment(order.charge_id)}/capture", order, form)
        intent = exchange.read(_Intent)
        if (
            intent is not None
            and exchange.status == 200
            and (intent.id, intent.status)
            == (
                order.charge_id,
                "succeeded",
            )
        ):
            return _approved(intent)
        return _not_done(exchange, order)

    async def void(self, order: Order) -> ChargeAnswer:
        """Cancels what is only reserved; pays back what was taken."""
        if x.cannot_be_right(order):
            return x.not_sent()
        asked = await self._get(f"/v1/payment_intents/{_segment(order.charge_id)}")
        intent = asked.read(_Intent)
        if intent is None or asked.status != 200:  # only read so far: nothing was done
            return x.refused("not_found") if asked.sent else asked.unanswered()
        if intent.status == "succeeded":
            return await self.refund(order)
        if intent.status == "canceled":
            return x.declined("already_voided")
        exchange = await self._post(f"/v1/payment_intents/{_segment(order.charge_id)}/cancel", order, {})
        gone = exchange.read(_Intent)
        if (
            gone is not None
            and exchange.status == 200
            and (gone.id, gone.status) == (order.charge_id, "canceled")
        ):
            return ChargeAnswer(verdict="approved", charge_id=gone.id, code="canceled")
        return _not_done(exchange, order)

    async def refund(self, order: Order) -> ChargeAnswer:
        """Pays back; a refund that is pending is as good as made."""
        if x.cannot_be_right(order):
            return x.not_sent()
        form = {
            "payment_intent": order.charge_id,
            "amount": str(_amount(order)),
            "metadata[halodesk_key]": order.key,
        }
        exchange = await self._post("/v1/refunds", order, form)
        refund = exchange.read(_Refund)
        if refund is not None and exchange.status == 200 and refund.metadata.get("halodesk_key") == order.key:
            return _refund(refund, order)
        return _not_done(exchange, order)

    async def query(self, order: Order) -> ChargeAnswer:
        """Finds the intent or refund by our key; `failed` only where all that could be it was read."""
        if order.kind in ("authorize", "sale"):
            return await self._find_intent(order)
        exchange = await self._get(f"/v1/payment_intents/{_segment(order.charge_id)}")
        intent = exchange.read(_Intent)
        if intent is None or exchange.status != 200:
            return x.unsure()
        if order.kind == "capture":
            done = {"succeeded": _approved(intent), "requires_capture": x.never_seen()}
            return done.get(intent.status, x.unsure())
        if order.kind == "void" and intent.status == "canceled":
            return ChargeAnswer(verdict="approved", charge_id=intent.id, code="canceled")
        return await self._find_refund(order)

    async def _charge(self, order: Order, capture_method: str) -> ChargeAnswer:
        if x.cannot_be_right(order):
            return x.not_sent()
        form = {
            "amount": str(_amount(order)),
            "currency": order.currency.lower(),
            "payment_method": order.token,
            "payment_method_types[]": "card",
            "confirm": "true",
            "capture_method": capture_method,
            "metadata[halodesk_key]": order.key,
            "metadata[halodesk_session]": order.reference,
            "expand[]": "latest_charge",
        }
        exchange = await self._post("/v1/payment_intents", order, form)
        intent = exchange.read(_Intent)
        if intent is not None and exchange.status == 200 and _is(intent, order):
            return _of_intent(intent, order)
        return _not_done(exchange, order)

    async def _find_intent(self, order: Order) -> ChargeAnswer:
        after, earliest = "", order.asked_at - CLOCK_SLACK_S
        for _ in range(MOST_PAGES):
            params = {"limit": str(PAGE), "expand[]": "data.latest_charge"}
            exchange = await self._get(
                "/v1/payment_intents", params | ({"starting_after": after} if after else {})
            )
            page = exchange.read(_Intents)
            if page is None or exchange.status != 200:
                return x.unsure()
            found = next((one for one in page.data if _is(one, order)), None)
            if found is not None:
                return _of_intent(found, order)
            if not page.has_more or not page.data:
                return x.never_seen()
            if order.asked_at and page.data[-1].created < earliest:
                return x.never_seen()
            after = page.data[-1].id
        return x.unsure()

    async def _find_refund(self, order: Order) -> ChargeAnswer:
        params = {"payment_intent": order.charge_id, "limit": str(PAGE)}
        exchange = await self._get("/v1/refunds", params)
        page = exchange.read(_Refunds)
        if page is None or exchange.status != 200:
            return x.unsure()
        found = next((one for one in page.data if one.metadata.get("halodesk_key") == order.key), None)
        if found is not None:
            return _refund(found, order)
        return x.unsure() if page.has_more else x.never_seen()

    async def _post(self, path: str, order: Order, form: Mapping[str, str]) -> x.Exchange:
        return await self._send("POST", path, key=order.key, body=bytearray(urlencode(form).encode()))

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> x.Exchange:
        return await self._send("GET", path, params=params)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        body: bytearray | None = None,
        params: Mapping[str, str] | None = None,
    ) -> x.Exchange:
        headers = self._headers
        if body is not None:
            headers = headers | {
                "Idempotency-Key": key,
                "Content-Type": "application/x-www-form-urlencoded",
            }
        return await x.send(
            self._account, self._base_url, method, path, headers=headers, body=body, params=params
        )


def _card(card: CardDigits, address: CardAddress | None) -> list[x.Piece]:
    told = {
        "billing_details[address][line1]": address.line1 if address else "",
        "billing_details[address][postal_code]": address.postal_code if address else "",
        "billing_details[address][country]": address.country if address else "",
    }
    more = urlencode({name: value for name, value in told.items() if value})
    return [
        b"type=card&card[number]=",
        ("number", card.number),
        b"&card[exp_month]=",
        ("expiry", card.expiry[:2]),
        b"&card[exp_year]=20",
        ("expiry", card.expiry[2:]),
        b"&card[cvc]=",
        ("cvv", card.cvv),
        f"&{more}".encode() if more else b"",
    ]


def _amount(order: Order) -> int:
    return order.amount_minor * (100 if order.currency in _TIMES_100 else 1)


def _segment(text: str) -> str:
    return quote(text, safe="")


def _brand(name: str) -> str:
    return {"american_express": "amex", "diners_club": "diners", "eftpos_au": ""}.get(name, name)


def _is(intent: _Intent, order: Order) -> bool:
    return (intent.metadata.get("halodesk_key"), intent.amount, intent.currency.upper()) == (
        order.key,
        _amount(order),
        order.currency,
    )


def _of_intent(intent: _Intent, order: Order) -> ChargeAnswer:
    if intent.status == ("succeeded" if order.kind == "sale" else "requires_capture"):
        return _approved(intent)
    if intent.status in ("requires_payment_method", "requires_action", "canceled"):
        problem = intent.last_payment_error or _Error(code="authentication_required")
        return _declined(problem, intent)
    return x.unsure()


def _approved(intent: _Intent) -> ChargeAnswer:
    avs, cvv, code = _told(intent)
    return ChargeAnswer(
        verdict="approved", charge_id=intent.id, auth_code=code, code=intent.status, avs=avs, cvv=cvv
    )


def _declined(problem: _Error, intent: _Intent | None) -> ChargeAnswer:
    code = problem.decline_code or problem.code or "card_declined"
    avs, cvv, _ = _told(intent) if intent is not None else ("", "", "")
    return x.declined(
        code, _WORDS.get(code, code), charge_id=intent.id if intent is not None else "", avs=avs, cvv=cvv
    )


def _not_done(exchange: x.Exchange, order: Order) -> ChargeAnswer:
    """What an answer says that is not the one hoped for."""
    refusal = exchange.read(_ErrorReply)
    if refusal is None or not 400 <= exchange.status < 500 or exchange.status == 409:
        return exchange.unanswered()
    problem = refusal.error
    if problem.type == "idempotency_error" or problem.code == "idempotency_key_in_use":
        return exchange.unanswered()
    intent = problem.payment_intent
    if exchange.status == 402:
        mine = intent is None or order.kind not in ("authorize", "sale") or _is(intent, order)
        return _declined(problem, intent) if mine else exchange.unanswered()
    if problem.code in ("charge_already_refunded", "charge_disputed"):
        return x.declined(problem.code, _WORDS.get(problem.code, ""))
    about_token = problem.param == "payment_method"
    return x.refused(
        problem.code or problem.type or "refused", reasons.ENTER_AGAIN if about_token else reasons.REFUSED
    )


def _refund(refund: _Refund, order: Order) -> ChargeAnswer:
    if (refund.amount, refund.currency.upper()) != (_amount(order), order.currency):
        return x.unsure()
    if refund.status in ("succeeded", "pending"):
        return ChargeAnswer(verdict="approved", charge_id=refund.id, code=refund.status)
    if refund.status in ("failed", "canceled"):
        return x.declined(f"refund_{refund.status}")
    return x.unsure()


def _told(intent: _Intent) -> tuple[AddressCheck, CodeCheck, str]:
    charge = intent.latest_charge
    if not isinstance(charge, _Charge):
        return "", "", ""
    card = charge.payment_method_details.card if charge.payment_method_details else None
    checks = card.checks if card is not None else None
    code = (card.authorization_code if card is not None else None) or charge.authorization_code or ""
    if checks is None:
        return "", "", code
    line1, postal = checks.address_line1_check, checks.address_postal_code_check
    return (
        reasons.address_check(_heard(line1), _heard(postal)),
        reasons.code_check(_heard(checks.cvc_check)),
        code,
    )


def _heard(check: str | None) -> bool | None:
    return {"pass": True, "fail": False}.get(check or "")


PROVIDER = Provider(key="stripe", label="Stripe", build=StripeGateway, live_url="https://api.stripe.com")
