"""`halodesk demo`: gateway, PBX, seat and caller, wired together; a person or the driver works it.

Order: sandbox gateway (its own process), Asterisk lab where it runs, the central server and a
second seat (processes of their own), the seat with its real window, the synthetic caller (its own
phone process) who dials the recorded queue, or, without a PBX, the seat directly. Everything lies
in one folder and is stopped by its own handle.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication

from halodesk.app import Seat, has_screen
from halodesk.demo import order_call
from halodesk.demo.central import Central, central, second_seat
from halodesk.demo.driver import Driver, Hands, Script, Until
from halodesk.demo.gateway.child import gateway_child
from halodesk.demo.report import Call, Report, write_report
from halodesk.demo.stage import (
    LOOPBACK,
    SAMPLE,
    Theme,
    lab_account,
    lab_pbx,
    seat_settings,
    synthetic_caller,
)
from halodesk.engine.errors import DemoError, HaloDeskError
from halodesk.runtime import settings as s
from halodesk.runtime.flow_files import load_file

GATEWAY_SCRIPT = ("decline:insufficient_funds", "decline:do_not_honor", "approve")
SECOND_AGENT = "1003"


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
        pbx = stack.enter_context(lab_pbx(say)) if lab else None
        seat_folder = work / "seat"
        seat_folder.mkdir(mode=0o700)
        found = seat_settings(gateway.base_url, pbx, theme, silent=headless)
        s.save(seat_folder / "settings.json", found)
        server = stack.enter_context(central(work))
        server.let_in(seat_folder, "Demo seat")
        say(f"Server: {server.url}")
        second = stack.enter_context(
            second_seat(work, server, lab_account(pbx, SECOND_AGENT) if pbx else None, LOOPBACK)
        )
        seat = Seat(found, seat_folder)
        failed: list[HaloDeskError] = []
        try:
            seat.start()
            seat.window.resize(1440, 900)
            caller = stack.enter_context(synthetic_caller(work / "caller", pbx, seat, say))
            hands = Hands(seat.window, seat.desk, out / "screenshots")
            if headless:

                def done(error: DemoError | None) -> None:
                    failed.extend([error] if error is not None else [])
                    app.exit(0)

                news = load_file(SAMPLE)
                driver = Driver(
                    order_call.order_call(
                        hands,
                        caller.marker,
                        lambda: server.publish(news, seat.io, out / "work-logs" / "demo.log", second),
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
                    settle(app, seat, server)
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


def settle(app: QCoreApplication, seat: Seat, server: Central) -> None:
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
        app.exit(0)

    waiting = Driver(script(), done)
    app.exec()
    del waiting
    if finished and finished[0] is not None:
        raise finished[0]


def as_json(report: Report) -> str:
    """The report as it is written."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
