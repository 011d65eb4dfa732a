"""Authorize.Net: its JSON interface, one address for every request.

Rules:
- A token is the nonce that Accept makes for a public client key; it is good for one transaction in 15
  minutes, and the security code is gone with it.
- There is no idempotency key. Our key stands, shortened to what fits (`exchange.short`), in `refId`, which
  the answer repeats, and in the invoice number, by which a transaction is found again. The duplicate window
  is set to its longest, so that the same invoice and amount sent twice is refused there, too; that refusal
  (reason 11) means: ask what became of the first.
- A transaction held for review by the fraud filter has reserved the money and is neither approved nor
  declined: it stays `unknown` until somebody there decides.
- Of the messages about a whole request, those that name a mistake of ours are a promise that nothing was
  done. "An error occurred" (E00001) and a busy server (E00053) are not.
- Answers begin with a byte order mark. The order of keys in a request is that of their XML schema.

Codes: Authorize.Net API reference and response code tool; AVS letters as the card brands have them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from halodesk.connectors.http import checked_base_url
from halodesk.connectors.payments import exchange as x
from halodesk.connectors.payments import reasons
from halodesk.connectors.payments.provider import GatewayAccount, Provider
from halodesk.engine.money import to_major
from halodesk.runtime import vault
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

PATH = "/xml/v1/request.api"
DUPLICATE_WINDOW_S = 28_800
"""The longest that Authorize.Net has."""
PAGE = 1000
MOST_PAGES = 20
_DESCRIPTOR = "COMMON.ACCEPT.INAPP.PAYMENT"
_TYPES: dict[OrderKind, str] = {
    "authorize": "authOnlyTransaction",
    "sale": "authCaptureTransaction",
    "capture": "priorAuthCaptureTransaction",
    "void": "voidTransaction",
    "refund": "refundTransaction",
}
_NOT_SURE = ("E00001", "E00053", "E00104")
_WORDS = {
    "2": "do_not_honor",
    "3": "do_not_honor",
    "4": "pickup_card",
    "5": "invalid_number",
    "6": "invalid_number",
    "7": "invalid_expiry",
    "8": "expired_card",
    "17": "unsupported_brand",
    "19": "processing_error",
    "20": "processing_error",
    "25": "processing_error",
    "26": "processing_error",
    "27": "postal_code_mismatch",
    "28": "unsupported_brand",
    "37": "invalid_number",
    "44": "incorrect_cvv",
    "45": "postal_code_mismatch",
    "55": "refund_too_large",
    "65": "incorrect_cvv",
    "78": "invalid_cvv",
    "120": "processing_error",
    "127": "postal_code_mismatch",
    "165": "incorrect_cvv",
    "310": "already_voided",
    "315": "invalid_number",
    "316": "invalid_expiry",
    "317": "expired_card",
}
_CARD_ERRORS: dict[str, tuple[str, reasons.CardPart]] = {
    "E_WC_05": ("invalid_number", "number"),
    "E_WC_06": ("invalid_expiry", "expiry"),
    "E_WC_07": ("invalid_expiry", "expiry"),
    "E_WC_08": ("expired_card", "expiry"),
    "E_WC_15": ("invalid_cvv", "cvv"),
}
_AVS: dict[str, AddressCheck] = {
    **dict.fromkeys(("X", "Y"), "match"),
    "A": "street",
    **dict.fromkeys(("W", "Z"), "postal_code"),
    "N": "mismatch",
}
_CVV: dict[str, CodeCheck] = {"M": "match", "N": "mismatch"}
_DUPLICATE = "11"
_TAKEN = ("capturedPendingSettlement", "settledSuccessfully")
_HELD = ("authorizedPendingCapture",)
_GONE = ("declined", "expired", "generalError", "failedReview", "communicationError", "settlementError")
_REFUNDED = ("refundPendingSettlement", "refundSettledSuccessfully")


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    """Their keys in camel case."""


class _Message(_Document, frozen=True):
    code: str = ""


class _Messages(_Document, frozen=True):
    result_code: str = ""
    message: list[_Message] = []

    @property
    def code(self) -> str:
        """The first one's."""
        return self.message[0].code if self.message else ""


class _Problem(_Document, frozen=True):
    error_code: str = ""


