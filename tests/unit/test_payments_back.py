"""The sandbox gateway: money that was reserved, money that goes back, and the issuer's word on an address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import httpx
import msgspec
import pytest

from halodesk.connectors.payments.sandbox import SandboxGateway
from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.demo.gateway.child import GatewayChild, gateway_child
from halodesk.runtime.payment_ports import CardAddress, ChargeAnswer, Order, OrderKind
from tests.unit.test_payments_sandbox import TODAY, buy, card, connect, sale

_keys = (f"session-2/pay/{number}" for number in count(1))


@pytest.fixture(scope="module")
def server() -> Iterator[GatewayChild]:
    with gateway_child(today=TODAY) as child:
        yield child


def change(kind: OrderKind, charged: ChargeAnswer, amount_minor: int = 1999) -> Order:
    return Order(
        kind=kind, key=next(_keys), amount_minor=amount_minor, currency="USD", charge_id=charged.charge_id
    )


async def reserve(gateway: SandboxGateway) -> ChargeAnswer:
    token = await gateway.tokenise(card(), key=next(_keys))
    order = msgspec.structs.replace(sale(token.token, key=next(_keys)), kind="authorize")
    return await gateway.authorize(order)


def test_authorise_capture_refund(server: GatewayChild) -> None:
    async def scene() -> None:
        gateway = connect(server.port)
        held = await reserve(gateway)
        assert held.verdict == "approved"
        assert (await gateway.refund(change("refund", held))).code == "refund_too_large", (
            "nothing is taken yet"
        )
        assert (await gateway.capture(change("capture", held, 2000))).code == "not_capturable"
        assert (await gateway.capture(change("capture", held))).verdict == "approved"
        assert (await gateway.capture(change("capture", held))).code == "not_capturable"
        half = change("refund", held, 1000)
        assert (await gateway.refund(half)).verdict == "approved"
        assert (await gateway.refund(half)).verdict == "approved", "the same key pays back once"
        assert (await gateway.refund(change("refund", held, 1000))).code == "refund_too_large"
        assert (await gateway.refund(change("refund", held, 999))).verdict == "approved"
        assert (await gateway.query(half)).verdict == "approved"

    asyncio.run(scene())


def test_void_until_the_day_is_closed(server: GatewayChild) -> None:
    async def scene() -> tuple[ChargeAnswer, ChargeAnswer]:
        gateway = connect(server.port)
        today, later = [await buy(gateway, key=next(_keys)) for _ in range(2)]
        void = change("void", today)
        assert (await gateway.query(void)).verdict == "failed"
        assert (await gateway.void(void)).verdict == "approved"
        assert (await gateway.query(void)).verdict == "approved"
        again = await gateway.void(change("void", today))
        assert (again.verdict, again.code) == ("declined", "already_voided")
        async with httpx.AsyncClient(headers={"X-Api-Key": SANDBOX_API_KEY}) as client:
            (await client.post(f"http://127.0.0.1:{server.port}/v1/settlements")).raise_for_status()
        return await gateway.void(change("void", later)), await gateway.refund(change("refund", later))

    late, refund = asyncio.run(scene())
    assert (late.verdict, late.code) == ("declined", "already_settled")
    assert refund.verdict == "approved"


def test_a_void_without_an_answer_is_settled_by_a_query() -> None:
    async def scene(port: int) -> list[str]:
        charged = await buy(connect(port), key=next(_keys))
        void = change("void", charged)
        sent = await connect(port, total=0.3).void(void)
        return [sent.verdict, (await connect(port).query(void)).verdict]

    with gateway_child(script=["approve", "timeout_after_charge"], today=TODAY) as child:
        assert asyncio.run(scene(child.port)) == ["unknown", "approved"]


def test_changes_of_what_is_not_there(server: GatewayChild) -> None:
    nothing = ChargeAnswer(verdict="approved", charge_id="ch_none")
    answer = asyncio.run(connect(server.port).void(change("void", nothing)))
    assert (answer.verdict, answer.code) == ("failed", "charge_unknown")
    assert asyncio.run(connect(server.port).void(change("void", ChargeAnswer(verdict="approved")))).code == (
        "not_sent"
    )


@pytest.mark.parametrize(
    ("address", "avs"),
    [
        (None, "not_checked"),
        (CardAddress(postal_code="95060"), "postal_code"),
        (CardAddress(line1="12 Ocean View Road", postal_code="95060"), "match"),
        (CardAddress(line1="0 Nowhere", postal_code="95060"), "postal_code"),
        (CardAddress(line1='12 "Ocean" View', postal_code="K1A 0B1"), "match"),
    ],
)
def test_the_issuer_s_word_on_address_and_code(
    server: GatewayChild, address: CardAddress | None, avs: str
) -> None:
    async def scene() -> None:
        gateway, key = connect(server.port), next(_keys)
        token = await gateway.tokenise(card(), key=key, address=address)
        assert (token.avs, token.cvv) == (avs, "match")
        charged = await gateway.sale(sale(token.token, key=key))
        assert (charged.verdict, charged.avs, charged.cvv) == ("approved", avs, "match")

    asyncio.run(scene())


def test_a_postal_code_that_does_not_match_is_declined(server: GatewayChild) -> None:
    async def scene() -> ChargeAnswer:
        gateway, key = connect(server.port), next(_keys)
        token = await gateway.tokenise(card(), key=key, address=CardAddress(postal_code="99999"))
        return await gateway.sale(sale(token.token, key=key))

    answer = asyncio.run(scene())
    assert (answer.verdict, answer.code, answer.avs) == ("declined", "postal_code_mismatch", "mismatch")
