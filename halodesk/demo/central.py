"""The central server of the demo with its publisher, and a second seat, each its own process.

The first seat's sessions go up by themselves; a version that is published in mid-call has to be at
the second seat while the call of the first goes on with the version it began with.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from halodesk.crypto.metadata import Publisher
from halodesk.crypto.personal_keys import PersonalKeys
from halodesk.demo.driver import Script, Until
from halodesk.engine.errors import DemoError
from halodesk.engine.flow import Flow
from halodesk.protocol.sync import Held
from halodesk.runtime import settings as s
from halodesk.runtime.threads import IoThread
from halodesk.server import ingest, tenants
from halodesk.server.database import open_database
from halodesk.server.keys import ServerKeys
from halodesk.store.record import Record
from halodesk.store.seat_store import SeatStore
from halodesk.sync.enrol import enrol
from halodesk.sync.publisher import Outcome, PublisherClient

TENANT, TEAM, PUBLISHER = "main", "demo", "anna"
START_S, STOP_S = 30.0, 10.0
ARRIVES_S = 10.0


class ServerPart(msgspec.Struct, frozen=True, kw_only=True):
    """Of the report. `events` and `head_equal`: what the server holds of the session, beside the
    seat's own record. `arrived_ms`: from asking to publish until the second seat had the version."""

    events: int
    head_equal: bool
    seats: int
    version: int
    second_seat_version: int
    arrived_ms: float


class Central:
    """A server that runs, and the seats that belong to it."""

    def __init__(self, folder: Path, port: int, keys: PersonalKeys) -> None:
        self.folder, self.url, self.keys = folder, f"http://127.0.0.1:{port}", keys
        self.outcome: Outcome | None = None
        self.arrived_ms = 0.0

    def let_in(self, seat: Path, name: str) -> None:
        """Enrol the seat of that data folder."""
        key = ServerKeys(self.folder).identity.public
        token = str(
            self._job(lambda c: tenants.new_token(c, tenant=TENANT, team=TEAM, hours=1.0, server_key=key))
        )
        store = SeatStore(seat)
        try:
            asyncio.run(enrol(store.sync, self.url, token, name=name))
        finally:
            store.close()

    def publish(self, flow: Flow, io: IoThread, log: Path, second: SecondSeat) -> Script:
        """Publish it as its next version, once both seats hear the server, and wait until the second has it.

        `log`: that of the first one.
        """
        for name, file in (("first", log), ("second", second.folder / "logs" / "seat.log")):
            hears = partial(_has_logged, file, "push_up")
            yield Until(hears, f"the {name} seat to hear the server", START_S)
        begun = time.monotonic()
        client = PublisherClient(self.url, self.keys.load(PUBLISHER))
        asked = io.submit(client.publish(flow))
        yield Until(asked.done, "the server to take the new version", ARRIVES_S)
        outcome = self.outcome = asked.result()
        yield Until(
            lambda: second.version(flow.key) == outcome.version,
            "the new version to reach the second seat",
            ARRIVES_S,
        )
        self.arrived_ms = round((time.monotonic() - begun) * 1000, 1)

    def holds(self, session: str) -> Held:
        """How far the server has a session."""
        found: Held = self._job(lambda c: ingest.held(c, TENANT, session))
        return found

    def part(self, record: Record, second: SecondSeat) -> ServerPart:
        """What came of it, for the report."""
        held, last = self.holds(record.row.id), record.rows[-1]
        return ServerPart(
            events=held.last,
            head_equal=held == Held(last.seq, last.head),
            seats=self.outcome.seats if self.outcome else 0,
            version=self.outcome.version if self.outcome else 0,
            second_seat_version=second.version(record.row.flow),
            arrived_ms=self.arrived_ms,
        )

    def _job(self, job: Callable[[Any], Any]) -> Any:
        database = open_database(self.folder)
        try:
            return asyncio.run(database.write(job))
        finally:
            database.close()


class SecondSeat:
    """The program as it ships, in its own process, on its own data folder, without a screen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = SeatStore(folder)

    def version(self, flow: str) -> int:
        """The version that new sessions begin on there; 0 before any was published."""
        installed = self._store.sync.installed().get(flow)
        return installed.version if installed else 0

    def close(self) -> None:
        """Let go of its database."""
        self._store.close()


@contextmanager
def central(work: Path) -> Iterator[Central]:
    """A server with one publisher for the length of a `with` block. Raises `DemoError`."""
    folder = _made(work / "server")
    keys = PersonalKeys(_made(work / "keys"))
    key = keys.new(PUBLISHER)
    keys.admit(TENANT, Publisher(name=PUBLISHER, key=key.public))
    with _program(["server", "--data", str(folder), "--port", "0"], folder / "stderr.log") as process:
        made = Central(folder, _announced_port(process), keys)
        signed = keys.trust_file(TENANT).read_bytes()
        made._job(lambda c: tenants.install_trust(c, TENANT, signed))
        yield made


@contextmanager
def second_seat(work: Path, server: Central, account: s.SipAccount | None, bind: str) -> Iterator[SecondSeat]:
    """A seat of the same team, its window drawn nowhere, for the length of a `with` block."""
    folder = _made(work / "second-seat")
    server.let_in(folder, "Second seat")
    s.save(folder / "settings.json", s.Settings(agent="Robin Berg", account=account, sip_bind=bind))
    with _program(["--data", str(folder)], folder / "stderr.log", QT_QPA_PLATFORM="offscreen"):
        seat = SecondSeat(folder)
        try:
            yield seat
        finally:
            seat.close()


@contextmanager
def _program(arguments: Sequence[str], log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "halodesk.demo.tethered", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **more},
        )
    with process:
        try:
            yield process
        finally:
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _announced_port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None  # noqa: S101  # opened as a pipe above
    watchdog = threading.Timer(START_S, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
        watchdog.join()
    if not line:
        raise DemoError("The demo's server did not start.", "See work/server/stderr.log in the demo folder.")
    return int(msgspec.json.decode(line)["port"])


def _has_logged(log: Path, event: str) -> bool:
    return log.exists() and f'"{event}"'.encode() in log.read_bytes()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
