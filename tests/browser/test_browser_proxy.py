"""The proxy by itself: who gets through, where to, by which way; and what a browser cannot smuggle."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from halodesk.connectors.browser_proxy import BrowserProxy, Upstream
from tests.browser.conftest import Browser, until
from tests.browser.site import Site

T = TypeVar("T")


def with_proxy(scene: Callable[[BrowserProxy], Awaitable[T]], upstream: Upstream | None = None) -> T:
    async def run() -> T:
        proxy = BrowserProxy(upstream)
        await proxy.start()
        try:
            async with asyncio.timeout(20):
                return await scene(proxy)
        finally:
            await proxy.close()

    return asyncio.run(run())


def proof(user: str, password: str) -> str:
    return "Proxy-Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def send(proxy: BrowserProxy, *lines: str, body: str = "") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(("\r\n".join((*lines, "", "")) + body).encode())
    answer = await reader.read()
    writer.close()
    return answer.decode()


def status(answer: str) -> str:
    return answer.split("\r\n")[0].split(" ", 1)[1]


def test_a_request_of_a_known_session(site: Site) -> None:
    site.page("/a", "hello")

    async def scene(proxy: BrowserProxy) -> str:
        word = proof("s1", proxy.admit("s1", [site.origin]))
        return await send(proxy, f"GET {site.origin}/a?q=1 HTTP/1.1", f"Host: 127.0.0.1:{site.port}", word)

    answer = with_proxy(scene)
    assert status(answer) == "200 OK"
    assert "hello" in answer
    assert site.seen("/a")[0].query == {"q": ["1"]}


@pytest.mark.parametrize(
    "word",
    [
        "X: y",
        proof("s1", "guess"),
        proof("s2", "x"),
        "Proxy-Authorization: Basic %%%",
        "Proxy-Authorization: Bearer x",
    ],
)
def test_nobody_else_gets_through(site: Site, word: str) -> None:
    async def scene(proxy: BrowserProxy) -> str:
        proxy.admit("s1", [site.origin])
        return await send(proxy, f"GET {site.origin}/ HTTP/1.1", word)

    assert status(with_proxy(scene)) == "407 Proxy Authentication Required"
    assert site.connections == 0


@pytest.mark.parametrize("line", ["GET {far}/ HTTP/1.1", "CONNECT 127.0.0.1:{port} HTTP/1.1"])
def test_a_foreign_origin_is_refused_and_logged_without_its_path(site: Site, other: Site, line: str) -> None:
    async def scene(proxy: BrowserProxy) -> str:
        word = proof("s1", proxy.admit("s1", [site.origin]))
        first = line.format(far=other.origin, port=other.port).replace("/ HTTP", "/private?name=Robin HTTP")
        return await send(proxy, first, word)

    with capture_logs() as logs:
        assert status(with_proxy(scene)) == "403 Forbidden"
    assert other.connections == 0
    [refused] = [line for line in logs if line["event"] == "request_refused"]
    assert (refused["user"], refused["host"], refused["port"]) == ("s1", "127.0.0.1", other.port)
    assert "Robin" not in str(logs)


def test_a_session_that_is_over_is_forgotten(site: Site) -> None:
    async def scene(proxy: BrowserProxy) -> str:
        word = proof("s1", proxy.admit("s1", [site.origin]))
        proxy.forget("s1")
        return await send(proxy, f"GET {site.origin}/ HTTP/1.1", word)

    assert status(with_proxy(scene)).startswith("407")


def test_our_secret_does_not_reach_the_site(site: Site) -> None:
    heard: list[bytes] = []

    async def scene(proxy: BrowserProxy) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        word = proof("s1", proxy.admit("s1", [f"http://127.0.0.1:{port}"]))
        await send(proxy, f"GET http://127.0.0.1:{port}/x HTTP/1.1", "Proxy-Connection: keep-alive", word)
        server.close()

    with_proxy(scene)
    assert heard[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert b"roxy-" not in heard[0]
    assert b"Connection: close" in heard[0]


@pytest.mark.parametrize(
    "lines",
    [
        ("GET",), ("GET / HTTP/1.1",), ("GET nonsense HTTP/1.1",), ("GET http://[::1 HTTP/1.1",),
        ("GET {origin}/ HTTP/1.1", " folded: x"), ("GET {origin}/ HTTP/1.1", "no colon"),
    ],
)  # fmt: skip
def test_what_is_no_request(site: Site, lines: tuple[str, ...]) -> None:
    async def scene(proxy: BrowserProxy) -> str:
        word = proof("s1", proxy.admit("s1", [site.origin]))
        first, *more = (line.format(origin=site.origin) for line in lines)
        return await send(proxy, first, word, *more)

    assert status(with_proxy(scene)) == "400 Bad Request"
    assert site.connections == 0


def test_a_head_without_end(site: Site) -> None:
    async def scene(proxy: BrowserProxy) -> str:
        return await send(proxy, "GET / HTTP/1.1", "X: " + "y" * 200_000)

    with contextlib.suppress(ConnectionError):  # closed with bytes unread: the kernel may say so by a reset
        assert with_proxy(scene) == ""


def test_a_tunnel_carries_both_ways(site: Site) -> None:
    async def scene(proxy: BrowserProxy) -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"you said " + await reader.readexactly(5))
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        word = proof("s1", proxy.admit("s1", [f"https://127.0.0.1:{port}"]))
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n{word}\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello")
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    assert with_proxy(scene) == b"you said hello"


def test_a_site_that_is_away() -> None:
    async def scene(proxy: BrowserProxy) -> str:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
        return await send(proxy, f"GET {origin}/ HTTP/1.1", proof("s1", proxy.admit("s1", [origin])))

    assert status(with_proxy(scene)) == "502 Bad Gateway"


def test_by_way_of_the_networks_own_proxy(site: Site) -> None:
    """Its credentials are added, ours are not passed on; names are left to it."""
    heard: list[str] = []

    async def scene(proxy: BrowserProxy) -> tuple[str, str]:
        async def network(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nfar")
            writer.close()

        server = await asyncio.start_server(network, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        proxy._upstream = Upstream.of(f"http://desk:se%40cret@127.0.0.1:{port}")
        word = proof("s1", proxy.admit("s1", ["http://portal.example", "https://portal.example"]))
        plain = await send(proxy, "GET http://portal.example/x HTTP/1.1", word)
        tunnel = await send(proxy, "CONNECT portal.example:443 HTTP/1.1", word)
        server.close()
        return plain, tunnel

    plain, tunnel = with_proxy(scene)
    assert plain.endswith("far")
    assert status(tunnel).startswith("200")
    assert heard[0].startswith("GET http://portal.example/x HTTP/1.1\r\n")
    assert heard[1].startswith("CONNECT portal.example:443 HTTP/1.1\r\n")
    for head in heard:
        assert proof("desk", "se@cret") in head
        assert head.count("Proxy-Authorization") == 1


@pytest.mark.parametrize("address", ["socks5://x:1", "proxy.example", "http://", "http://x:port"])
def test_an_address_that_is_no_proxy(address: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Upstream.of(address)


def test_no_address_is_no_proxy() -> None:
    assert Upstream.of("") is None


REACH = (
    "fetch('{far}/x', {{mode: 'no-cors'}})"
    ".then(() => {{ window.got = 'yes' }}, () => {{ window.got = 'no' }}); 1"
)


# with the browser: each of the two fences holds without the other


def test_the_proxy_holds_where_the_request_list_does_not(browser: Browser, site: Site, other: Site) -> None:
    visit, _ = browser.fill(site.page("/", ""), {})
    visit._profile.fence.allow([site.origin, other.origin])
    browser.ask(visit, REACH.format(far=other.origin))
    until(lambda: browser.ask(visit, "window.got || ''"))
    assert other.connections == 0


def test_the_request_list_holds_where_the_proxy_does_not(browser: Browser, site: Site, other: Site) -> None:
    visit, _ = browser.fill(site.page("/", ""), {})
    browser.proxy.admit(visit._profile.user, [site.origin, other.origin])
    browser.ask(visit, REACH.format(far=other.origin))
    until(lambda: browser.ask(visit, "window.got || ''") == "no")
    assert other.requests == []


def test_every_request_of_the_browser_goes_through_the_proxy(browser: Browser, site: Site) -> None:
    with capture_logs() as logs:
        visit, _ = browser.fill(site.page("/", "<img src=/picture>"), {}, session="call-7")
        until(lambda: site.seen("/picture"))
    seen = [line for line in logs if line["event"] == "request"]
    assert len(seen) >= 2
    assert {line["user"] for line in seen} == {visit._profile.user}
    assert visit._profile.user.startswith("session-call-7")
    assert site.connections == len(seen)
