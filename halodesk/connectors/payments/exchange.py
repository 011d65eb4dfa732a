"""One request to a payment gateway, and the card data in it: what all gateways share.

Rules:
- One bit decides what a missing answer means: did the request begin to leave this machine? It
  is set by httpcore's own trace at the first byte of the head. Not set: nothing can have been
  charged. Set: nobody knows, unless an answer came that can be trusted.
- A request is sent once. Repeating and querying is the caller's decision.
- Card data is copied once, from the vault's views into a `bytearray` of the exact length (one that
  grows leaves its old copies behind), and that is zeroed when the exchange is over. h11, ssl and
  the kernel make copies that Python cannot reach: wiping is best effort (PCI DSS 4.0.1, 3.3.1).
- The body is a stream, so no repr of a request, no exception and no debug log can show it, and no
  exception of httpx leaves this module.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from halodesk.connectors.http import open_client
from halodesk.connectors.payments import reasons
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.engine.errors import SettingsError
from halodesk.runtime.payment_ports import ChargeAnswer, Order, TokenAnswer

LARGEST_ANSWER = 1 << 20
LONGEST_KEY = 128
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_Document = TypeVar("_Document")

Piece = bytes | tuple[reasons.CardPart, memoryview]
"""Part of a body: plain bytes, or digits of a part of the card."""


class Exchange(msgspec.Struct):
    """What is known of one request: whether it left, and what came back whole."""

    sent: bool = False
    status: int = 0
    body: bytes = b""

    def read(self, kind: type[_Document]) -> _Document | None:
        """The answer as a document of that shape, or None."""
        try:
            return msgspec.json.decode(self.body.removeprefix(_BYTE_ORDER_MARK), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def unanswered(self) -> ChargeAnswer:
        """What is said of an order without an answer that can be trusted."""
        if not self.sent:
            return ChargeAnswer(verdict="failed", code="not_reached", reason=reasons.NOT_REACHED)
        return unsure()


async def send(
    account: GatewayAccount,
    base_url: str,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytearray | None = None,
    params: Mapping[str, str] | None = None,
) -> Exchange:
    """Send one request and take what comes back within the account's time. Raises nothing of httpx."""
    exchange = Exchange()

    async def note(event: str, _info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            exchange.sent = True

    whole = dict(headers) | ({} if body is None else {"Content-Length": str(len(body))})
    total = account.total_seconds
    try:
        async with (
            asyncio.timeout(total),
            open_client(
                base_url, headers=whole, connect_seconds=account.connect_seconds, total_seconds=total
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
                if len(received) > LARGEST_ANSWER:
                    return exchange
            exchange.status, exchange.body = response.status_code, bytes(received)
    except (httpx.HTTPError, TimeoutError):
        # What `exchange.sent` says is all that is known.
        return exchange
    return exchange


async def _once(body: bytearray) -> AsyncIterator[bytes]:
    # h11 joins what it is given: a view saves one copy of the card data.
    with memoryview(body) as view:
        yield view  # type: ignore[misc]  # a view is as good as bytes to h11


@contextmanager
def card_body(pieces: Sequence[Piece]) -> Iterator[tuple[bytearray, reasons.CardPart]]:
    """The body of these pieces, zeroed at the end of the `with` block.

    With it the part of the card that is not digits, e.g. because it was just wiped; then the body
    must not be sent.
    """
    body = bytearray(sum(len(piece if isinstance(piece, bytes) else piece[1]) for piece in pieces))
    try:
        yield body, _fill(body, pieces)
    finally:
        body[:] = bytes(len(body))


def _fill(body: bytearray, pieces: Sequence[Piece]) -> reasons.CardPart:
    at = 0
    for piece in pieces:
        part: reasons.CardPart = ""
        if isinstance(piece, bytes):
            size = len(piece)
            body[at : at + size] = piece
        else:
            part, size = piece[0], len(piece[1])
            body[at : at + size] = piece[1]
            # The copy is checked, not the view: the vault may wipe it at any moment.
            copied = body[at : at + size]
            only_digits = copied.isdigit()
            copied[:] = bytes(len(copied))
            if not only_digits:
                return part
        at += size
    return ""


def checked_secret(what: str, value: str) -> str:
    """A key that can be a header. Raises `SettingsError` naming `what`."""
    if not value or not value.isascii() or not value.isprintable():
        raise SettingsError(f"{what} is empty or not plain text.", "Enter it again.")
    return value


def key_ok(key: str) -> bool:
    """Whether a key can be an idempotency key on the wire."""
    return 0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()


def cannot_be_right(order: Order) -> bool:
    """Whether an order must not be sent at all."""
    by_token = order.kind in ("authorize", "sale")
    return (
        not key_ok(order.key) or order.amount_minor <= 0 or not (order.token if by_token else order.charge_id)
    )


def short(key: str, length: int = 20) -> str:
    """A name of that length that stands for a key where a gateway takes no longer one.

    Letters and figures of its SHA-256: 20 of them are 100 bits, so two keys never share one.
    """
    number = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
    signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "".join(signs[number >> 5 * place & 31] for place in range(length))


def not_sent() -> ChargeAnswer:
    """It could not be right, and did not go out."""
    return ChargeAnswer(verdict="failed", code="not_sent", reason=reasons.BAD_REQUEST)


def unsure() -> ChargeAnswer:
    """Sent, and nothing is known."""
    return ChargeAnswer(verdict="unknown", code="no_answer", reason=reasons.UNSURE)


def never_seen() -> ChargeAnswer:
    """The gateway has no such order."""
    return ChargeAnswer(verdict="failed", code="never_seen", reason=reasons.NEVER_SEEN)


def refused(code: str, reason: str = reasons.REFUSED) -> ChargeAnswer:
    """The gateway said that it did nothing."""
    return ChargeAnswer(verdict="failed", code=code, reason=reason)


def declined(code: str, words: str = "", **more: Any) -> ChargeAnswer:
    """The issuer or the gateway said no. `words`: the code of `reasons`, where it is not `code` itself."""
    return ChargeAnswer(verdict="declined", code=code, reason=reasons.agent_words(words or code), **more)


def token_declined(code: str, part: reasons.CardPart) -> TokenAnswer:
    """The card data is wrong."""
    return TokenAnswer(verdict="declined", reason=reasons.agent_words(code), field=part)


def token_failed(exchange: Exchange) -> TokenAnswer:
    """There is no token; a lost one charges nothing."""
    return TokenAnswer(verdict="failed", reason=reasons.NO_TOKEN if exchange.sent else reasons.NOT_REACHED)