class _Transaction(_Document, frozen=True):
    response_code: str = ""
    auth_code: str = ""
    avs_result_code: str = ""
    cvv_result_code: str = ""
    trans_id: str = ""
    errors: list[_Problem] = []


class _Reply(_Document, frozen=True):
    messages: _Messages
    ref_id: str = ""
    transaction_response: _Transaction | None = None


class _Opaque(_Document, frozen=True):
    data_descriptor: str
    data_value: str


class _TokenReply(_Document, frozen=True):
    messages: _Messages
    opaque_data: _Opaque | None = None


class _Row(_Document, frozen=True):
    trans_id: str
    transaction_status: str = ""
    invoice_number: str = ""


class _Rows(_Document, frozen=True):
    messages: _Messages
    transactions: list[_Row] | None = None


class _Batch(_Document, frozen=True):
    batch_id: str


class _Batches(_Document, frozen=True):
    messages: _Messages
    batch_list: list[_Batch] | None = None


class _CardSeen(_Document, frozen=True):
    card_number: str = ""


class _PaymentSeen(_Document, frozen=True):
    credit_card: _CardSeen = _CardSeen()


class _Details(_Document, frozen=True):
    trans_id: str
    transaction_status: str
    response_reason_code: int = 0
    auth_code: str = ""
    avs_response: str = msgspec.field(default="", name="AVSResponse")
    card_code_response: str = ""
    payment: _PaymentSeen = _PaymentSeen()


class _DetailsReply(_Document, frozen=True):
    messages: _Messages
    transaction: _Details | None = None


