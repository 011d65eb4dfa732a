"""Webhook tools over HTTP: allowed hosts, keys, signatures, and when they are tried again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from halodesk.connectors.webhook_tools import SIGNATURE, ToolHost, WebhookTools
from halodesk.engine.errors import SettingsError
from halodesk.runtime.flow_agent_ports import ToolAnswer, ToolRequest
from tests.fakes.web_server import Told, WebServer


@pytest.fixture
def web() -> Iterator[WebServer]:
    server = WebServer()
    yield server
    server.stop()


def request(web: WebServer, **fields: Any) -> ToolRequest:
    usual: dict[str, Any] = {
        "tool": "t",
        "name": "look",
        "url": f"{web.url}/look?a=1",
        "method": "POST",
        "arguments": {"day": "Monday", "n": 2},
        "key": "key-1",
        "timeout_s": 3.0,
    }
    return ToolRequest(**{**usual, **fields})


def called(web: WebServer, host: ToolHost | None = None, **fields: Any) -> ToolAnswer:
    tools = WebhookTools([host or ToolHost(origin=web.url)], wall=lambda: 1_700_000_000)
    return asyncio.run(tools.call(request(web, **fields)))


def test_arguments_key_and_answer(web: WebServer) -> None:
    web.answers = [Told(body=b'{"free": ["10:00"]}')]
    assert called(web) == ToolAnswer(ok=True, value={"free": ["10:00"]})
    (seen,) = web.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/look?a=1", b'{"day":"Monday","n":2}')
    assert seen.headers["idempotency-key"] == "key-1"


def test_get_has_its_arguments_in_the_query(web: WebServer) -> None:
    called(web, method="GET", url=f"{web.url}/look")
    assert web.seen[0].path == "/look?day=Monday&n=2"
    assert web.seen[0].body == b""


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_signature_can_be_checked(web: WebServer, method: str) -> None:
    host = ToolHost(origin=web.url, signing_key="k", secrets={"Authorization": "Bearer s"})
    called(web, host, method=method)
    (seen,) = web.seen
    said = f"1700000000.{method}.{seen.path}.".encode() + seen.body
    sign = hmac.new(b"k", said, hashlib.sha256).hexdigest()
    assert seen.headers[SIGNATURE.lower()] == f"t=1700000000,v1={sign}"
    assert seen.headers["authorization"] == "Bearer s"


def test_a_host_that_is_not_allowed_is_not_called(web: WebServer) -> None:
    answer = called(web, ToolHost(origin="https://example.com"))
    assert not answer.ok
    assert "not allowed" in answer.error
    assert web.seen == []


@pytest.mark.parametrize(
    ("fields", "answers", "tries"),
    [
        ({}, [Told(status=503)], 1),
        ({}, [Told(drop=True)], 1),
        ({"idempotent": True}, [Told(status=503)], 2),
        ({"idempotent": True}, [Told(drop=True), Told()], 2),
        ({"method": "GET"}, [Told(status=503), Told()], 2),
        ({"method": "GET"}, [Told(status=404)], 1),
    ],
)
def test_only_what_does_no_harm_is_tried_again(
    web: WebServer, fields: dict[str, Any], answers: list[Told], tries: int
) -> None:
    web.answers = answers
    called(web, **fields)
    assert len(web.seen) == tries
    assert {seen.headers["idempotency-key"] for seen in web.seen} == {"key-1"}


@pytest.mark.parametrize(
    "told",
    [
        Told(status=500),
        Told(status=302, headers={"Location": "https://example.com/"}),
        Told(body=b"x" * (2 << 20)),
        Told(hang=True),
    ],
)
def test_what_goes_wrong_is_words(web: WebServer, told: Told) -> None:
    web.answers = [told]
    answer = called(web, timeout_s=1.0)
    assert not answer.ok
    assert answer.error


def test_text_and_nothing_are_answers_too(web: WebServer) -> None:
    web.answers = [Told(body=b"fine")]
    assert called(web).value == "fine"
    web.answers = [Told(body=b"")]
    assert called(web).value == {"done": True}


@pytest.mark.parametrize("host", [{"origin": "http://example.com"}, {"host": "x"}, {"origin": 1}])
def test_a_wrong_host_is_named(host: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        WebhookTools([host])
