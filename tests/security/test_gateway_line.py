"""The line to a payment gateway: a rogue authority, a redirect, no TLS. No digit leaves for any of them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from halodesk.connectors import http
from halodesk.connectors.payments import open_gateway, reasons
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.engine.errors import SettingsError
from halodesk.runtime.payment_ports import CardDigits, Order, PaymentGateway
from tests.sync.certificates import Authority

KEYS: dict[str, dict[str, Any]] = {
    "sandbox": {"api_key": "k"},
    "stripe": {"api_key": "sk_1"},
    "authorize_net": {"api_key": "k", "login": "l", "client_key": "c"},
    "braintree": {"api_key": "k", "login": "p", "merchant_account": "m"},
}
CARD = "4539148803436467"
ORDER = Order(kind="sale", key="k", amount_minor=1, currency="USD", token="tok", asked_at=1.0)

pytestmark = pytest.mark.parametrize("name", list(KEYS))


def card() -> CardDigits:
    parts = {"number": CARD, "expiry": "1230", "cvv": "951"}
    return CardDigits(**{part: memoryview(bytearray(text, "ascii")) for part, text in parts.items()})


def against(
    name: str,
    scene: Callable[[PaymentGateway], Awaitable[None]],
    *,
    certificate: tuple[Path, Path] | None = None,
    answer: bytes = b"",
) -> bytes:
    """A scene with a peer; what the peer has heard in the clear."""
    heard = bytearray()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))
        writer.write(answer)
        writer.close()

    async def run() -> None:
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
        async with await asyncio.start_server(peer, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            scheme = "http" if context is None else "https"
            account = GatewayAccount(base_url=f"{scheme}://127.0.0.1:{port}", total_seconds=5.0, **KEYS[name])
            await scene(open_gateway(name, account))

    asyncio.run(run())
    return bytes(heard)


def test_a_rogue_authority_gets_neither_card_nor_order(name: str, tmp_path: Path) -> None:
    async def scene(gateway: PaymentGateway) -> None:
        token = await gateway.tokenise(card(), key="k")
        assert (token.verdict, token.reason) == ("failed", reasons.NOT_REACHED)
        charge = await gateway.sale(ORDER)
        assert (charge.verdict, charge.reason) == ("failed", reasons.NOT_REACHED), "surely not charged"

    rogue = Authority("rogue").issue(tmp_path, "gateway")
    assert against(name, scene, certificate=rogue) == b""


def test_a_certificate_for_another_name_is_no_certificate(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of an authority that the machine trusts."""
    authority = Authority("trusted")
    trusting = ssl.create_default_context(cadata=authority.pem.decode())
    monkeypatch.setattr(http, "_tls", lambda: trusting)

    async def refused(gateway: PaymentGateway) -> None:
        assert (await gateway.tokenise(card(), key="k")).reason == reasons.NOT_REACHED

    async def taken(gateway: PaymentGateway) -> None:
        await gateway.tokenise(card(), key="k")

    other = authority.issue(tmp_path, "other", address="192.0.2.7")
    assert against(name, refused, certificate=other) == b""
    right = authority.issue(tmp_path, "right")
    assert against(name, taken, certificate=right), "the right one is spoken to: the test can tell"


def test_a_redirect_is_not_followed(name: str) -> None:
    async def scene(gateway: PaymentGateway) -> None:
        assert (await gateway.sale(ORDER)).verdict == "unknown"

    answer = b"HTTP/1.1 307 Over there\r\nLocation: http://127.0.0.1:9/steal\r\nContent-Length: 0\r\n\r\n"
    assert against(name, scene, answer=answer).count(b"POST") == 1


@pytest.mark.parametrize("url", ["http://gateway.example", "http://192.0.2.1:8600", "ftp://127.0.0.1"])
def test_an_address_without_tls_is_no_address(name: str, url: str) -> None:
    with pytest.raises(SettingsError):
        open_gateway(name, GatewayAccount(base_url=url, **KEYS[name]))
