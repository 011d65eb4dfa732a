"""Braintree: its GraphQL interface.

Rules:
- A token is a single-use payment method; the security code is checked with the first charge and is not kept.
- There is no idempotency key. Our key is the transaction's `orderId`, by which it is found again, and the
  request's `clientMutationId`, which the answer repeats. The account's own duplicate check (Control Panel:
  orders with the same id) belongs switched on beside it.
- An account there has one currency: an order in another one is not sent.
- Errors of the classes that name a mistake of ours are a promise that nothing was done; all others are not.

Shapes: Braintree GraphQL API reference, version 2019-01-01.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from halodesk.connectors.http import checked_base_url
from halodesk.connectors.payments import exchange as x
from halodesk.connectors.payments import reasons
from halodesk.connectors.payments.provider import GatewayAccount, Provider
from halodesk.engine.money import to_major, to_minor
from halodesk.runtime.payment_ports import (
    ALREADY_SETTLED,
    AddressCheck,
    CardAddress,
    CardDigits,
    ChargeAnswer,
    CodeCheck,
    Order,
    OrderKind,
    TokenAnswer,
)

VERSION = "2019-01-01"
_REFUSALS = ("VALIDATION", "AUTHENTICATION", "AUTHORIZATION", "NOT_FOUND", "UNSUPPORTED_CLIENT")
_STATUS = """
  id orderId status amount { value currencyCode }
  statusHistory {
    status
    ... on AuthorizedEvent { processorResponse { legacyCode authorizationId cvvResponse
      avsPostalCodeResponse avsStreetAddressResponse } }
    ... on ProcessorDeclinedEvent { processorResponse { legacyCode cvvResponse
      avsPostalCodeResponse avsStreetAddressResponse } }
  }
