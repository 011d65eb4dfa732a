"""The Stripe connector against localstripe, a Stripe server nobody here wrote, in a process of its own.

It is GPL and no part of the product, so it gets a virtual environment of its own. Set HALODESK_LOCALSTRIPE
to a Python that has it, or let the test try to install it. It knows no idempotency keys and no Amex.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from halodesk.connectors.payments import reasons
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.connectors.payments.stripe import StripeGateway
from halodesk.demo.lab import free_port
from halodesk.runtime.payment_ports import CardAddress, CardDigits, ChargeAnswer, Order, OrderKind

pytestmark = pytest.mark.slow
INSTALL_S, START_S = 90, 30
DECLINED, ASKS_THE_OWNER = "4000000000000341", "4000002500003155"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has localstripe."""
    given = os.environ.get("HALODESK_LOCALSTRIPE", "")
    if given:
        return given
    folder = tmp_path_factory.mktemp("localstripe")
    venv.create(folder, with_pip=True)
    found = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    command = [str(found), "-m", "pip", "-q", "install", "--only-binary", ":all:", "localstripe>=1.15,<1.16"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("localstripe is not here and cannot be installed")
    return str(found)


@pytest.fixture
def gateway(python: str, tmp_path: Path) -> Iterator[StripeGateway]:
    """A connection to a fresh server."""
    port = free_port()
    with subprocess.Popen(
        [python, "-m", "localstripe", "--port", str(port), "--from-scratch"],
        cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "localstripe did not start"
                assert time.monotonic() < end, "localstripe does not answer"
                time.sleep(0.05)
        yield StripeGateway(GatewayAccount(base_url=f"http://127.0.0.1:{port}", api_key="sk_test_12345"))
        process.kill()


async def order(gateway: StripeGateway, kind: OrderKind = "sale", number: str = "4242424242424242") -> Order:
    parts = {"number": number, "expiry": "1230", "cvv": "737"}
    card = CardDigits(**{name: memoryview(bytearray(text, "ascii")) for name, text in parts.items()})
    home = CardAddress(line1="12 Ocean View Road", postal_code="95060", country="US")
    token = await gateway.tokenise(card, key="token", address=home)
    assert (token.verdict, token.last4, token.brand) == ("approved", number[-4:], "visa")
    return Order(
        kind=kind, key=f"s1:pay.{number}.{kind}", amount_minor=4780, currency="USD",
        token=token.token, reference="s1", asked_at=time.time(),
    )  # fmt: skip


def change(kind: OrderKind, charged: ChargeAnswer) -> Order:
    return Order(
        kind=kind, key=f"s1:{kind}", amount_minor=4780, currency="USD", charge_id=charged.charge_id,
        asked_at=time.time(),
    )  # fmt: skip


def test_a_sale_is_found_again_and_refunded_once(gateway: StripeGateway) -> None:
    async def scene() -> None:
        wanted = await order(gateway)
        assert (await gateway.query(wanted)).verdict == "failed", "never seen"
        charged = await gateway.sale(wanted)
        assert charged.verdict == "approved", charged
        assert (await gateway.query(wanted)).charge_id == charged.charge_id
        refund = change("refund", charged)
        assert (await gateway.query(refund)).verdict == "failed"
        assert (await gateway.refund(refund)).verdict == "approved"
        assert (await gateway.query(refund)).verdict == "approved"

    asyncio.run(scene())


def test_authorise_capture_and_void(gateway: StripeGateway) -> None:
    async def scene() -> None:
        held = await gateway.authorize(await order(gateway, "authorize"))
        assert (held.verdict, held.code) == ("approved", "requires_capture")
        assert (await gateway.capture(change("capture", held))).verdict == "approved"
        assert (await gateway.query(change("capture", held))).verdict == "approved"
        other = await gateway.authorize(await order(gateway, "authorize"))
        assert (await gateway.void(change("void", other))).verdict == "approved"
        assert (await gateway.query(change("void", other))).verdict == "approved"
        assert (await gateway.void(change("void", other))).code == "already_voided"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("number", "words"), [(DECLINED, "do_not_honor"), (ASKS_THE_OWNER, "authentication_required")]
)
def test_declines(gateway: StripeGateway, number: str, words: str) -> None:
    async def scene() -> None:
        wanted = await order(gateway, number=number)
        answer = await gateway.sale(wanted)
        assert (answer.verdict, answer.reason) == ("declined", reasons.agent_words(words))
        assert (await gateway.query(wanted)).verdict == "declined"

    asyncio.run(scene())


def test_what_it_refuses_has_charged_nothing(gateway: StripeGateway) -> None:
    async def scene() -> None:
        wanted = Order(
            kind="sale", key="k", amount_minor=1, currency="USD", token="pm_made_up", asked_at=time.time()
        )
        assert (await gateway.sale(wanted)).verdict == "failed"
        assert (await gateway.query(wanted)).verdict == "failed"

    asyncio.run(scene())
