"""The sandbox gateway's connector against the real server, and against peers that misbehave."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path

import httpx
import msgspec
import pytest

from halodesk.connectors.payments import exchange, reasons
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.connectors.payments.sandbox import SandboxGateway
from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.demo.gateway.child import GatewayChild, gateway_child
from halodesk.engine.errors import SettingsError
from halodesk.runtime.payment_ports import (
    CardAddress,
    CardDigits,
    ChargeAnswer,
    Order,
    OrderKind,
    PaymentGateway,
    TokenAnswer,
)

TODAY = date(2026, 6, 15)
_keys = (f"session-1/pay/{number}" for number in count(1))


def card(number: str = "4242424242424242", expiry: str = "1228", cvv: str = "737") -> CardDigits:
    parts = {"number": number, "expiry": expiry, "cvv": cvv}
    return CardDigits(**{name: memoryview(bytearray(text, "ascii")) for name, text in parts.items()})


def connect(port: int, *, total: float = 10.0, api_key: str = SANDBOX_API_KEY) -> SandboxGateway:
    return SandboxGateway(
        GatewayAccount(base_url=f"http://127.0.0.1:{port}", api_key=api_key, total_seconds=total)
    )


def sale(token: str = "tok_1", amount_minor: int = 1999, *, key: str = "k1", reference: str = "s1") -> Order:
    return Order(
        kind="sale", key=key, amount_minor=amount_minor, currency="USD", token=token, reference=reference
    )


async def buy(gateway: SandboxGateway, *, key: str, amount_minor: int = 1999) -> ChargeAnswer:
    token = await gateway.tokenise(card(), key=f"{key}/token")
    assert token.verdict == "approved", token
    return await gateway.sale(sale(token.token, amount_minor, key=key))


@pytest.fixture(scope="module")
def server() -> Iterator[GatewayChild]:
    with gateway_child(today=TODAY) as child:
        yield child


@pytest.fixture
def closed_port() -> Iterator[int]:
    # Bound and not listening: connections are refused, and nobody else can take the port.
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def test_is_a_payment_gateway() -> None:
    gateway: PaymentGateway = connect(1)
    assert gateway.name == "sandbox"


def test_approved_and_found_again(server: GatewayChild) -> None:
    async def scene() -> None:
        gateway, key = connect(server.port), next(_keys)
        answer = await buy(gateway, key=key)
        assert (answer.verdict, answer.code, answer.reason) == ("approved", "approved", "")
        assert len(answer.auth_code) == 6
        assert await gateway.query(sale(key=key)) == answer

    asyncio.run(scene())


def test_token_says_brand_and_last_four(server: GatewayChild) -> None:
    answer = asyncio.run(connect(server.port).tokenise(card("378282246310005", cvv="1234"), key="k"))
    assert (answer.verdict, answer.brand, answer.last4) == ("approved", "amex", "0005")


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        (card("4242424242424241"), "number", "invalid_number"),
        (card(expiry="0520"), "expiry", "invalid_expiry"),
        (card(cvv="999"), "cvv", "incorrect_cvv"),
        (card(number=""), "number", "invalid_number"),
        (card(number='4242"}'), "number", "invalid_number"),
        (card(expiry="\0\0\0\0"), "expiry", "invalid_expiry"),
        (card(cvv=""), "cvv", "invalid_cvv"),
    ],
)
def test_wrong_card_data_names_the_part(
    server: GatewayChild, wrong: CardDigits, field: str, words: str
) -> None:
    answer = asyncio.run(connect(server.port).tokenise(wrong, key="k"))
    assert (answer.verdict, answer.field) == ("declined", field)
    assert answer.reason == reasons.agent_words(words)


def test_decline_decline_approve() -> None:
    async def scene(gateway: SandboxGateway) -> list[ChargeAnswer]:
        return [await buy(gateway, key=next(_keys)) for _ in range(3)]

    script = ["decline:insufficient_funds", "decline:do_not_honor", "approve"]
    with gateway_child(script=script, today=TODAY) as child:
        first, second, third = asyncio.run(scene(connect(child.port)))
    assert (first.verdict, first.code) == ("declined", "insufficient_funds")
    assert "not enough funds" in first.reason
    assert (second.verdict, second.code) == ("declined", "do_not_honor")
    assert third.verdict == "approved"


def test_uncertain_charges_are_settled_by_a_query() -> None:
    script = ["timeout_after_charge", "hang", "nonsense", "server_error"]

    async def scene(port: int) -> list[tuple[str, str]]:
        verdicts: list[tuple[str, str]] = []
        for _ in script:
            key = next(_keys)
            token = await connect(port).tokenise(card(), key=key)
            sent = await connect(port, total=0.3).sale(sale(token.token, 500, key=key))
            verdicts.append((sent.verdict, (await connect(port).query(sale(key=key))).verdict))
        return verdicts

    with gateway_child(script=script, today=TODAY) as child:
        verdicts = asyncio.run(scene(child.port))
    assert verdicts == [
        ("unknown", "approved"),
        ("unknown", "failed"),
        ("unknown", "approved"),
        ("unknown", "failed"),
    ]


def test_gateway_that_dies_after_charging(tmp_path: Path) -> None:
    state_file, key = tmp_path / "state.jsonl", next(_keys)
    with gateway_child(script=["die_after_charge"], state_file=state_file, today=TODAY) as child:
        assert asyncio.run(buy(connect(child.port), key=key)).verdict == "unknown"
        child.wait_for_death()
        # Away: the question stays open, and a new charge surely did not happen.
        gateway = connect(child.port)
        assert asyncio.run(gateway.query(sale(key=key))).verdict == "unknown"
        assert asyncio.run(gateway.sale(sale("t", 1, key="k"))).verdict == "failed"
    with gateway_child(state_file=state_file, port=child.port, today=TODAY):
        assert asyncio.run(connect(child.port).query(sale(key=key))).verdict == "approved"


def test_refused_connection_is_surely_not_charged(closed_port: int) -> None:
    gateway = connect(closed_port)
    charge = asyncio.run(gateway.sale(sale("tok", 100, key="k")))
    assert charge == ChargeAnswer(verdict="failed", code="not_reached", reason=reasons.NOT_REACHED)
    token = asyncio.run(gateway.tokenise(card(), key="k"))
    assert token == TokenAnswer(verdict="failed", reason=reasons.NOT_REACHED)
    assert asyncio.run(gateway.query(sale(key="k"))).verdict == "unknown"


def test_conflicting_key_is_unknown_not_failed(server: GatewayChild) -> None:
    async def scene() -> None:
        gateway, key = connect(server.port), next(_keys)
        await buy(gateway, key=key)
        assert (await buy(gateway, key=key, amount_minor=2000)).verdict == "unknown"
        assert (await gateway.query(sale(key=key))).verdict == "approved"

    asyncio.run(scene())


def test_refusals_that_charged_nothing(server: GatewayChild) -> None:
    unknown = asyncio.run(connect(server.port).sale(sale("tok_no", 1, key="k")))
    assert (unknown.verdict, unknown.code, unknown.reason) == (
        "failed",
        "token_unknown",
        reasons.ENTER_AGAIN,
    )
    locked_out = connect(server.port, api_key="wrong")
    refused = asyncio.run(locked_out.sale(sale("tok", 1, key="k")))
    assert (refused.verdict, refused.code, refused.reason) == ("failed", "unauthorised", reasons.REFUSED)
    assert asyncio.run(locked_out.query(sale(key="k"))).verdict == "unknown"
    assert asyncio.run(locked_out.tokenise(card(), key="k")).verdict == "failed"


@pytest.mark.parametrize(
    ("token", "amount", "key"),
    [("t", 0, "k"), ("t", -1, "k"), ("t", 1, ""), ("t", 1, "k" * 129), ("", 1, "k")],
)
def test_charge_that_cannot_be_right_is_not_sent(closed_port: int, token: str, amount: int, key: str) -> None:
    answer = asyncio.run(connect(closed_port).sale(sale(token, amount, key=key)))
    assert (answer.verdict, answer.code) == ("failed", "not_sent")


# --- peers that misbehave -------------------------------------------------------------------------

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def read_request(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
    headers = {name.lower(): value for name, value in lines}
    return headers, await reader.readexactly(int(headers.get("content-length", "0")))


def answering(raw: bytes) -> Peer:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)

    return peer


def response(status: str, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


async def against(peer: Peer, ask: Callable[[SandboxGateway], Awaitable[ChargeAnswer]]) -> ChargeAnswer:
    """Ask a gateway that behaves as `peer` does; it closes the connection when it is done."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await peer(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(served, "127.0.0.1", 0) as listener:
        answer = await ask(connect(listener.sockets[0].getsockname()[1], total=0.5))
        listener.close()
    return answer


