"""What a demo and a test of leaks are played on: PBX, settings of the seat, the synthetic caller."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from halodesk.app import Seat
from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.demo.lab import RECORDED_QUEUE, SECRET, Lab, free_port
from halodesk.engine.errors import DemoError, HaloDeskError
from halodesk.protocol.phone_link import (
    Account,
    Dial,
    Notice,
    Register,
    RegistrationChanged,
    RegistrationState,
)
from halodesk.runtime import settings as s
from halodesk.runtime.desktop_settings import Desktop
from halodesk.runtime.paths import resources_dir
from halodesk.runtime.threads import IoThread
from halodesk.sip.client import PhoneClient

Theme = Literal["light", "dark", "system"]

AGENT, CALLER = "1001", "1002"
SAMPLE = resources_dir() / "flows" / "supplement-order.flow.json"
LOOPBACK = "127.0.0.1"
REGISTER_S = 20.0


@contextmanager
def lab_pbx(say: Callable[[str], None]) -> Iterator[Lab | None]:
    """The Asterisk lab, or None where it cannot run here."""
    with tempfile.TemporaryDirectory(prefix="halodesk-pbx-") as folder:  # short: it holds a Unix socket
        lab = Lab(Path(folder))
        try:
            lab.start()
        except DemoError as error:
            say(f"No PBX here, calling directly. {error.message}")
            yield None
            return
        say(f"PBX: {lab.version()} on loopback, port {lab.sip_port}")
        try:
            yield lab
        finally:
            lab.stop()


def seat_settings(
    gateway: str, pbx: Lab | None, theme: Theme, *, silent: bool, flow: Path = SAMPLE
) -> s.Settings:
    """A seat at the lab's PBX, or one that is called directly. `silent`: nobody sits before it."""
    account = s.SipAccount(uri=f"sip:agent@{LOOPBACK}", allowed_peers=(LOOPBACK,))
    ami = None
    if pbx is not None:
        account = lab_account(pbx, AGENT)
        ami = s.Ami(host=LOOPBACK, port=pbx.ami_port, username="lab", secret=SECRET)
    return s.Settings(
        agent="Kim Larsen",
        account=account,
        flows=(str(flow),),
        gateways=(s.Gateway(provider="sandbox", url=gateway, api_key=SANDBOX_API_KEY),),
        ami=ami,
        theme=theme,
        sip_bind=LOOPBACK,
        sip_port=free_port() if pbx is None else 0,
        orphan_after_s=20.0,
        desktop=Desktop(tray=False, media_keys=not silent, notifications=not silent),
        sound=s.Sound(devices="none" if silent else "auto"),  # nobody's room is recorded unattended
    )


def lab_account(pbx: Lab, user: str) -> s.SipAccount:
    """An endpoint of the lab."""
    return s.SipAccount(
        uri=f"sip:{user}@{LOOPBACK}:{pbx.sip_port}",
        registrar=f"sip:{LOOPBACK}:{pbx.sip_port}",
        username=user,
        password=SECRET,
    )


class CallerProcess:
    """Our hold on the caller's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def marker(self) -> None:
        """From now on the marker tone sounds."""
        if self._process.stdin is not None:
            self._process.stdin.write("marker\n")
            self._process.stdin.flush()


@contextmanager
def synthetic_caller(
    folder: Path, pbx: Lab | None, seat: Seat, say: Callable[[str], None]
) -> Iterator[CallerProcess]:
    """A caller in a process of his own, who dials the seat."""
    folder.mkdir(mode=0o700)
    with (folder / "stderr.log").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "halodesk.demo.caller", "--data", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
    io = IoThread()
    try:
        client = io.submit(_dial(io, folder, pbx, seat)).result(60)
        say(f"The caller dials {RECORDED_QUEUE + ' (recorded queue)' if pbx else 'the seat'}.")
        yield CallerProcess(process)
        io.submit(client.quit()).result(10)
    finally:
        io.close()
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _dial(io: IoThread, folder: Path, pbx: Lab | None, seat: Seat) -> PhoneClient:
    """Attach to the caller's phone, register it, wait until the seat is reachable, and dial."""
    registered = asyncio.Event()

    def notice(found: Notice) -> None:
        if isinstance(found, RegistrationChanged) and found.registration.state == "registered":
            registered.set()

    deadline = io.loop.time() + REGISTER_S
    while True:
        try:
            client = await PhoneClient.attach(folder, on_notice=notice, on_away=lambda error: None)
            break
        except HaloDeskError:
            if io.loop.time() > deadline:
                raise
            await asyncio.sleep(0.1)
    if pbx is None:
        await client.request(Register(account=Account(key="caller", uri=f"sip:jordan@{LOOPBACK}")))
        to = f"sip:agent@{LOOPBACK}:{seat.settings.sip_port}"
        await _seat_reachable(seat, "unregistered", deadline, io)
    else:
        account = Account(
            key="caller",
            uri=f"sip:{CALLER}@{LOOPBACK}:{pbx.sip_port}",
            registrar=f"sip:{LOOPBACK}:{pbx.sip_port}",
            username=CALLER,
            password=SECRET,
        )
        await client.request(Register(account=account))
        async with asyncio.timeout(REGISTER_S):
            await registered.wait()
        to = RECORDED_QUEUE
        await _seat_reachable(seat, "registered", deadline, io)
    await client.request(Dial(call="demo", account="caller", to=to))
    return client


async def _seat_reachable(seat: Seat, state: RegistrationState, deadline: float, io: IoThread) -> None:
    """Wait for the seat's account: "unregistered" is one that takes calls without a registrar."""
    while not any(found.state == state for found in seat.keeper.registrations):
        if io.loop.time() > deadline:
            raise DemoError("The seat's line is not ready.", "See the seat's logs in the demo folder.")
        await asyncio.sleep(0.05)
