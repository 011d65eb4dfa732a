"""The sandbox gateway's connector, and the pattern for the others.

Rules:
- What a missing answer means is decided in `exchange`.
- An answer is trusted when it parses, repeats key, kind, amount and currency of what was sent, and
  its status line agrees. An error document of the gateway (4xx) is a promise that nothing was
  moved; 409 is not: the key belongs to another order, so ask what became of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

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
    ChargeVerdict,
    CodeCheck,
    Order,
    OrderKind,
    TokenAnswer,
)


class _TokenReply(msgspec.Struct):
    status: str
    token: str = ""
    brand: str = ""
    last4: str = ""
    code: str = ""
    field: reasons.CardPart = ""
    avs: AddressCheck = ""
    cvv: CodeCheck = ""


class _ChargeReply(msgspec.Struct):
    key: str
    status: str
    charge_id: str
    code: str
    auth_code: str
    amount_minor: int
    currency: str
    kind: OrderKind
    avs: AddressCheck = ""
    cvv: CodeCheck = ""


class _ErrorBody(msgspec.Struct):
    code: str


class _ErrorReply(msgspec.Struct):
    error: _ErrorBody


class SandboxGateway:
    """`PaymentGateway` over the sandbox gateway's HTTP interface.

    Holds no connection, so there is nothing to close. Raises `SettingsError` for an address
    without TLS that is not loopback, and for an API key that cannot be a header.
    """

    name = "sandbox"

    def __init__(self, account: GatewayAccount) -> None:
        x.checked_secret("The sandbox gateway's API key", account.api_key)
        self._account = account
        self._base_url = checked_base_url(account.base_url)

    async def tokenise(
        self, card: CardDigits, *, key: str, address: CardAddress | None = None
    ) -> TokenAnswer:
        """Trade card data for a single-use token; no answer is `failed`, as a lost token charges nothing."""
        if not x.key_ok(key):
            return TokenAnswer(verdict="failed", reason=reasons.BAD_REQUEST)
        with x.card_body(_card(card, address)) as (body, wrong):
            if wrong:
                return x.token_declined(f"invalid_{wrong}", wrong)
            exchange = await self._send("POST", "/v1/tokens", key=key, body=body)
        reply = exchange.read(_TokenReply)
        if reply is not None and exchange.status == 201 and reply.token:
            return TokenAnswer(
                verdict="approved",
                token=reply.token,
                last4=reply.last4,
                brand=reply.brand,
                avs=reply.avs,
                cvv=reply.cvv,
            )
        if reply is not None and exchange.status == 402:
            return x.token_declined(reply.code, reply.field)
        return x.token_failed(exchange)

    async def authorize(self, order: Order) -> ChargeAnswer:
        """Reserve; see `_charge`."""
        return await self._charge(order)

    async def sale(self, order: Order) -> ChargeAnswer:
        """Reserve and take; see `_charge`."""
        return await self._charge(order)

    async def capture(self, order: Order) -> ChargeAnswer:
        """Take what was reserved."""
        return await self._change(order)

    async def void(self, order: Order) -> ChargeAnswer:
        """Undo a charge of today."""
        return await self._change(order)

    async def refund(self, order: Order) -> ChargeAnswer:
        """Pay back."""
        return await self._change(order)

    async def query(self, order: Order) -> ChargeAnswer:
        """What became of it; `failed` only where the gateway itself says that it never saw the key."""
        exchange = await self._send("GET", "/v1/charges", params={"key": order.key})
        reply = exchange.read(_ChargeReply)
        if (
            reply is not None
            and exchange.status == 200
            and (reply.key, reply.kind) == (order.key, order.kind)
            and reply.status in ("approved", "declined")
        ):
            return _answer(reply)
        refusal = exchange.read(_ErrorReply)
        if exchange.status == 404 and refusal is not None and refusal.error.code == "charge_not_found":
            return x.never_seen()
        return x.unsure()

    async def _charge(self, order: Order) -> ChargeAnswer:
        """Charge once; `unknown` is for `query`, never for a repeat."""
        document = {
            "token": order.token,
            "amount_minor": order.amount_minor,
            "currency": order.currency,
            "reference": order.reference,
            "capture": order.kind == "sale",
        }
        return await self._order(order, "/v1/charges", document)

    async def _change(self, order: Order) -> ChargeAnswer:
        path = f"/v1/charges/{quote(order.charge_id, safe='')}/{order.kind}"
        return await self._order(
            order, path, {"amount_minor": order.amount_minor, "currency": order.currency}
        )

    async def _order(self, order: Order, path: str, document: dict[str, Any]) -> ChargeAnswer:
        if x.cannot_be_right(order):
            return x.not_sent()
        body = bytearray(msgspec.json.encode(document))
        exchange = await self._send("POST", path, key=order.key, body=body)
        reply = exchange.read(_ChargeReply)
        if (
            reply is not None
            and (reply.key, reply.kind) == (order.key, order.kind)
            and (reply.amount_minor, reply.currency) == (order.amount_minor, order.currency)
            and (exchange.status, reply.status) in ((200, "approved"), (402, "declined"))
        ):
            return _answer(reply)
        refusal = exchange.read(_ErrorReply)
        if refusal is not None and 400 <= exchange.status < 500 and exchange.status != 409:
            about_token = exchange.status == 422
            return x.refused(refusal.error.code, reasons.ENTER_AGAIN if about_token else reasons.REFUSED)
        return exchange.unanswered()

    async def _send(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        body: bytearray | None = None,
        params: Mapping[str, str] | None = None,
    ) -> x.Exchange:
        headers = {"X-Api-Key": self._account.api_key}
        if body is not None:
            headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        return await x.send(
            self._account, self._base_url, method, path, headers=headers, body=body, params=params
        )


def _card(card: CardDigits, address: CardAddress | None) -> list[x.Piece]:
    more = b'"}'
    if address is not None:
        told = msgspec.json.encode({"line1": address.line1, "postal_code": address.postal_code})
        more = b'",' + told[1:]
    return [
        b'{"number":"',
        ("number", card.number),
        b'","expiry":"',
        ("expiry", card.expiry),
        b'","cvv":"',
        ("cvv", card.cvv),
        more,
    ]


def _answer(reply: _ChargeReply) -> ChargeAnswer:
    verdict: ChargeVerdict = "approved" if reply.status == "approved" else "declined"
    return ChargeAnswer(
        verdict=verdict,
        charge_id=reply.charge_id,
        auth_code=reply.auth_code,
        code=reply.code,
        reason="" if verdict == "approved" else reasons.agent_words(reply.code),
        avs=reply.avs,
        cvv=reply.cvv,
    )


PROVIDER = Provider(key="sandbox", label="Sandbox gateway", build=SandboxGateway)
