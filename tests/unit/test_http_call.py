"""Requests of flows, against real servers that answer badly, slowly, elsewhere or not at all."""

from __future__ import annotations

import asyncio
import gzip
import socket
from typing import Any

import msgspec
import pytest

from halodesk.connectors.http_call import LARGEST_ANSWER, HttpConnection, HttpConnections
from halodesk.engine.errors import SettingsError
from halodesk.runtime.effect_ports import HttpAnswer
from tests.fakes.web_server import Told, WebServer, web_server

SECRET = "Bearer s3cret"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    method: str = "GET"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    connection: str = "crm"
    method: str = "GET"
    url: str = "/orders"
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    body: Any = None
    timeout_ms: int = 5_000
    idempotency_header: str = ""
    find_out: Query | None = None


def connections(server: WebServer | str, **more: Any) -> HttpConnections:
    url = server if isinstance(server, str) else f"{server.url}/api"
    return HttpConnections([HttpConnection(name="crm", url=url, secrets={"Authorization": SECRET}, **more)])


def send(known: HttpConnections, key: str = "k1", **call: Any) -> HttpAnswer:
    return asyncio.run(known.send(Call(**call), key=key))


def test_a_request_carries_query_headers_body_secret_and_key() -> None:
    with web_server(Told(status=201, body=b'{"id": 7}')) as server:
        answer = send(
            connections(server, headers={"X-App": "desk"}),
            method="POST", url="orders", query={"a": "b c&d"}, headers={"X-Own": "1"}, body={"name": "Kim"},
            idempotency_header="Idempotency-Key",
        )  # fmt: skip
    assert (answer.verdict, answer.status, answer.body, answer.reason) == ("answered", 201, b'{"id": 7}', "")
    (seen,) = server.seen
    assert (seen.method, seen.body) == ("POST", b'{"name":"Kim"}')
    assert seen.path == "/api/orders?a=b+c%26d"
    for name, value in {
        "authorization": SECRET, "x-app": "desk", "x-own": "1", "idempotency-key": "k1",
        "content-type": "application/json", "accept-encoding": "identity",
    }.items():  # fmt: skip
        assert seen.headers[name] == value


def test_the_key_is_the_same_when_it_is_sent_again() -> None:
    with web_server(Told(status=500), Told(status=200)) as server:
        known = connections(server)
        order: dict[str, Any] = {"method": "POST", "body": {}, "idempotency_header": "Idempotency-Key"}
        assert [asyncio.run(known.send(Call(**order), key="k1")).status for _ in range(2)] == [500, 200]
    assert [seen.headers["idempotency-key"] for seen in server.seen] == ["k1", "k1"]


def test_it_tries_once() -> None:
    with web_server(Told(status=503)) as server:
        assert send(connections(server)).status == 503
    assert len(server.seen) == 1


def test_a_server_that_hangs_may_have_done_it() -> None:
    with web_server(Told(hang=True)) as server:
        answer = send(connections(server), method="POST", body={}, timeout_ms=300)
    assert (answer.verdict, answer.status) == ("no_answer", 0)
    assert "within 0.3 seconds" in answer.reason


def test_a_connection_that_breaks_may_have_done_it() -> None:
    with web_server(Told(drop=True)) as server:
        answer = send(connections(server), method="POST", body={})
    assert answer.verdict == "no_answer"


def test_a_server_that_is_not_there_has_done_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    answer = send(connections(f"http://127.0.0.1:{port}"), method="POST", body={})
    assert (answer.verdict, answer.reason) == ("not_sent", "The other system cannot be reached.")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_is_never_followed(method: str, status: int) -> None:
    with web_server() as foreign:
        for there in (
            f"{foreign.url}/steal",
            f"//127.0.0.1:{foreign.port}/x",
            f"http://localhost:{foreign.port}/",
        ):
            with web_server(Told(status=status, headers={"Location": there})) as server:
                # Even an origin that requests may name is none a redirect may choose.
                known = connections(server, origins=(foreign.url,))
                answer = send(known, method=method, body={} if method == "POST" else None)
            assert (answer.verdict, answer.status) == ("answered", status)
            assert "nothing is sent to" in answer.reason
        assert foreign.seen == []


def test_a_redirect_with_a_user_name_or_to_another_scheme_is_not_followed() -> None:
    with web_server() as server:
        known = connections(server)
        for there in (f"http://me:pw@127.0.0.1:{server.port}/x", "file:///etc/passwd", "http://[bad", ""):
            server.answers = [Told(status=302, headers={"Location": there})]
            assert send(known).verdict in ("answered", "no_answer")
    assert not any(seen.path == "/x" for seen in server.seen)


def test_a_redirect_within_the_origin_is_followed_for_reading_only() -> None:
    moved = Told(status=307, headers={"Location": "/new"})
    with web_server(moved, Told(body=b'"here"')) as server:
        assert send(connections(server)).body == b'"here"'
        assert [seen.path for seen in server.seen] == ["/api/orders", "/new"]
        server.answers = [moved]
        answer = send(connections(server), method="POST", body={})
    assert answer.status == 307
    assert answer.reason.endswith("it was not sent again.")
    assert len(server.seen) == 3


def test_a_circle_of_redirects_ends() -> None:
    with web_server(Told(status=302, headers={"Location": "/again"})) as server:
        answer = send(connections(server))
    assert answer.verdict == "no_answer"
    assert "in circles" in answer.reason
    assert len(server.seen) == 3


