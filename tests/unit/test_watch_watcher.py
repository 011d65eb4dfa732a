"""The watcher against a PBX of datagrams that loses, forgets and asks for what it should not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from halodesk.protocol.phone_link import Account
from halodesk.runtime.agent_ports import Lamp
from halodesk.sip.watch import watcher as module
from halodesk.sip.watch.connection import peer_of
from halodesk.sip.watch.message import Message, decode, encode
from halodesk.sip.watch.watcher import Watcher


class Pbx(asyncio.DatagramProtocol):
    """Takes subscriptions; `lose` requests go unheard first."""

    def __init__(self) -> None:
        self.lose = 0
        self.asked: list[Message] = []
        self.answers: list[Message] = []
        self.news = asyncio.Event()
        self._way: asyncio.DatagramTransport | None = None
        self._peer = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._way = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._peer = addr
        if not data.strip():
            return
        message = decode(data)
        self.news.set()
        if message.status:
            self.answers.append(message)
            return
        self.asked.append(message)
        if self.lose:
            self.lose -= 1
            return
        copied = [(name, message.get(name)) for name in ("via", "from", "call-id", "cseq")]
        to = message.get("to")
        self.send(
            encode(
                "SIP/2.0 200 OK",
                [
                    *copied,
                    ("To", to if "tag=" in to else f"{to};tag=pbx"),
                    ("Expires", message.get("expires")),
                ],
            )
        )
        if message.get("expires") != "0":
            self.notify(message, "confirmed")

    def notify(self, asked: Message, state: str, tag: str = "") -> None:
        body = (
            '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" '
            f'version="{len(self.asked)}" state="full">'
            f'<dialog id="a" direction="recipient"><state>{state}</state></dialog></dialog-info>'
        )
        headers = [
            ("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKn"),
            ("From", f"{asked.get('to')};tag=pbx"),
            ("To", f"<sip:x>;tag={tag or asked.tag('from')}"),
            ("Call-ID", asked.get("call-id")),
            ("CSeq", f"{asked.cseq} NOTIFY"),
            ("Event", "dialog"),
            ("Contact", "<sip:pbx>"),
            ("Subscription-State", "active;expires=300"),
        ]
        self.send(encode("NOTIFY sip:x SIP/2.0", headers, body.encode()))

    def send(self, data: bytes) -> None:
        assert self._way is not None
        self._way.sendto(data, self._peer)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def watching() -> AsyncIterator[tuple[Pbx, Watcher, dict[str, Lamp]]]:
    loop = asyncio.get_running_loop()
    transport, pbx = await loop.create_datagram_endpoint(Pbx, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    lamps: dict[str, Lamp] = {}

    def lit(found: dict[str, Lamp]) -> None:
        lamps.clear()
        lamps.update(found)
        pbx.news.set()

    made = Watcher(
        Account(key="main", uri="sip:1006@pbx.test", registrar=f"127.0.0.1:{port}", username="1006"),
        loop=loop,
        on_lamps=lit,
        on_mailbox=lambda box: None,
        lamps="1[0-9]{3}",
    )
    made.start()
    try:
        yield pbx, made, lamps
    finally:
        await made.close()
        transport.close()


def test_a_lost_request_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "T1_S", 0.02)

    async def scene() -> None:
        async with watching() as (pbx, watch, lamps):
            pbx.lose = 2
            watch.watch(["1001"])
            await pbx.until(lambda: lamps == {"1001": "talking"})
            assert len({one.get("via") for one in pbx.asked}) == 1, "the same request, not another"
            assert len(pbx.asked) == 3

    asyncio.run(scene())


def test_what_leaves_sight_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_S", 0.05)

    async def scene() -> None:
        async with watching() as (pbx, watch, lamps):
            watch.watch(["1001", "5551234", "sip:evil@x\r\n"])
            await pbx.until(lambda: lamps == {"1001": "talking"})
            watch.watch([])
            await pbx.until(lambda: pbx.asked[-1].get("expires") == "0")
            assert lamps == {}

    asyncio.run(scene())


def test_what_is_asked_of_it_is_refused() -> None:
    async def scene() -> None:
        async with watching() as (pbx, watch, lamps):
            watch.watch(["1001"])
            await pbx.until(lambda: lamps == {"1001": "talking"})
            pbx.answers.clear()
            pbx.notify(pbx.asked[0], "early", tag="somebody-else")
            await pbx.until(lambda: bool(pbx.answers))
            assert pbx.answers[0].status == 481
            invite = [("Via", "SIP/2.0/UDP x;branch=z9hG4bKi"), ("CSeq", "1 INVITE"), ("Call-ID", "i")]
            pbx.send(b"junk")
            pbx.send(encode("INVITE sip:x SIP/2.0", invite))
            await pbx.until(lambda: len(pbx.answers) == 2)
            assert pbx.answers[1].status == 405
            assert lamps == {"1001": "talking"}

    asyncio.run(scene())


def test_a_pbx_that_is_back_is_asked_anew() -> None:
    async def scene() -> None:
        async with watching() as (pbx, watch, lamps):
            watch.watch(["1001"])
            await pbx.until(lambda: lamps == {"1001": "talking"})
            first = pbx.asked[0].get("call-id")
            watch.renew()
            await pbx.until(lambda: pbx.asked[-1].get("call-id") != first and lamps == {"1001": "talking"})
            watch.reconnect()
            ports = {one.get("via").partition(";")[0] for one in pbx.asked}
            await pbx.until(lambda: len({one.get("via").partition(";")[0] for one in pbx.asked}) > len(ports))

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("more", "peer"),
    [
        ({}, ("pbx.test", 5060)),
        ({"registrar": "sip:10.0.0.1:5070;lr"}, ("10.0.0.1", 5070)),
        ({"registrar": "10.0.0.1", "transport": "tls"}, ("10.0.0.1", 5061)),
        ({"registrar": "10.0.0.1", "proxy": "edge.test:5080"}, ("edge.test", 5080)),
        ({"registrar": "[::1]:5070"}, ("::1", 5070)),
    ],
)
def test_the_way_to_the_pbx(more: dict[str, str], peer: tuple[str, int]) -> None:
    account = Account(key="main", uri="sip:1006@pbx.test", **more)  # type: ignore[arg-type]  # of the table above
    assert peer_of(account) == peer
