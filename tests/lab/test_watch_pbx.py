"""Lamps and mailbox at the real PBX: over three transports, through calls, a restart and a wrong password."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from halodesk.protocol.phone_link import Account, Transport
from halodesk.runtime.agent_ports import Lamp, Mailbox
from halodesk.sip.watch.watcher import Watcher
from tests.fakes.ami import until
from tests.lab.pbx import Pbx
from tests.lab.phones import Seat

pytestmark = pytest.mark.lab


class Eyes:
    """What is told, to be waited for."""

    def __init__(self) -> None:
        self.lamps: dict[str, Lamp] = {}
        self.mailbox: Mailbox | None = None
        self._news = asyncio.Event()

    def lit(self, lamps: dict[str, Lamp]) -> None:
        self.lamps = lamps
        self._news.set()

    def box(self, mailbox: Mailbox | None) -> None:
        self.mailbox = mailbox
        self._news.set()

    async def until(self, holds: Callable[[], bool], seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def watcher(account: Account, mailbox: str | None = None) -> AsyncIterator[tuple[Watcher, Eyes]]:
    eyes = Eyes()
    made = Watcher(
        account,
        loop=asyncio.get_running_loop(),
        on_lamps=eyes.lit,
        on_mailbox=eyes.box,
        lamps="1[0-9]{3}|9999",
        mailbox=mailbox,
    )
    made.start()
    try:
        yield made, eyes
    finally:
        await made.close()


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine."""

    @functools.wraps(test)
    def run(*given: Any, **named: Any) -> None:
        asyncio.run(test(*given, **named))

    return run


@pytest.mark.parametrize("transport", ["udp", pytest.param("tcp", marks=pytest.mark.slow), "tls"])
@on_loop
async def test_a_lamp_follows_a_call(pbx: Pbx, agent: Seat, caller: Seat, transport: Transport) -> None:
    async with watcher(pbx.account("1006", transport=transport)) as (watch, eyes):
        watch.watch(["1001", "1002", "not a number"])
        await eyes.until(lambda: eyes.lamps == {"1001": "idle", "1002": "idle"})
        agent.forget()
        await asyncio.to_thread(caller.dial, "1001", key=f"c-{transport}", account="1002")
        await eyes.until(lambda: eyes.lamps["1001"] == "ringing")
        await asyncio.to_thread(agent.answer)
        await eyes.until(lambda: eyes.lamps == {"1001": "talking", "1002": "talking"})
        await asyncio.to_thread(caller.hang_up, f"c-{transport}")
        await eyes.until(lambda: eyes.lamps == {"1001": "idle", "1002": "idle"})
    assert "1001" not in await asyncio.to_thread(pbx.cli, "pjsip show subscriptions inbound")


@on_loop
async def test_a_number_the_pbx_does_not_know_stays_unknown(pbx: Pbx, agent: Seat) -> None:
    async with watcher(pbx.account("1006")) as (watch, eyes):
        watch.watch(["9999", "1001"])  # 1001 is registered: a line that has left is idle or away, by its past
        await eyes.until(lambda: eyes.lamps.get("1001") == "idle")
        assert eyes.lamps["9999"] == "unknown"


@on_loop
async def test_messages_are_counted(pbx: Pbx) -> None:
    async with watcher(pbx.account("1004"), mailbox="1004") as (_, eyes):
        await eyes.until(lambda: eyes.mailbox is not None)
        assert eyes.mailbox == Mailbox(waiting=False)
        inbox = pbx.folder / "var/spool/voicemail/default/1004/INBOX"
        inbox.mkdir(parents=True)
        (inbox / "msg0000.txt").write_text("[message]\norigmailbox=1004\nduration=2\n")
        (inbox / "msg0000.wav").write_bytes(b"")
        await asyncio.to_thread(pbx.cli, "voicemail reload")
        await eyes.until(lambda: eyes.mailbox == Mailbox(waiting=True, new=1))


@on_loop
async def test_a_wrong_password_is_not_tried_again_and_again(pbx: Pbx) -> None:
    account = replace(pbx.account("1006"), password="wrong")
    async with watcher(account) as (watch, eyes):
        watch.watch(["1001"])

        def given_up() -> bool:
            due = watch._numbers["1001"][0].due if watch._numbers else None
            return due is not None and due > asyncio.get_running_loop().time() + 100

        await until(given_up)
        assert eyes.lamps == {"1001": "unknown"}


@pytest.mark.slow
@on_loop
async def test_the_lamps_come_back_after_a_restart(pbx: Pbx, tmp_path: Path) -> None:
    async with watcher(pbx.account("1006", transport="tcp")) as (watch, eyes):
        watch.watch(["1003"])
        await eyes.until(lambda: eyes.lamps.get("1003") == "idle")
        await asyncio.to_thread(pbx.down)
        await eyes.until(lambda: eyes.lamps.get("1003") == "unknown")
        await asyncio.to_thread(pbx.up)
        await eyes.until(lambda: eyes.lamps.get("1003") == "idle", 60)