def test_only_listed_origins_are_reached_and_they_get_no_secret() -> None:
    with web_server() as server, web_server() as other, web_server() as foreign:
        known = connections(server, origins=(other.url,), headers={"X-App": "desk"})
        assert send(known, url=f"{other.url}/x").verdict == "answered"
        assert "authorization" not in other.seen[0].headers
        for url in (
            f"{foreign.url}/x", f"//127.0.0.1:{foreign.port}/x", f"HTTP://127.0.0.1:{foreign.port}/x",
            f"\\\\127.0.0.1:{foreign.port}/x", f"http://user@127.0.0.1:{server.port}/x", "file:///etc/passwd",
            "javascript:1", "http://[x", f"http://127.0.0.1:{server.port}@127.0.0.1:{foreign.port}/",
        ):  # fmt: skip
            answer = send(known, url=url)
            assert answer.verdict == "not_sent", url
            assert answer.reason, url
    assert foreign.seen == server.seen == []


@pytest.mark.parametrize("url", ["../admin", "/a/../../admin", "a/%2e%2E/b", "..", "a/.", "..\\admin"])
def test_no_dot_segment_leaves_the_path(url: str) -> None:
    with web_server() as server:
        answer = send(connections(server), url=url)
    assert answer.verdict == "not_sent"
    assert "leaves its path" in answer.reason or "not allow" in answer.reason
    assert server.seen == []


def test_dots_in_a_name_and_in_a_query_are_no_dot_segments() -> None:
    with web_server() as server:
        known = connections(server)
        assert send(known, url="a..b/v1.2?q=../x").verdict == "answered"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "mine"}, {"authorization": "mine"}, {"Host": "x"}, {"Content-Length": "0"},
        {"X-A": "1\r\nX-B: 2"}, {"X-A\r\nX-B": "2"}, {"X-A": "\x00"}, {"": "x"}, {"X-A": "é"},
    ],
)  # fmt: skip
def test_a_flow_cannot_set_what_is_not_its_own(headers: dict[str, str]) -> None:
    with web_server() as server:
        answer = send(connections(server), headers=headers)
    assert answer.verdict == "not_sent"
    assert "header" in answer.reason
    assert server.seen == []


def test_an_answer_beyond_the_limit_is_not_taken() -> None:
    with web_server(Told(body=b"x" * (LARGEST_ANSWER + 1))) as server:
        answer = send(connections(server))
    assert (answer.verdict, answer.body) == ("no_answer", b"")
    assert "too large" in answer.reason


def test_a_packed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    with web_server(Told(body=bomb, headers={"Content-Encoding": "gzip"})) as server:
        answer = send(connections(server))
    assert (answer.verdict, answer.body) == ("no_answer", b"")


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff\xfe\x00", b"[" * 1000])
def test_nonsense_is_handed_on_as_it_came(body: bytes) -> None:
    with web_server(Told(body=body)) as server:
        assert send(connections(server)).body == body


def test_a_request_that_is_too_large_is_not_sent() -> None:
    with web_server() as server:
        answer = send(connections(server), method="POST", body="x" * (2 << 20))
    assert (answer.verdict, server.seen) == ("not_sent", [])


def test_find_out_asks_with_the_same_key() -> None:
    call = Call(
        method="POST",
        body={"a": 1},
        idempotency_header="Idempotency-Key",
        find_out=Query(url="/orders?key=k1"),
    )
    with web_server(Told(status=404)) as server:
        answer = asyncio.run(connections(server).find_out(call, key="k1"))
    assert (answer.verdict, answer.status) == ("answered", 404)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("GET", "/api/orders?key=k1", b"")
    assert seen.headers["idempotency-key"] == "k1"


@pytest.mark.parametrize("query", [None, Query(url="/x", method="POST")])
def test_find_out_never_changes_anything(query: Query | None) -> None:
    with web_server() as server:
        answer = asyncio.run(connections(server).find_out(Call(find_out=query), key="k"))
    assert (answer.verdict, server.seen) == ("not_sent", [])


def test_a_connection_that_is_not_there() -> None:
    with web_server() as server:
        assert "no connection “erp”" in send(connections(server), connection="erp").reason


@pytest.mark.parametrize(
    "connection",
    [
        {"url": "http://crm.example"},
        {"url": "https://me:pw@crm.example"},
        {"url": "no address"},
        {"url": "https://crm.example", "origins": ("http://x.example",)},
        {"url": "https://crm.example", "origins": ("https://x.example/path",)},
        {"url": "https://crm.example", "secrets": {"X-Key": "a\nb"}},
        {"url": "https://crm.example", "headers": {"Host": "x"}},
    ],
)
def test_a_connection_that_cannot_be_safe_is_refused(connection: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        HttpConnections([HttpConnection(name="crm", **connection)])


def test_two_connections_of_one_name_are_refused() -> None:
    one = HttpConnection(name="crm", url="https://crm.example")
    with pytest.raises(SettingsError, match="same name"):
        HttpConnections([one, one])


def test_a_connection_shows_no_secret() -> None:
    one = HttpConnection(name="crm", url="https://crm.example", secrets={"Authorization": SECRET})
    assert SECRET not in repr(one)