"""
_TOKENISE = """mutation Tokenise($input: TokenizeCreditCardInput!) { tokenizeCreditCard(input: $input) {
  clientMutationId paymentMethod { id details { ... on CreditCardDetails { brandCode last4 } } } } }"""
_MUTATIONS: dict[OrderKind, tuple[str, str]] = {
    "authorize": ("authorizePaymentMethod", "AuthorizePaymentMethodInput"),
    "sale": ("chargePaymentMethod", "ChargePaymentMethodInput"),
    "capture": ("captureTransaction", "CaptureTransactionInput"),
    "void": ("voidTransaction", "VoidTransactionInput"),
}
_REFUND = """mutation Refund($input: RefundTransactionInput!) { answer: refundTransaction(input: $input) {
  clientMutationId refund { id orderId status amount { value currencyCode } } } }"""
_SEARCH = f"""query Search($input: TransactionSearchInput!) {{ search {{ transactions(input: $input) {{
  edges {{ node {{ {_STATUS} }} }} }} }} }}"""
_NODE = f"""query Node($id: ID!) {{ node(id: $id) {{ ... on Transaction {{ {_STATUS}
  refunds {{ id orderId status amount {{ value currencyCode }} }} }} }} }}"""

_TAKEN = ("SUBMITTED_FOR_SETTLEMENT", "SETTLING", "SETTLEMENT_PENDING", "SETTLEMENT_CONFIRMED", "SETTLED")
_GONE = (
    *("PROCESSOR_DECLINED", "GATEWAY_REJECTED", "FAILED", "AUTHORIZATION_EXPIRED"),
    *("SETTLEMENT_DECLINED", "VOIDED"),
)
_WORDS = {
    "2000": "do_not_honor",
    "2001": "insufficient_funds",
    "2002": "withdrawal_limit",
    "2003": "withdrawal_limit",
    "2004": "expired_card",
    "2005": "invalid_number",
    "2006": "invalid_expiry",
    "2007": "invalid_number",
    "2008": "invalid_number",
    "2010": "incorrect_cvv",
    "2012": "lost_card",
    "2013": "stolen_card",
    "2014": "fraudulent",
    "2021": "do_not_honor",
    "2024": "unsupported_brand",
    "2046": "do_not_honor",
    "2047": "pickup_card",
    "2057": "do_not_honor",
    "2059": "postal_code_mismatch",
    "2060": "postal_code_mismatch",
    "2061": "invalid_number",
    "2099": "authentication_required",
    "3000": "processing_error",
}
_FIELD_CODES: dict[str, tuple[str, reasons.CardPart]] = {
    "81714": ("invalid_number", "number"),
    "81715": ("invalid_number", "number"),
    "81716": ("invalid_number", "number"),
    "81703": ("unsupported_brand", "number"),
    "81709": ("invalid_expiry", "expiry"),
    "81710": ("invalid_expiry", "expiry"),
    "81711": ("invalid_expiry", "expiry"),
    "81712": ("invalid_expiry", "expiry"),
    "81713": ("invalid_expiry", "expiry"),
    "81706": ("invalid_cvv", "cvv"),
    "81707": ("invalid_cvv", "cvv"),
}
_SETTLED_CODES = ("91504", "91506")
"""A void of what is not open any more; a refund of what is not settled yet."""
_BRANDS = {"AMERICAN_EXPRESS": "amex", "DINERS": "diners", "UNION_PAY": "unionpay"}


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    """Their keys in camel case."""


class _Amount(_Document, frozen=True):
    value: str
    currency_code: str | None = None


class _Processor(_Document, frozen=True):
    legacy_code: str | None = None
    authorization_id: str | None = None
    cvv_response: str | None = None
    avs_postal_code_response: str | None = None
    avs_street_address_response: str | None = None


class _Event(_Document, frozen=True):
    status: str | None = None
    processor_response: _Processor | None = None


class _Movement(_Document, frozen=True):
    id: str
    status: str
    amount: _Amount
    order_id: str | None = None
    status_history: list[_Event] = []
    refunds: list[_Movement] | None = None


class _CardDetails(_Document, frozen=True):
    brand_code: str | None = None
    last4: str | None = None


class _Method(_Document, frozen=True):
    id: str
    details: _CardDetails | None = None


class _Payload(_Document, frozen=True):
    client_mutation_id: str | None = None
    transaction: _Movement | None = None
    refund: _Movement | None = None
    payment_method: _Method | None = None


class _Edge(_Document, frozen=True):
    node: _Movement


class _Edges(_Document, frozen=True):
    edges: list[_Edge]


class _Search(_Document, frozen=True):
    transactions: _Edges


class _Data(_Document, frozen=True):
    answer: _Payload | None = None
    tokenize_credit_card: _Payload | None = None
    search: _Search | None = None
    node: _Movement | None = None


class _Extensions(_Document, frozen=True):
    error_class: str = ""
    legacy_code: str | None = None


class _Error(_Document, frozen=True):
    extensions: _Extensions = _Extensions()


class _Reply(_Document, frozen=True):
    data: _Data | None = None
    errors: list[_Error] = []


class BraintreeGateway:
    """`PaymentGateway` for one merchant account. Raises `SettingsError` for one that cannot be used."""

    name = "braintree"

    def __init__(self, account: GatewayAccount) -> None:
        public = x.checked_secret("Braintree's public key (`login`)", account.login)
        private = x.checked_secret("Braintree's private key (`api_key`)", account.api_key)
        x.checked_secret("Braintree's merchant account (`merchant_account`)", account.merchant_account)
        self._account = account
        self._base_url = checked_base_url(account.base_url)
        who = base64.b64encode(f"{public}:{private}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {who}",
            "Braintree-Version": VERSION,
            "Content-Type": "application/json",
        }

    async def tokenise(
        self, card: CardDigits, *, key: str, address: CardAddress | None = None
    ) -> TokenAnswer:
        """A single-use payment method."""
        if not x.key_ok(key):
            return TokenAnswer(verdict="failed", reason=reasons.BAD_REQUEST)
        with x.card_body(_card(card, key, address)) as (body, wrong):
            if wrong:
                return x.token_declined(f"invalid_{wrong}", wrong)
            exchange = await self._send(body)
        reply = _read(exchange)
        made = reply.data.tokenize_credit_card if reply is not None and reply.data is not None else None
        if reply is not None and not reply.errors and made is not None and made.payment_method is not None:
            details = made.payment_method.details or _CardDetails()
            brand = details.brand_code or ""
            return TokenAnswer(
                verdict="approved",
                token=made.payment_method.id,
                last4=details.last4 or "",
                brand=_BRANDS.get(brand, brand.lower()),
            )
        for error in reply.errors if reply is not None else []:
            if error.extensions.legacy_code in _FIELD_CODES:
                return x.token_declined(*_FIELD_CODES[error.extensions.legacy_code])
        return x.token_failed(exchange)

    async def authorize(self, order: Order) -> ChargeAnswer:
        """Reserve."""
        return await self._order(order, self._charge(order))

    async def sale(self, order: Order) -> ChargeAnswer:
        """Reserve and submit for settlement."""
        return await self._order(order, self._charge(order))

    async def capture(self, order: Order) -> ChargeAnswer:
        """Submit what was reserved for settlement."""
        return await self._order(
            order, {"transactionId": order.charge_id, "transaction": {"amount": _amount(order)}}
        )

    async def void(self, order: Order) -> ChargeAnswer:
        """Undo before settlement."""
        return await self._order(order, {"transactionId": order.charge_id})

    async def refund(self, order: Order) -> ChargeAnswer:
        """Pay back what is settled."""
        wanted = {
            "transactionId": order.charge_id,
            "refund": {"amount": _amount(order), "orderId": order.key},
        }
        return await self._order(order, wanted)

    async def query(self, order: Order) -> ChargeAnswer:
        """By `orderId`, or by the transaction that was to be changed."""
        if order.kind in ("authorize", "sale"):
            reply = _read(await self._ask(_SEARCH, {"input": {"orderId": {"is": order.key}}}))
            if reply is None or reply.errors or reply.data is None or reply.data.search is None:
                return x.unsure()
            nodes = [edge.node for edge in reply.data.search.transactions.edges]
            found = next((one for one in nodes if one.order_id == order.key), None)
            return x.never_seen() if found is None else _answer(found, order)
        reply = _read(await self._ask(_NODE, {"id": order.charge_id}))
        node = reply.data.node if reply is not None and reply.data is not None and not reply.errors else None
        return x.unsure() if node is None else _changed(node, order)

    def _charge(self, order: Order) -> dict[str, Any]:
        return {
            "paymentMethodId": order.token,
            "transaction": {
                "amount": _amount(order),
                "orderId": order.key,
                "merchantAccountId": self._account.merchant_account,
            },
        }

    async def _order(self, order: Order, wanted: dict[str, Any]) -> ChargeAnswer:
        if x.cannot_be_right(order):
            return x.not_sent()
        if order.currency != self._account.currency:
            return x.refused("wrong_currency")
        document = _REFUND if order.kind == "refund" else _mutation(order.kind)
        exchange = await self._ask(document, {"input": {"clientMutationId": order.key, **wanted}})
        reply = _read(exchange)
        if reply is None:
            return exchange.unanswered()
        if reply.errors:
            return _refused(reply.errors[0], order, exchange)
        payload = reply.data.answer if reply.data is not None else None
        moved = None if payload is None else payload.transaction or payload.refund
        if payload is None or moved is None or payload.client_mutation_id != order.key:
            return exchange.unanswered()
        mine = order.key if order.kind in ("authorize", "sale", "refund") else None
        if (moved.order_id != mine and mine is not None) or (mine is None and moved.id != order.charge_id):
            return exchange.unanswered()
        return _answer(moved, order)

    async def _ask(self, document: str, variables: dict[str, Any]) -> x.Exchange:
        return await self._send(bytearray(msgspec.json.encode({"query": document, "variables": variables})))

    async def _send(self, body: bytearray) -> x.Exchange:
        return await x.send(
            self._account, self._base_url, "POST", "/graphql", headers=self._headers, body=body
        )


def _mutation(kind: OrderKind) -> str:
    name, given = _MUTATIONS[kind]
    return (
        f"mutation Order($input: {given}!) {{ answer: {name}(input: $input) {{"
        f" clientMutationId transaction {{ {_STATUS} }} }} }}"
    )


def _card(card: CardDigits, key: str, address: CardAddress | None) -> list[x.Piece]:
    told = {
        "addressLine1": address.line1 if address else "",
        "postalCode": address.postal_code if address else "",
        "countryCode": address.country if address else "",
    }
    told = {name: value for name, value in told.items() if value}
    head = msgspec.json.encode({"query": _TOKENISE, "variables": {"input": {"clientMutationId": key}}})
    more = b',"billingAddress":' + msgspec.json.encode(told) if told else b""
    return [
        head[:-3] + b',"options":{"validate":false},"creditCard":{"number":"',
        ("number", card.number),
        b'","expirationMonth":"',
        ("expiry", card.expiry[:2]),
        b'","expirationYear":"20',
        ("expiry", card.expiry[2:]),
        b'","cvv":"',
        ("cvv", card.cvv),
        b'"' + more + b"}}}}",
    ]


def _amount(order: Order) -> str:
    return str(to_major(order.amount_minor, order.currency))


def _read(exchange: x.Exchange) -> _Reply | None:
    return exchange.read(_Reply) if exchange.status == 200 else None


def _refused(error: _Error, order: Order, exchange: x.Exchange) -> ChargeAnswer:
    told = error.extensions
    if told.error_class not in _REFUSALS:
        return exchange.unanswered()
    code = told.legacy_code or told.error_class.lower()
    if order.kind == "void" and code in _SETTLED_CODES:
        return x.declined(ALREADY_SETTLED)
    if order.kind == "refund" and told.error_class == "VALIDATION":
        return x.declined("refund_too_large" if code == "91521" else code)
    about_token = order.kind in ("authorize", "sale") and told.error_class == "VALIDATION"
    return x.refused(code, reasons.ENTER_AGAIN if about_token else reasons.REFUSED)


def _answer(moved: _Movement, order: Order) -> ChargeAnswer:
    """What a transaction or refund says of the order that made or changed it."""
    if not _same_amount(moved, order):
        return x.unsure()
    avs, cvv, code, approval = _told(moved)
    if order.kind == "void":
        done = ChargeAnswer(verdict="approved", charge_id=moved.id, code="voided")
        return done if moved.status == "VOIDED" else x.unsure()
    if moved.status in _TAKEN or (moved.status == "AUTHORIZED" and order.kind == "authorize"):
        return ChargeAnswer(
            verdict="approved",
            charge_id=moved.id,
            auth_code=approval,
            code=moved.status.lower(),
            avs=avs,
            cvv=cvv,
        )
    if moved.status in _GONE:
        words = _WORDS.get(code, "")
        return x.declined(code or moved.status.lower(), words, charge_id=moved.id, avs=avs, cvv=cvv)
    return x.unsure()


def _changed(node: _Movement, order: Order) -> ChargeAnswer:
    """What became of a capture, void or refund, by how the transaction stands."""
    if order.kind == "refund":
        found = next((one for one in node.refunds or [] if one.order_id == order.key), None)
        return x.never_seen() if found is None else _answer(found, order)
    if order.kind == "void":
        if node.status == "VOIDED":
            return ChargeAnswer(verdict="approved", charge_id=node.id, code="voided")
        return x.never_seen() if node.status in (*_TAKEN, "AUTHORIZED") else x.unsure()
    return x.never_seen() if node.status == "AUTHORIZED" else _answer(node, order)


def _same_amount(moved: _Movement, order: Order) -> bool:
    if moved.amount.currency_code not in (None, order.currency):
        return False
    try:
        return to_minor(moved.amount.value, order.currency) == order.amount_minor
    except ValueError:
        return False


def _told(moved: _Movement) -> tuple[AddressCheck, CodeCheck, str, str]:
    """Address, code, decline code and approval, as the newest event that knows them has them."""
    found = next((one.processor_response for one in moved.status_history if one.processor_response), None)
    if found is None:
        return "", "", "", ""
    avs = reasons.address_check(
        _heard(found.avs_street_address_response), _heard(found.avs_postal_code_response)
    )
    code = found.legacy_code or ""
    return avs, reasons.code_check(_heard(found.cvv_response)), code, found.authorization_id or ""


def _heard(check: str | None) -> bool | None:
    return {"MATCHES": True, "DOES_NOT_MATCH": False}.get(check or "")


PROVIDER = Provider(
    key="braintree",
    label="Braintree",
    build=BraintreeGateway,
    live_url="https://payments.braintree-api.com",
)