def charge_document(**changes: object) -> bytes:
    document: dict[str, object] = {
        "key": "k1",
        "status": "approved",
        "charge_id": "ch_1",
        "code": "approved",
        "auth_code": "123456",
        "amount_minor": 1999,
        "currency": "USD",
        "kind": "sale",
    }
    return json.dumps(document | changes).encode()


def charge_of_1999(gateway: SandboxGateway) -> Awaitable[ChargeAnswer]:
    return gateway.sale(sale())


UNTRUSTED = {
    "closed at once": b"",
    "not HTTP": b"\x16\x03\x01garbage\r\n\r\n",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    "empty": response("200 OK", b""),
    "page": response("200 OK", b"<html>Sign in to the hotel network</html>"),
    "list": response("200 OK", b"[]"),
    "other key": response("200 OK", charge_document(key="k2")),
    "other amount": response("200 OK", charge_document(amount_minor=1)),
    "other currency": response("200 OK", charge_document(currency="CAD")),
    "other kind": response("200 OK", charge_document(kind="refund")),
    "neither approved nor declined": response("200 OK", charge_document(status="pending")),
    "approved with 402": response("402 Payment Required", charge_document()),
    "declined with 200": response("200 OK", charge_document(status="declined")),
    "approved with 500": response("500 Oops", charge_document()),
    "bad gateway": response("502 Bad Gateway", b"upstream"),
    "error document with 503": response("503 Away", b'{"error":{"code":"busy","message":""}}'),
    "conflict": response("409 Conflict", b'{"error":{"code":"key_conflict","message":""}}'),
    "not found page": response("404 Not Found", b"<html>"),
    "redirect": response("307 Moved", charge_document(), "Location: /v1/elsewhere\r\n"),
    "endless": response("200 OK", b" " * 1_100_000 + charge_document()),
}


