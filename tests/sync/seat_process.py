"""A seat without a window: records sessions and syncs, says what comes in. For tests and benchmarks.

    seat_process.py FOLDER SESSIONS EVENTS PAUSE

Prints {"ready": …}, then a line for each version that comes in, for each event that is on disk
({"kept": session, "seq": …}) and each session that is whole, and for how it stands with the server
({"state": …} or {"waits": true}) and with the disk ({"storage": …}). A byte on its standard input is the
news that the network is another one. Ends when its standard input does.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from halodesk.engine.flow import Flow
from halodesk.runtime import logs
from halodesk.runtime.ports import SyncState
from halodesk.runtime.threads import IoThread
from halodesk.sync.service import SyncService
from tests.sync.world import Recorder


def say(**what: Any) -> None:
    """One line of JSON; whole, whatever thread it comes from."""
    sys.stdout.write(msgspec.json.encode(what | {"at": time.time()}).decode() + "\n")
    sys.stdout.flush()


def main(folder: Path, sessions: int, events: int, pause_s: float) -> None:
    """Record and sync until standard input ends."""
    logs.set_up(folder / "logs", "seat")
    seat = Recorder(folder, lambda state: say(storage=state.state, message=state.message))
    io = IoThread()

    def told(state: SyncState) -> None:
        if state.state in ("sent", "trouble"):
            say(state=state.state, message=state.message, connected=service.push.connected)
        elif state.state == "waiting" and state.message:
            say(waits=True, message=f"{state.message} {state.todo}")

    def arrived(flow: Flow) -> None:
        say(flow=flow.key, version=flow.version)

    service = SyncService(
        seat.store.sync,
        seat.link,
        seat=seat.seat,
        on_flow=arrived,
        on_state=told,
        on_refused=lambda error: say(refused=str(error)),
    )
    running = io.submit(service.run())
    say(ready=seat.seat)

    def record() -> None:
        for _ in range(sessions):
            kept = seat.session(events, pause_s=pause_s, told=lambda session, seq: say(kept=session, seq=seq))
            say(session=kept)
            io.call(service.wake)

    threading.Thread(target=record, daemon=True).start()
    while sys.stdin.buffer.read(1):
        io.call(service.wake)
        io.call(service.retry)
    running.cancel()
    with suppress(CancelledError, TimeoutError):
        running.result(5)
    io.close()
    seat.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