class AuthorizeNetGateway:
    """`PaymentGateway` for one Authorize.Net account (also its white labels with the same interface).

    Raises `SettingsError` for an account that cannot be used.
    """

    name = "authorize_net"

    def __init__(self, account: GatewayAccount) -> None:
        self._login = x.checked_secret("Authorize.Net's API login ID (`login`)", account.login)
        self._key = x.checked_secret("Authorize.Net's transaction key (`api_key`)", account.api_key)
        self._client_key = x.checked_secret("Authorize.Net's client key (`client_key`)", account.client_key)
        self._account = account
        self._base_url = checked_base_url(account.base_url)

    async def tokenise(
        self, card: CardDigits, *, key: str, address: CardAddress | None = None
    ) -> TokenAnswer:
        """The nonce; brand and last four are read off the digits, as the answer has neither."""
        if not x.key_ok(key):
            return TokenAnswer(verdict="failed", reason=reasons.BAD_REQUEST)
        with x.card_body(self._card(card, key, address)) as (body, wrong):
            if wrong:
                return x.token_declined(f"invalid_{wrong}", wrong)
            last4, brand = vault.last4(card.number), vault.brand(card.number)
            exchange = await self._send(body)
        reply = exchange.read(_TokenReply)
        if reply is not None and exchange.status == 200:
            token = reply.opaque_data.data_value if reply.opaque_data is not None else ""
            if token and reply.messages.result_code == "Ok":
                return TokenAnswer(verdict="approved", token=token, last4=last4, brand=brand)
            if reply.messages.code in _CARD_ERRORS:
                return x.token_declined(*_CARD_ERRORS[reply.messages.code])
        return x.token_failed(exchange)

    async def authorize(self, order: Order) -> ChargeAnswer:
        """Reserve."""
        return await self._order(order, self._charge(order))

    async def sale(self, order: Order) -> ChargeAnswer:
        """Reserve and take."""
        return await self._order(order, self._charge(order))

    async def capture(self, order: Order) -> ChargeAnswer:
        """Take what was reserved."""
        return await self._order(order, {"amount": _amount(order), "refTransId": order.charge_id})

    async def void(self, order: Order) -> ChargeAnswer:
        """Undo before settlement; what cannot be found among the unsettled ones is settled."""
        answer = await self._order(order, {"refTransId": order.charge_id})
        if answer.verdict == "failed" and answer.code == "16":
            return x.declined(ALREADY_SETTLED)
        return answer

    async def refund(self, order: Order) -> ChargeAnswer:
        """Pay back; the last four digits that it needs are read from the transaction."""
        if x.cannot_be_right(order):
            return x.not_sent()
        found = await self._details(order.charge_id)
        if found is None:
            return x.refused("not_found", reasons.REFUSED)
        # A refund names the card by its last four; the gateway has the rest and wants the date masked so.
        card = {"cardNumber": found.payment.credit_card.card_number[-4:], "expirationDate": "XXXX"}
        wanted = {
            "amount": _amount(order),
            "payment": {"creditCard": card},
            "refTransId": order.charge_id,
            "order": {"invoiceNumber": x.short(order.key)},
        }
        return await self._order(order, wanted)

    async def query(self, order: Order) -> ChargeAnswer:
        """By the transaction itself, or by our invoice number; `failed` only where all lists were read."""
        if order.kind in ("capture", "void"):
            found = await self._details(order.charge_id)
            return x.unsure() if found is None else _change(found, order)
        listed = await self._find(x.short(order.key), order.asked_at)
        if listed is None:
            return x.unsure()
        if not listed.trans_id:
            return x.never_seen()
        found = await self._details(listed.trans_id)
        return x.unsure() if found is None else _found(found, order)

    def _card(self, card: CardDigits, key: str, address: CardAddress | None) -> list[x.Piece]:
        head = {
            "merchantAuthentication": {"name": self._login, "clientKey": self._client_key},
            "data": {"type": "TOKEN", "id": x.short(key)},
        }
        text = msgspec.json.encode({"securePaymentContainerRequest": head})
        zip_code = msgspec.json.encode(address.postal_code) if address and address.postal_code else b""
        return [
            text[:-3] + b',"token":{"cardNumber":"',
            ("number", card.number),
            b'","expirationDate":"',
            ("expiry", card.expiry),
            b'","cardCode":"',
            ("cvv", card.cvv),
            b'"' + (b',"zip":' + zip_code if zip_code else b"") + b"}}}}",
        ]

    def _charge(self, order: Order) -> dict[str, Any]:
        address = order.address
        bill = {"address": address.line1, "zip": address.postal_code, "country": address.country}
        bill = {name: value[:60] for name, value in bill.items() if value}
        return {
            "amount": _amount(order),
            "currencyCode": order.currency,
            "payment": {"opaqueData": {"dataDescriptor": _DESCRIPTOR, "dataValue": order.token}},
            "order": {"invoiceNumber": x.short(order.key), "description": order.reference[:255]},
            **({"billTo": bill} if bill else {}),
            "transactionSettings": {
                "setting": [{"settingName": "duplicateWindow", "settingValue": str(DUPLICATE_WINDOW_S)}]
            },
        }

    async def _order(self, order: Order, wanted: dict[str, Any]) -> ChargeAnswer:
        if x.cannot_be_right(order):
            return x.not_sent()
        request = {
            "refId": x.short(order.key),
            "transactionRequest": {"transactionType": _TYPES[order.kind], **wanted},
        }
        exchange = await self._ask("createTransactionRequest", request)
        reply = exchange.read(_Reply)
        mine = reply is not None and reply.ref_id in (x.short(order.key), "")
        if reply is None or exchange.status != 200 or not mine:
            return exchange.unanswered()
        done = reply.transaction_response if reply.ref_id else None
        if done is None or not done.response_code:
            code = reply.messages.code
            sure = reply.messages.result_code == "Error" and code and code not in _NOT_SURE
            return x.refused(code) if sure else exchange.unanswered()
        return _answer(done, order, exchange)

    async def _details(self, transaction: str) -> _Details | None:
        exchange = await self._ask("getTransactionDetailsRequest", {"transId": transaction})
        reply = exchange.read(_DetailsReply)
        if reply is None or exchange.status != 200 or reply.messages.result_code != "Ok":
            return None
        found = reply.transaction
        return found if found is not None and found.trans_id == transaction else None

    async def _find(self, invoice: str, asked_at: float) -> _Row | None:
        """The transaction of that invoice number; one without an id where there is none; None: not known."""
        open_ = await self._list("getUnsettledTransactionListRequest")
        if open_ is None:
            return None
        rows = list(open_)
        if asked_at:
            begin = datetime.fromtimestamp(asked_at, UTC) - timedelta(hours=1)
            wanted = {
                "firstSettlementDate": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
                "lastSettlementDate": f"{begin + timedelta(days=4):%Y-%m-%dT%H:%M:%SZ}",
            }
            exchange = await self._ask("getSettledBatchListRequest", wanted)
            batches = exchange.read(_Batches)
            if batches is None or exchange.status != 200 or batches.messages.result_code != "Ok":
                return None
            for batch in batches.batch_list or []:
                settled = await self._list("getTransactionListRequest", batchId=batch.batch_id)
                if settled is None:
                    return None
                rows += settled
        found = next((row for row in rows if row.invoice_number == invoice), None)
        if found is None and not asked_at:
            return None
        return found or _Row(trans_id="")

    async def _list(self, request: str, **wanted: str) -> list[_Row] | None:
        """All pages of a list, newest first; None where one cannot be had."""
        rows: list[_Row] = []
        for page in range(1, MOST_PAGES + 1):
            order = {
                "sorting": {"orderBy": "submitTimeUTC", "orderDescending": True},
                "paging": {"limit": PAGE, "offset": page},
            }
            exchange = await self._ask(request, {**wanted, **order})
            found = exchange.read(_Rows)
            if found is None or exchange.status != 200 or found.messages.result_code != "Ok":
                return None
            rows += found.transactions or []
            if len(found.transactions or []) < PAGE:
                return rows
        return None

    async def _ask(self, request: str, wanted: dict[str, Any]) -> x.Exchange:
        who = {"merchantAuthentication": {"name": self._login, "transactionKey": self._key}}
        return await self._send(bytearray(msgspec.json.encode({request: {**who, **wanted}})))

    async def _send(self, body: bytearray) -> x.Exchange:
        headers = {"Content-Type": "application/json"}
        return await x.send(self._account, self._base_url, "POST", PATH, headers=headers, body=body)


