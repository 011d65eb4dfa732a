"""The sandbox gateway as a real server in a child process, spoken to in plain HTTP."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from halodesk.demo.gateway.app import EXIT_DIED, SANDBOX_API_KEY
from halodesk.demo.gateway.child import GATEWAY_COMMAND, GatewayChild, gateway_child
from halodesk.demo.gateway.serve import serve
from halodesk.engine.errors import DemoError

CARD = {"number": "4242424242424242", "expiry": "1228", "cvv": "737"}
TODAY = date(2026, 6, 15)
_keys = (f"key-{number}" for number in count(1))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayChild]:
    log_file = tmp_path_factory.mktemp("gateway") / "journal.log"
    with gateway_child(log_file=log_file, today=TODAY) as child:
        yield child


def ask(
    gateway: GatewayChild,
    method: str,
    path: str,
    body: object = None,
    *,
    key: str = "",
    api_key: str = SANDBOX_API_KEY,
    seconds: float = 10,
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=seconds)
    headers = {"X-Api-Key": api_key} | ({"Idempotency-Key": key} if key else {})
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    try:
        connection.request(method, path, body=content, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def new_token(gateway: GatewayChild, **card: str) -> str:
    status, answer = ask(gateway, "POST", "/v1/tokens", CARD | card)
    assert status == 201, answer
    return str(answer["token"])


def order(token: str, **changes: object) -> dict[str, object]:
    return {"token": token, "amount_minor": 1999, "currency": "USD", "reference": "s1"} | changes


def test_token_then_charge_then_query(gateway: GatewayChild) -> None:
    status, token = ask(gateway, "POST", "/v1/tokens", CARD)
    assert (status, token["brand"], token["last4"]) == (201, "visa", "4242")
    key = next(_keys)
    status, charge = ask(gateway, "POST", "/v1/charges", order(token["token"]), key=key)
    assert (status, charge["status"], charge["key"], charge["amount_minor"]) == (200, "approved", key, 1999)
    assert ask(gateway, "GET", f"/v1/charges?key={key}") == (200, charge)
    assert "fingerprint" not in charge


def test_amex_has_four_digits(gateway: GatewayChild) -> None:
    amex = {"number": "378282246310005", "expiry": "1228"}
    assert ask(gateway, "POST", "/v1/tokens", amex | {"cvv": "1234"})[1]["brand"] == "amex"
    status, answer = ask(gateway, "POST", "/v1/tokens", amex | {"cvv": "123"})
    assert (status, answer) == (402, {"status": "declined", "code": "invalid_cvv", "field": "cvv"})


def test_repeat_of_a_charge_is_answered_alike_and_changed_body_conflicts(gateway: GatewayChild) -> None:
    token, key = new_token(gateway), next(_keys)
    first = ask(gateway, "POST", "/v1/charges", order(token), key=key)
    assert ask(gateway, "POST", "/v1/charges", order(token), key=key) == first
    status, answer = ask(gateway, "POST", "/v1/charges", order(token, amount_minor=2000), key=key)
    assert (status, answer["error"]["code"]) == (409, "key_conflict")


def test_used_and_unknown_tokens_are_refused(gateway: GatewayChild) -> None:
    token = new_token(gateway)
    ask(gateway, "POST", "/v1/charges", order(token), key=next(_keys))
    status, answer = ask(gateway, "POST", "/v1/charges", order(token), key=next(_keys))
    assert (status, answer["error"]["code"]) == (422, "token_used")
    status, answer = ask(gateway, "POST", "/v1/charges", order("tok_no"), key=next(_keys))
    assert (status, answer["error"]["code"]) == (422, "token_unknown")


def test_card_that_is_declined_at_the_charge(gateway: GatewayChild) -> None:
    token = new_token(gateway, number="4000000000000002")
    status, charge = ask(gateway, "POST", "/v1/charges", order(token), key=next(_keys))
    assert (status, charge["status"], charge["code"]) == (402, "declined", "do_not_honor")


def test_postal_code_mismatch_is_declined(gateway: GatewayChild) -> None:
    token = new_token(gateway, postal_code="00000")
    status, charge = ask(gateway, "POST", "/v1/charges", order(token), key=next(_keys))
    assert (status, charge["code"]) == (402, "postal_code_mismatch")


def test_unknown_key(gateway: GatewayChild) -> None:
    status, answer = ask(gateway, "GET", "/v1/charges?key=never")
    assert (status, answer["error"]["code"]) == (404, "charge_not_found")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/tokens"), ("POST", "/v1/charges"), ("GET", "/v1/charges?key=a")]
)
def test_api_key_is_needed(gateway: GatewayChild, method: str, path: str) -> None:
    status, answer = ask(gateway, method, path, CARD, key="k", api_key="wrong")
    assert (status, answer["error"]["code"]) == (401, "unauthorised")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"number":4242424242424242,"expiry":"1228","cvv":"737"}',
        b'{"number":"4242424242424242","expiry":"1228","cvv":"737","4242424242424242":"737"}',
        b'{"number":"4242424242424242',
    ],
)
def test_errors_never_quote_the_card(gateway: GatewayChild, body: bytes) -> None:
    status, answer = ask(gateway, "POST", "/v1/tokens", body)
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert "4242" not in json.dumps(answer)


def test_large_body_is_refused(gateway: GatewayChild) -> None:
    status, answer = ask(gateway, "POST", "/v1/tokens", b'"' + b"x" * 5000 + b'"')
    assert (status, answer["error"]["code"]) == (413, "bad_request")


@pytest.mark.parametrize(
    "changes", [{"amount_minor": 0}, {"amount_minor": -5}, {"currency": "usd"}, {"reference": "x" * 129}]
)
def test_charge_out_of_bounds(gateway: GatewayChild, changes: dict[str, object]) -> None:
    status, answer = ask(gateway, "POST", "/v1/charges", order("tok", **changes), key=next(_keys))
    assert (status, answer["error"]["code"]) == (400, "bad_request")


def test_charge_without_a_key_is_refused(gateway: GatewayChild) -> None:
    status, answer = ask(gateway, "POST", "/v1/charges", order("tok"))
    assert (status, answer["error"]["code"]) == (400, "idempotency_key_missing")


def test_unknown_address(gateway: GatewayChild) -> None:
    assert ask(gateway, "GET", "/v1/voids")[0] == 404


def test_script_is_used_up_by_new_charges_only(tmp_path: Path) -> None:
    script = ["decline:insufficient_funds", "decline:do_not_honor", "approve"]
    log_file, state_file = tmp_path / "journal.log", tmp_path / "state.jsonl"
    codes = []
    with gateway_child(script=script, log_file=log_file, state_file=state_file, today=TODAY) as gateway:
        for _ in range(4):
            token, key = new_token(gateway, number="4000000000009987"), next(_keys)
            for _ in range(2):
                _, charge = ask(gateway, "POST", "/v1/charges", order(token), key=key)
            codes.append(charge["code"])
            ask(gateway, "POST", "/v1/charges", order("tok_no"), key=next(_keys))
    # The script overrules the card; then the card decides.
    assert codes == ["insufficient_funds", "do_not_honor", "approved", "lost_card"]
    for written in (log_file.read_text("utf-8"), state_file.read_text("utf-8")):
        assert "insufficient_funds" in written
        for secret in ("4000000000009987", "tok_"):
            assert secret not in written
        for short in ("737", "1228"):  # may stand inside a longer number, in a time stamp say
            assert not re.search(rf"(?<![\d.]){short}(?!\d)", written)


def test_unanswered_charges(tmp_path: Path) -> None:
    script = ["timeout_after_charge", "hang", "nonsense", "server_error"]
    found = []
    with gateway_child(script=script, today=TODAY) as gateway:
        for word in script:
            token, key = new_token(gateway), next(_keys)
            if word in ("timeout_after_charge", "hang"):
                with pytest.raises(TimeoutError):
                    ask(gateway, "POST", "/v1/charges", order(token), key=key, seconds=0.2)
            elif word == "nonsense":
                with pytest.raises(json.JSONDecodeError):
                    ask(gateway, "POST", "/v1/charges", order(token), key=key)
            else:
                assert ask(gateway, "POST", "/v1/charges", order(token), key=key)[0] == 500
            found.append(ask(gateway, "GET", f"/v1/charges?key={key}")[0])
    assert found == [200, 404, 200, 404]


def test_gateway_that_dies_after_charging_knows_the_charge_when_it_is_back(tmp_path: Path) -> None:
    state_file, key = tmp_path / "state.jsonl", next(_keys)
    with gateway_child(script=["die_after_charge"], state_file=state_file, today=TODAY) as gateway:
        token = new_token(gateway)
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            ask(gateway, "POST", "/v1/charges", order(token), key=key)
        assert gateway.wait_for_death() == EXIT_DIED
    with gateway_child(state_file=state_file, port=gateway.port, today=TODAY) as gateway:
        status, charge = ask(gateway, "GET", f"/v1/charges?key={key}")
        assert (status, charge["status"], charge["last4"]) == (200, "approved", "4242")
        assert ask(gateway, "POST", "/v1/charges", order(token), key=key) == (200, charge)


def test_busy_port_is_said(gateway: GatewayChild) -> None:
    with (
        pytest.raises(DemoError, match=rf"cannot listen on 127\.0\.0\.1 port {gateway.port}"),
        gateway_child(port=gateway.port),
    ):
        pytest.fail("two gateways on one port")


def test_only_loopback() -> None:
    for host in ("::", "192.0.2.1", "example.test"):
        with pytest.raises(DemoError, match="plain HTTP"):
            serve(host, 0, ready=lambda _port: None)


def test_ready_file_and_signal(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    command = [*GATEWAY_COMMAND, "--port", "0", "--ready-file", str(ready_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert ready_file.read_bytes() == line
            port = json.loads(line)["port"]
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        finally:
            process.terminate()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