@pytest.mark.parametrize("raw", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_charge_without_a_trusted_answer_is_unknown(raw: bytes) -> None:
    answer = asyncio.run(against(answering(raw), charge_of_1999))
    assert answer == ChargeAnswer(verdict="unknown", code="no_answer", reason=reasons.UNSURE)


@pytest.mark.parametrize("raw", UNTRUSTED.values(), ids=UNTRUSTED.keys())
def test_query_without_a_trusted_answer_is_unknown(raw: bytes) -> None:
    async def ask(gateway: SandboxGateway) -> ChargeAnswer:
        return await gateway.query(sale())

    untrusted = asyncio.run(against(answering(raw), ask)).verdict
    # A query does not know the amount, and a declined charge is found with 200.
    settled = {charge_document(amount_minor=1), charge_document(currency="CAD")}
    if any(raw == response("200 OK", document) for document in settled):
        assert untrusted == "approved"
    elif raw == response("200 OK", charge_document(status="declined")):
        assert untrusted == "declined"
    else:
        assert untrusted == "unknown"


def test_answer_that_drips_is_cut_off_by_the_total_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)

    async def scene() -> tuple[ChargeAnswer, float]:
        start = asyncio.get_running_loop().time()
        answer = await against(drip, charge_of_1999)
        return answer, asyncio.get_running_loop().time() - start

    answer, seconds = asyncio.run(scene())
    assert answer.verdict == "unknown"
    assert seconds < 3


