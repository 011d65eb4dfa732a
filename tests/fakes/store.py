"""A store for tests: rows in a list, durable when the test says so."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from halodesk.engine import codec
from halodesk.engine.errors import StoreFullError
from halodesk.engine.events import AnyEvent
from halodesk.engine.flow import Flow, content_hash
from halodesk.protocol.envelope import StoredEvent


class FakeStore:
    """`EventStore` and `DeskStore`: with `hold` nothing is durable until `release`."""

    def __init__(self) -> None:
        self.rows: list[StoredEvent] = []
        self.urgent: list[bool] = []
        self.drafts: dict[tuple[str, str, str], Any] = {}
        self.flows: dict[str, Flow] = {}
        self.hold = False
        self.numbers = 0
        self._waiting: list[tuple[list[StoredEvent], Future[Any]]] = []

    def append(self, rows: Sequence[StoredEvent], *, urgent: bool = True) -> Future[Any]:
        """Done at once, or at `release`."""
        self.urgent.append(urgent)
        future: Future[Any] = Future()
        self._waiting.append((list(rows), future))
        if not self.hold:
            self.release()
        return future

    def draft(self, session: str, step: str, field: str, raw: Any) -> Future[Any]:
        """Kept at once."""
        key = (session, step, field)
        self.drafts.pop(key, None)
        if raw is not None:
            self.drafts[key] = raw
        return _done()

    def keep_flow(self, flow: Flow) -> Future[Any]:
        """Kept at once."""
        self.flows[content_hash(flow)] = flow
        return _done()

    def next_number(self) -> int:
        """One more."""
        self.numbers += 1
        return self.numbers

    def release(self) -> None:
        """All that waits is on disk now."""
        waiting, self._waiting = self._waiting, []
        for rows, future in waiting:
            self.rows += rows
            future.set_result(None)

    def die(self) -> None:
        """All that waits is on disk, and the process that would hear of it is dead."""
        waiting, self._waiting = self._waiting, []
        for rows, _ in waiting:
            self.rows += rows

    def fail(self) -> None:
        """All that waits could not be written."""
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            future.set_exception(StoreFullError("The last input could not be saved."))

    def events(self, session: str) -> list[AnyEvent]:
        """What would be found after a crash now."""
        return [codec.decode(row.payload or b"") for row in self.rows if row.session == session]


def _done() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(None)
    return future
