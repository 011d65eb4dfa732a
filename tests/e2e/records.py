"""A seat's folder as a test sees it from outside: its store, its logs, its phone.

The store is read by a second connection while the window writes: what is found there is durable.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from halodesk.engine import events as e
from halodesk.engine.events import AnyEvent
from halodesk.protocol.envelope import Envelope
from halodesk.store.record import Record, read
from halodesk.store.seat_store import SeatStore
from halodesk.store.sessions import SessionRow

T = TypeVar("T")
Event = TypeVar("Event")
PATIENCE_S = 20.0
POLL_S = 0.02


def until(what: str, found: Callable[[], T | None], timeout_s: float = PATIENCE_S) -> T:
    """The first answer of `found` that is not None; it is asked again until the deadline."""
    deadline = time.monotonic() + timeout_s
    while (answer := found()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:.0f} s in vain for {what}")
        time.sleep(POLL_S)
    return answer


def log_lines(path: Path) -> list[dict[str, Any]]:
    """A log so far; a line that is being written is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


class Records:
    """Reads the store of a seat that runs or ran. Open it when the seat has made its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = SeatStore(folder)

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def session(self) -> SessionRow:
        """The newest session, waited for."""
        return until("a session", lambda: next(iter(self._store.sessions.rows(limit=1)), None))

    def count(self) -> int:
        """How many sessions there are."""
        return self._store.sessions.count()[1]

    def record(self) -> Record:
        """The newest session, whole."""
        return read(self._store.sessions, self.session().id)

    def stamped(self) -> list[tuple[Envelope, AnyEvent]]:
        """Events of the newest session with their envelopes."""
        record = self.record()
        return list(zip(record.stamps, record.events, strict=True))

    def drafts(self) -> dict[tuple[str, str], Any]:
        """Half-typed input of the newest session that is on disk."""
        return self._store.sessions.drafts(self.session().id)

    def at(self, step: str, visit: int = 1, timeout_s: float = PATIENCE_S) -> None:
        """Waits until the newest session is at a visit of a step.

        The window renders a page in the same turn in which the fact is handed to the writer, so
        a key that is pressed after this comes to the new page.
        """

        def there() -> bool | None:
            rows = self._store.sessions.rows(limit=1)
            if not rows:
                return None
            entered = [event for _, event in self.stamped() if isinstance(event, e.StepEntered)]
            return (bool(entered) and (entered[-1].step, entered[-1].visit) == (step, visit)) or None

        until(f"the step {step}, visit {visit}", there, timeout_s)

    def wait(
        self,
        what: str,
        kind: type[Event],
        fits: Callable[[Event], bool] = lambda event: True,
        *,
        count: int = 1,
        timeout_s: float = PATIENCE_S,
    ) -> tuple[Envelope, Event]:
        """The `count`-th event of a kind in the newest session, past or to come."""

        def found() -> tuple[Envelope, Event] | None:
            hits = [(s, event) for s, event in self.stamped() if isinstance(event, kind) and fits(event)]
            return hits[count - 1] if len(hits) >= count else None

        return until(what, found, timeout_s)

    def mask(self, phase: str, *, count: int = 1, timeout_s: float = PATIENCE_S) -> Envelope:
        """When the mask was in a phase for the `count`-th time."""
        return self.wait(
            f"mask {phase} ({count})",
            e.MaskChanged,
            lambda event: event.phase == phase,
            count=count,
            timeout_s=timeout_s,
        )[0]

    def answers(self) -> dict[str, Any]:
        """The last accepted value of each field."""
        return {event.field: event.value for _, event in self.stamped() if isinstance(event, e.AnswerGiven)}

    def steps(self) -> list[str]:
        """The path, step by step."""
        return [event.step for _, event in self.stamped() if isinstance(event, e.StepEntered)]


def phone_pids(folder: Path) -> list[int]:
    """Process ids of the phones a seat or a caller has had, oldest first."""
    lines = log_lines(folder / "logs" / "phone.log")
    return [int(line["pid"]) for line in lines if line["event"] == "phone_started"]


def end_phone(folder: Path) -> list[psutil.Process]:
    """Tells the phone of a folder to leave: it outlives its window. Only a process that is surely that one.

    It takes a second or two; the processes that are leaving come back.
    """
    leaving = []
    for pid in phone_pids(folder)[-1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if str(folder) in process.cmdline():
                process.terminate()
                leaving.append(process)
    return leaving


def gone(leaving: list[psutil.Process], timeout_s: float = 10.0) -> None:
    """Waits for processes that are leaving; those that do not are killed."""
    _, alive = psutil.wait_procs(leaving, timeout_s)
    for process in alive:
        process.kill()
