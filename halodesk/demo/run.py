"""`halodesk demo`: gateway, PBX, seat and caller, wired together; a person or the driver works it.

Order: sandbox gateway (its own process), Asterisk lab where it runs, the central server and a
second seat (processes of their own), the seat with its real window, the synthetic caller (its own
phone process) who dials the recorded queue, or, without a PBX, the seat directly. Everything lies
in one folder and is stopped by its own handle.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import msgspec
import structlog
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from halodesk.app import Seat, has_screen
from halodesk.demo import order_call
from halodesk.demo.central import Central, central, second_seat
from halodesk.demo.driver import Driver, Hands, Script, Until
from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.demo.gateway.child import gateway_child
from halodesk.demo.lab import RECORDED_QUEUE, SECRET, Lab, free_port
from halodesk.demo.report import Call, Report, write_report
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
from halodesk.runtime.flow_files import load_file
from halodesk.runtime.paths import resources_dir
from halodesk.runtime.threads import IoThread
from halodesk.sip.client import PhoneClient

Theme = Literal["light", "dark", "system"]

_log = structlog.get_logger("demo")

GATEWAY_SCRIPT = ("decline:insufficient_funds", "decline:do_not_honor", "approve")
AGENT, CALLER, SECOND_AGENT = "1001", "1002", "1003"
SAMPLE = resources_dir() / "flows" / "supplement-order.flow.json"
LOOPBACK = "127.0.0.1"
REGISTER_S = 20.0


def run(
    out: Path, *, headless: bool, theme: Theme, say: Callable[[str], None], lab: bool = True
) -> Report | None:
    """Run the demo; with `headless` the driver works it and the report comes back.

    Raises `DemoError` and other `HaloDeskError`s in words.
    """
    work = out / "work"
    _clear(work, out / "screenshots")
    if headless and not has_screen():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = QApplication.instance() or QApplication(sys.argv[:1])
    with ExitStack() as stack:
        state = work / "charges.jsonl"
        work.mkdir(parents=True, mode=0o700)
        gateway = stack.enter_context(gateway_child(script=GATEWAY_SCRIPT, state_file=state))
        say(f"Sandbox gateway: {gateway.base_url}")
        pbx = stack.enter_context(_pbx(say)) if lab else None
        seat_folder = work / "seat"
        seat_folder.mkdir(mode=0o700)
        found = _settings(gateway.base_url, pbx, theme, silent=headless)
        s.save(seat_folder / "settings.json", found)
        server = stack.enter_context(central(work))
        server.let_in(seat_folder, "Demo seat")
        say(f"Server: {server.url}")
        second = stack.enter_context(
            second_seat(work, server, _account(pbx, SECOND_AGENT) if pbx else None, LOOPBACK)
        )
        seat = Seat(found, seat_folder)
        failed: list[HaloDeskError] = []
        try:
            seat.start()
            seat.window.resize(1440, 900)
            caller = stack.enter_context(_caller(work / "caller", pbx, seat, say))
            hands = Hands(seat.window, seat.desk, out / "screenshots")
            if headless:

                def done(error: DemoError | None) -> None:
                    failed.extend([error] if error is not None else [])
                    app.quit()

                news = load_file(SAMPLE)
                driver = Driver(
                    order_call.order_call(
                        hands, caller.marker, lambda: server.publish(news, seat.io, second)
                    ),
                    done,
                )
            else:
                say("The caller rings. The desk is yours: F2 answers. Card 4242 4242 4242 4242, 12/30, 123.")
                say(f"Publish: halodesk flow publish FILE --server {server.url} --as anna --keys {work}/keys")
                caller.marker()
            app.exec()
            if headless:
                del driver
                if not failed:
                    _settle(app, seat, server)
        finally:
            seat.close()
        if failed:
            hands.grab("failed")
            raise failed[0]
        if not headless:
            return None
        pbx_name = pbx.version() if pbx else "direct"
        return write_report(
            out,
            seat_folder,
            call=_call(seat),
            pbx=pbx,
            pbx_name=pbx_name,
            pictures=hands.taken,
            server=lambda record: server.part(record, second),
        )


def _clear(work: Path, pictures: Path) -> None:
    """Remove what an earlier demo left, and nothing else: `--out` may name any folder of a person's."""
    if work.exists():
        if any(work.iterdir()) and not (work / "charges.jsonl").exists() and not (work / "seat").exists():
            raise DemoError(f"{work} is not of an earlier demo.", "Name another folder with --out.")
        shutil.rmtree(work)
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("[0-9][0-9]-*.png"):
        old.unlink()


def _call(seat: Seat) -> Call:
    call = seat.desk.call
    if call is None or call.answered_at is None or call.ended_at is None:
        raise DemoError("The call was not answered and ended as it should.")
    return Call(
        setup_ms=call.setup_ms, codec=call.codec, duration_s=round(call.ended_at - call.answered_at, 3)
    )


def _settle(app: QCoreApplication, seat: Seat, server: Central) -> None:
    """Let the recording close and its facts reach the record, here and at the server."""

    def kept() -> bool:
        return any(row.recording for row in seat.store.sessions.rows(limit=1))

    def sent() -> bool:
        row = seat.store.sessions.rows(limit=1)[0]
        return server.holds(row.id).last == seat.store.sessions.events(row.id)[-1].seq

    finished: list[DemoError | None] = []

    def script() -> Script:
        yield Until(kept, "the recording to be kept", 15)
        yield Until(sent, "every event to be at the server", 30)

    def done(error: DemoError | None) -> None:
        finished.append(error)
        app.quit()

    waiting = Driver(script(), done)
    app.exec()
    del waiting
    if finished and finished[0] is not None:
        raise finished[0]


@contextmanager
def _pbx(say: Callable[[str], None]) -> Iterator[Lab | None]:
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


def _settings(gateway: str, pbx: Lab | None, theme: Theme, *, silent: bool) -> s.Settings:
    account = s.SipAccount(uri=f"sip:agent@{LOOPBACK}", allowed_peers=(LOOPBACK,))
    ami = None
    if pbx is not None:
        account = _account(pbx, AGENT)
        ami = s.Ami(host=LOOPBACK, port=pbx.ami_port, username="lab", secret=SECRET)
    return s.Settings(
        agent="Kim Larsen",
        account=account,
        flows=(str(SAMPLE),),
        gateways=(s.Gateway(provider="sandbox", url=gateway, api_key=SANDBOX_API_KEY),),
        ami=ami,
        theme=theme,
        sip_bind=LOOPBACK,
        sip_port=free_port() if pbx is None else 0,
        orphan_after_s=20.0,
        desktop=Desktop(tray=False, media_keys=not silent, notifications=not silent),
        sound=s.Sound(devices="none" if silent else "auto"),  # nobody's room is recorded unattended
    )


def _account(pbx: Lab, user: str) -> s.SipAccount:
    return s.SipAccount(
        uri=f"sip:{user}@{LOOPBACK}:{pbx.sip_port}",
        registrar=f"sip:{LOOPBACK}:{pbx.sip_port}",
        username=user,
        password=SECRET,
    )


class _Caller:
    """Our hold on the caller's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def marker(self) -> None:
        """From now on the marker tone sounds."""
        if self._process.stdin is not None:
            self._process.stdin.write("marker\n")
            self._process.stdin.flush()


@contextmanager
def _caller(folder: Path, pbx: Lab | None, seat: Seat, say: Callable[[str], None]) -> Iterator[_Caller]:
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
        yield _Caller(process)
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


def as_json(report: Report) -> str:
    """The report as it is written."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