def test_what_is_on_the_wire() -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(response("200 OK", charge_document()))

    async def scene(gateway: SandboxGateway) -> ChargeAnswer:
        await gateway.tokenise(card(), key="token-key")
        return await charge_of_1999(gateway)

    assert asyncio.run(against(peer, scene)).verdict == "approved"
    (token_headers, token_body), (charge_headers, charge_body) = seen
    assert token_headers["idempotency-key"] == "token-key"
    assert charge_headers["idempotency-key"] == "k1"
    assert "transfer-encoding" not in token_headers
    assert charge_headers["x-api-key"] == SANDBOX_API_KEY
    assert json.loads(token_body) == {"number": "4242424242424242", "expiry": "1228", "cvv": "737"}
    assert json.loads(charge_body) == {
        "token": "tok_1",
        "amount_minor": 1999,
        "currency": "USD",
        "reference": "s1",
        "capture": True,
    }


def test_environment_redirects_nothing(server: GatewayChild, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert asyncio.run(buy(connect(server.port), key=next(_keys))).verdict == "approved"


# --- nothing of the card stays ---------------------------------------------------------------------


class _Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.args!r} {record.__dict__!r}")
        if record.exc_info and record.exc_info[1]:
            told = traceback.TracebackException.from_exception(record.exc_info[1], capture_locals=True)
            self.lines.extend(told.format())


@pytest.fixture
def every_log() -> Iterator[_Everything]:
    handler = _Everything()
    loggers = [logging.getLogger(name) for name in (None, "httpx", "httpcore", "asyncio", "h11")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    yield handler
    loggers[0].removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_no_log_shows_the_card_even_at_debug_level(every_log: _Everything, closed_port: int) -> None:
    secret = card("4000056655665556", "1129", "864")

    async def tokenise(gateway: SandboxGateway) -> ChargeAnswer:
        await gateway.tokenise(secret, key="k")
        return ChargeAnswer(verdict="unknown")

    async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scene() -> None:
        for raw in (*UNTRUSTED.values(), response("201 Created", b'{"status":"approved","token":"t"}')):
            await against(answering(raw), tokenise)
        await against(silence, tokenise)
        await connect(closed_port).tokenise(secret, key="k")

    asyncio.run(scene(), debug=True)
    told = "\n".join(every_log.lines)
    assert "send_request_body.started" in told, "httpcore's debug log is on"
    assert "HTTP Request: POST" in told, "httpx's log is on"
    for trace in ("4000056655665556", '"1129', '"864', "cvv", "expiry"):
        assert trace not in told


@pytest.mark.parametrize("raw", [b"", response("201 Created", b'{"status":"approved","token":"t"}')])
def test_body_is_zeroed_when_the_exchange_is_over(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies: list[bytearray] = []
    send = exchange._once

    def watched(body: bytearray) -> AsyncIterator[bytes]:
        bodies.append(body)
        assert b"4242424242424242" in body
        return send(body)

    async def ask(gateway: SandboxGateway) -> ChargeAnswer:
        await gateway.tokenise(card(), key="k")
        return ChargeAnswer(verdict="unknown")

    monkeypatch.setattr(exchange, "_once", watched)
    asyncio.run(against(answering(raw), ask))
    (body,) = bodies
    assert len(body) > 40
    assert not any(body)


@pytest.mark.parametrize(
    "address",
    [
        "http://gateway.example.test",
        "http://192.0.2.1:8080",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "https://user:word@gateway.example.test",
        "https://gateway.example.test?key=1",
        "https://",
        "",
    ],
)
def test_address_without_tls_or_with_secrets_is_refused(address: str) -> None:
    with pytest.raises(SettingsError):
        SandboxGateway(GatewayAccount(base_url=address, api_key="k"))


@pytest.mark.parametrize(
    "address", ["https://gateway.example.test/api/", "http://localhost:1", "http://[::1]:1"]
)
def test_address_that_is_taken(address: str) -> None:
    SandboxGateway(GatewayAccount(base_url=address, api_key="k"))


@pytest.mark.parametrize("api_key", ["", "schlüssel", "two\r\nlines"])
def test_api_key_that_is_no_header_is_refused(api_key: str) -> None:
    with pytest.raises(SettingsError):
        connect(1, api_key=api_key)


# --- money that was reserved, and money that goes back ---------------------------------------------


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
