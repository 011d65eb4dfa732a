"""The sandbox gateway's connector, and the pattern for the others.

Rules:
- One bit decides what a missing answer means: did the request begin to leave this machine? It
  is set by httpcore's own trace at the first byte of the head. Not set: `failed`, nothing can
  have been charged. Set: `unknown`, unless an answer came that can be trusted.
- An answer is trusted when it parses, repeats key, amount and currency of what was sent, and its
  status line agrees. An error document of the gateway (4xx) is a promise that nothing was charged;
  409 is not: the key belongs to another charge, so ask what became of that.
- A charge is sent once. Repeating and querying is the caller's decision.
- Card data is copied once, from the vault's views into a `bytearray` of the exact length (one that
  grows leaves its old copies behind), and that is zeroed when the exchange is over. h11, ssl and
  the kernel make copies that Python cannot reach: wiping is best effort (PCI DSS 4.0.1, 3.3.1).
- The body is a stream, so no repr of a request, no exception and no debug log can show it, and no
  exception of httpx leaves this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import httpx
import msgspec

from halodesk.connectors.http import checked_base_url, open_client
from halodesk.connectors.payments import reasons
from halodesk.connectors.payments.provider import GatewayAccount, Provider
from halodesk.engine.errors import SettingsError
from halodesk.runtime.ports import CardDigits, ChargeAnswer, ChargeVerdict, TokenAnswer

_LARGEST_ANSWER = 64 * 1024
_LONGEST_KEY = 128
_Document = TypeVar("_Document")


class _Exchange(msgspec.Struct):
    """What is known of one request: whether it left, and what came back whole."""

    sent: bool = False
    status: int = 0
    body: bytes = b""

    def read(self, kind: type[_Document]) -> _Document | None:
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError:
            return None


class _TokenReply(msgspec.Struct):
    status: str
    token: str = ""
    brand: str = ""
    last4: str = ""
    code: str = ""
    field: reasons.CardPart = ""


class _ChargeReply(msgspec.Struct):
    key: str
    status: str
    charge_id: str
    code: str
    auth_code: str
    amount_minor: int
    currency: str


class _ErrorBody(msgspec.Struct):
    code: str


class _ErrorReply(msgspec.Struct):
    error: _ErrorBody


class SandboxGateway:
    """`PaymentGateway` over the sandbox gateway's HTTP interface.

    Never raises for what a gateway or a network does: the answers' verdicts say it. Holds no
    connection, so there is nothing to close. Raises `SettingsError` for an address without TLS
    that is not loopback, and for an API key that cannot be a header.
    """

    name = "sandbox"

    def __init__(self, account: GatewayAccount) -> None:
        if not account.api_key or not account.api_key.isascii() or not account.api_key.isprintable():
            raise SettingsError(
                "The sandbox gateway's API key is empty or not plain text.", "Enter it again."
            )
        self._account = account
        self._base_url = checked_base_url(account.base_url)

    async def tokenise(self, card: CardDigits, *, key: str) -> TokenAnswer:
        """Trade card data for a single-use token; no answer is `failed`, as a lost token charges nothing."""
        if not _key_ok(key):
            return TokenAnswer(verdict="failed", reason=reasons.BAD_REQUEST)
        body = bytearray(_token_body_length(card))
        try:
            if (bad_part := _fill_token_body(body, card)) != "":
                return _token_declined(f"invalid_{bad_part}", bad_part)
            exchange = await self._exchange("POST", "/v1/tokens", key=key, body=body)
        finally:
            body[:] = bytes(len(body))
        reply = exchange.read(_TokenReply)
        if reply is not None and exchange.status == 201 and reply.token:
            return TokenAnswer(verdict="approved", token=reply.token, last4=reply.last4, brand=reply.brand)
        if reply is not None and exchange.status == 402:
            return _token_declined(reply.code, reply.field)
        return TokenAnswer(
            verdict="failed", reason=reasons.NO_TOKEN if exchange.sent else reasons.NOT_REACHED
        )

    async def charge(
        self, token: str, amount_minor: int, currency: str, *, reference: str, key: str
    ) -> ChargeAnswer:
        """Charge once; `unknown` is for `query`, never for a repeat."""
        if not _key_ok(key) or not token or amount_minor <= 0:
            return ChargeAnswer(verdict="failed", code="not_sent", reason=reasons.BAD_REQUEST)
        order = {
            "token": token,
            "amount_minor": amount_minor,
            "currency": currency,
            "reference": reference,
        }
        body = bytearray(msgspec.json.encode(order))
        exchange = await self._exchange("POST", "/v1/charges", key=key, body=body)
        if not exchange.sent:
            return ChargeAnswer(verdict="failed", code="not_reached", reason=reasons.NOT_REACHED)
        reply = exchange.read(_ChargeReply)
        if (
            reply is not None
            and reply.key == key
            and (reply.amount_minor, reply.currency) == (amount_minor, currency)
            and (exchange.status, reply.status) in ((200, "approved"), (402, "declined"))
        ):
            return _charge_answer(reply)
        refusal = exchange.read(_ErrorReply)
        if refusal is not None and 400 <= exchange.status < 500 and exchange.status != 409:
            about_token = exchange.status == 422
            return ChargeAnswer(
                verdict="failed",
                code=refusal.error.code,
                reason=reasons.ENTER_AGAIN if about_token else reasons.REFUSED,
            )
        return ChargeAnswer(verdict="unknown", code="no_answer", reason=reasons.UNSURE)

    async def query(self, key: str) -> ChargeAnswer:
        """What became of a charge; `failed` only where the gateway itself says that it never saw the key."""
        exchange = await self._exchange("GET", "/v1/charges", params={"key": key})
        reply = exchange.read(_ChargeReply)
        if (
            reply is not None
            and exchange.status == 200
            and reply.key == key
            and reply.status in ("approved", "declined")
        ):
            return _charge_answer(reply)
        refusal = exchange.read(_ErrorReply)
        if exchange.status == 404 and refusal is not None and refusal.error.code == "charge_not_found":
            return ChargeAnswer(verdict="failed", code="never_seen", reason=reasons.NEVER_SEEN)
        return ChargeAnswer(verdict="unknown", code="no_answer", reason=reasons.UNSURE)

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        key: str = "",
        body: bytearray | None = None,
        params: Mapping[str, str] | None = None,
    ) -> _Exchange:
        """Send one request and take what comes back within the time limit. Raises nothing of httpx."""
        exchange = _Exchange()

        async def note(event: str, _info: Mapping[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                exchange.sent = True

        headers = {"X-Api-Key": self._account.api_key}
        if body is not None:
            headers |= {
                "Idempotency-Key": key,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
            }
        total = self._account.total_seconds
        try:
            async with (
                asyncio.timeout(total),
                open_client(
                    self._base_url,
                    headers=headers,
                    connect_seconds=self._account.connect_seconds,
                    total_seconds=total,
                ) as client,
                client.stream(
                    method,
                    path,
                    params=params,
                    content=None if body is None else _once(body),
                    extensions={"trace": note},
                ) as response,
            ):
                received = bytearray()
                async for chunk in response.aiter_bytes():
                    received += chunk
                    if len(received) > _LARGEST_ANSWER:
                        return exchange
                exchange.status, exchange.body = response.status_code, bytes(received)
        except (httpx.HTTPError, TimeoutError):
            # What `exchange.sent` says is all that is known.
            return exchange
        return exchange


async def _once(body: bytearray) -> AsyncIterator[bytes]:
    # h11 joins what it is given: a view saves one copy of the card data.
    with memoryview(body) as view:
        yield view  # type: ignore[misc]


def _key_ok(key: str) -> bool:
    return 0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable()


_HEAD, _TO_EXPIRY, _TO_CVV, _TAIL = b'{"number":"', b'","expiry":"', b'","cvv":"', b'"}'


def _token_body_length(card: CardDigits) -> int:
    frame = len(_HEAD) + len(_TO_EXPIRY) + len(_TO_CVV) + len(_TAIL)
    return frame + len(card.number) + len(card.expiry) + len(card.cvv)


def _fill_token_body(body: bytearray, card: CardDigits) -> reasons.CardPart:
    """Write the JSON in place; returns the part that is not digits, e.g. because it was just wiped."""
    parts: tuple[tuple[bytes, reasons.CardPart, memoryview], ...] = (
        (_HEAD, "number", card.number),
        (_TO_EXPIRY, "expiry", card.expiry),
        (_TO_CVV, "cvv", card.cvv),
    )
    at = 0
    for frame, part, digits in parts:
        body[at : at + len(frame)] = frame
        at += len(frame)
        body[at : at + len(digits)] = digits
        # The copy is checked, not the view: the vault may wipe it at any moment.
        copied = body[at : at + len(digits)]
        only_digits = copied.isdigit()
        copied[:] = bytes(len(copied))
        if not only_digits:
            return part
        at += len(digits)
    body[at:] = _TAIL
    return ""


def _token_declined(code: str, part: reasons.CardPart) -> TokenAnswer:
    return TokenAnswer(verdict="declined", reason=reasons.agent_words(code), field=part)


def _charge_answer(reply: _ChargeReply) -> ChargeAnswer:
    verdict: ChargeVerdict = "approved" if reply.status == "approved" else "declined"
    return ChargeAnswer(
        verdict=verdict,
        charge_id=reply.charge_id,
        auth_code=reply.auth_code,
        code=reply.code,
        reason="" if verdict == "approved" else reasons.agent_words(reply.code),
    )


PROVIDER = Provider(key="sandbox", label="Sandbox gateway", build=SandboxGateway)