def _amount(order: Order) -> str:
    return str(to_major(order.amount_minor, order.currency))


def _answer(done: _Transaction, order: Order, exchange: x.Exchange) -> ChargeAnswer:
    avs = _AVS.get(done.avs_result_code, "not_checked") if order.kind in ("sale", "authorize") else ""
    cvv = _CVV.get(done.cvv_result_code, "not_checked") if order.kind in ("sale", "authorize") else ""
    code = done.errors[0].error_code if done.errors else ""
    match done.response_code:
        case "1" if done.trans_id not in ("", "0"):
            return ChargeAnswer(
                verdict="approved",
                charge_id=done.trans_id,
                auth_code=done.auth_code,
                code="1",
                avs=avs,
                cvv=cvv,
            )
        case "2":
            return x.declined(code or "2", _WORDS.get(code, ""), charge_id=done.trans_id, avs=avs, cvv=cvv)
        case "3" if code == _DUPLICATE:
            return exchange.unanswered()
        case "3" if code in _WORDS:
            return x.declined(code, _WORDS[code], avs=avs, cvv=cvv)
        case "3" if code:
            return x.refused(code)
        case _:
            return exchange.unanswered()


def _found(found: _Details, order: Order) -> ChargeAnswer:
    taken = _REFUNDED if order.kind == "refund" else (*_TAKEN, *(_HELD if order.kind == "authorize" else ()))
    avs = _AVS.get(found.avs_response, "not_checked") if order.kind != "refund" else ""
    cvv = _CVV.get(found.card_code_response, "not_checked") if order.kind != "refund" else ""
    if found.transaction_status in taken:
        return ChargeAnswer(
            verdict="approved",
            charge_id=found.trans_id,
            auth_code=found.auth_code,
            code="1",
            avs=avs,
            cvv=cvv,
        )
    if found.transaction_status in _GONE:
        code = str(found.response_reason_code or "")
        return x.declined(code or found.transaction_status, _WORDS.get(code, ""), avs=avs, cvv=cvv)
    return x.unsure()


def _change(found: _Details, order: Order) -> ChargeAnswer:
    """What became of a capture or void, by how the transaction stands."""
    done = _TAKEN if order.kind == "capture" else ("voided",)
    before = _HELD if order.kind == "capture" else (*_HELD, *_TAKEN)
    if found.transaction_status in done:
        return ChargeAnswer(verdict="approved", charge_id=found.trans_id, code=found.transaction_status)
    return x.never_seen() if found.transaction_status in before else x.unsure()


PROVIDER = Provider(
    key="authorize_net",
    label="Authorize.Net",
    build=AuthorizeNetGateway,
    live_url="https://api.authorize.net",
)
