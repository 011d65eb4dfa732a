"""A server and seats as real processes and real stores, for tests and benchmarks."""

from __future__ import annotations

import asyncio
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from halodesk.crypto.metadata import Publisher
from halodesk.crypto.personal_keys import PersonalKeys
from halodesk.crypto.signing import SigningKey
from halodesk.engine.flow import Flow, content_hash
from halodesk.protocol import log_lines
from halodesk.runtime.flow_files import load_file
from halodesk.runtime.log import SessionLog
from halodesk.runtime.paths import resources_dir
from halodesk.runtime.ports import StorageState
from halodesk.runtime.threads import SystemClock
from halodesk.server import tenants
from halodesk.server.database import open_database
from halodesk.server.keys import ServerKeys
from halodesk.store.seat_store import SeatStore
from halodesk.store.sync_store import Link
from halodesk.sync.enrol import enrol
from halodesk.sync.outbox import Outbox
from halodesk.sync.ports import Server
from halodesk.sync.publisher import Outcome, PublisherClient
from tests.server.pieces import some_events

SAMPLE = resources_dir() / "flows" / "supplement-order.flow.json"
ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "halodesk")


class Announced:
    """A child process that says one line of JSON when it is ready."""

    def __init__(self, arguments: Sequence[str], *, log: Path) -> None:
        self._arguments, self._log = list(arguments), log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        """Start and wait for its line."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT
            )
        assert self.process.stdout is not None
        watchdog = threading.Timer(30, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
            watchdog.join()
        assert line, self._log.read_text()
        said: dict[str, Any] = msgspec.json.decode(line)
        return said

    def nudge(self) -> None:
        """Write a byte to its standard input: to a seat, the news that the network is another one."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """As a crash."""
        self._end(hard=True)

    def stop(self) -> None:
        """As told by a person."""
        self._end(hard=False)

    def _end(self, *, hard: bool) -> None:
        if self.process is None:
            return
        if hard:
            self.process.kill()
        else:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None


class World:
    """A server with a publisher in a folder. `start` it; seats enrol and record."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str = "",
        arguments: Sequence[str] = (),
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.folder, self.database_url = folder, database_url
        self._command = command
        self.server_folder = folder / "server"
        self.keys = PersonalKeys(_made(folder / "keys"))
        self.publisher = self.keys.new("anna")
        self.keys.admit("main", Publisher(name="anna", key=self.publisher.public))
        self.identity = ServerKeys(_made(self.server_folder)).identity
        self.console(lambda c: tenants.install_trust(c, "main", self.keys.trust_file("main").read_bytes()))
        self._arguments = list(arguments)
        self.port = 0
        self._server: Announced | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server; again on the port it had."""
        database = ["--database", self.database_url] if self.database_url else []
        place = ["--data", str(self.server_folder), "--port", str(self.port)]
        self._server = Announced(
            [*self._command, "server", *place, *database, *self._arguments], log=self.folder / "server.log"
        )
        self.port = self._server.start()["port"]

    def kill(self) -> None:
        """Kill the server."""
        if self._server is not None:
            self._server.kill()

    def freeze(self) -> None:
        """Stop the server from running; its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._server is not None
        assert self._server.process is not None
        self._server.process.send_signal(number)

    def stop(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.stop()
        self._server = None

    def console(self, job: Any) -> Any:
        """Run a job on the server's database, as the commands do."""
        database = open_database(self.server_folder, self.database_url)
        try:
            return asyncio.run(database.write(job))
        finally:
            database.close()

    def token(self, team: str = "red", hours: float = 1.0) -> str:
        """An enrolment token."""
        return str(
            self.console(
                lambda c: tenants.new_token(
                    c, tenant="main", team=team, hours=hours, server_key=self.identity.public
                )
            )
        )

    def enrol(self, name: str, *, url: str = "", hours: float = 1.0, **how: Any) -> Path:
        """The folder of a new seat that has enrolled; `url`: by another way than straight."""
        seat = _made(self.folder / name)
        store = SeatStore(seat)
        try:
            asyncio.run(enrol(store.sync, url or self.url, self.token(hours=hours), name=name, **how))
        finally:
            store.close()
        return seat

    def publish(self, flow: Flow | None = None, *, key: SigningKey | None = None) -> Outcome:
        """Publish a flow."""
        client = PublisherClient(self.url, key or self.publisher)
        return asyncio.run(client.publish(flow or load_file(SAMPLE)))

    def seat_process(self, folder: Path, *, sessions: int, events: int, pause_s: float = 0.0) -> Announced:
        """A seat that records and syncs in a process of its own."""
        program = (sys.executable, "-m", "tests.sync.seat_process")
        return Announced(
            [*program, str(folder), str(sessions), str(events), str(pause_s)], log=self.folder / "seats.log"
        )

    def held(self) -> dict[str, bytes]:
        """The lines of every session the server holds, in order of their pieces."""
        from sqlalchemy import select

        from halodesk.server import tables as t

        chunk = t.session_chunk
        query = select(chunk.c.session, chunk.c.body).order_by(chunk.c.session, chunk.c.first_seq)

        def job(connection: Any) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for row in connection.execute(query):
                found[row.session] = found.get(row.session, b"") + bytes(row.body)
            return found

        held: dict[str, bytes] = self.console(job)
        return held


class Recorder:
    """Records sessions in a seat's folder as the desk does. Close it."""

    def __init__(self, folder: Path, on_state: Callable[[StorageState], None] = lambda state: None) -> None:
        self.store = SeatStore(folder, on_state)
        self.seat = self.store.seat()
        flow = load_file(SAMPLE)
        self._hash = content_hash(flow)
        self.store.keep_flow(flow).result(10)

    @property
    def link(self) -> Link:
        """The seat's server."""
        link = self.store.sync.link()
        assert link is not None
        return link

    def session(
        self,
        count: int,
        *,
        ended: bool = True,
        pause_s: float = 0.0,
        told: Callable[[str, int], None] = lambda session, seq: None,
    ) -> str:
        """Record a session of that many events, one after the other; its id.

        With a pause each is written by itself, and `told` hears of it once it is on disk.
        """
        log = SessionLog(session=secrets.token_hex(12), seat=self.seat, clock=SystemClock())
        facts = some_events(count, ended=ended, flow_hash=self._hash)
        if not pause_s:
            self.store.append(log.stamp(facts, flow="flow", version=3)).result(10)
        for seq, fact in enumerate(facts if pause_s else (), start=1):
            self.store.append(log.stamp([fact], flow="flow", version=3)).result(60)
            told(log.session, seq)
            time.sleep(pause_s)
        return log.session

    def lines(self) -> dict[str, bytes]:
        """The lines of every session that was recorded."""
        rows = self.store.sessions.rows(limit=100_000)
        return {row.id: log_lines.write(self.store.sessions.events(row.id)) for row in rows}

    def outbox(self, server: Server, **how: Any) -> Outbox:
        """Its outbox towards a server."""
        return Outbox(self.store.sync, server, self.link, seat=self.seat, **how)

    def close(self) -> None:
        """Write everything and let go."""
        self.store.close()


@contextmanager
def recorder(folder: Path) -> Iterator[Recorder]:
    """A recorder that is closed."""
    made = Recorder(folder)
    try:
        yield made
    finally:
        made.close()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
