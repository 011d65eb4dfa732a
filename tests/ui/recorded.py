"""A seat's records for the window's tests: a real store, read by the real review on its own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal, Slot
from sqlalchemy import Connection, insert, select, text

from halodesk.crypto.signing import ERASE_TAG
from halodesk.engine import events as e
from halodesk.protocol import erasure as orders
from halodesk.store import audit_tables as a
from halodesk.store import seals
from halodesk.store import tables as t
from halodesk.store.review import SessionReview
from halodesk.store.seat_store import SeatStore
from tests.fakes.order import Run
from tests.fakes.player import SilentPlayer
from tests.fakes.records import BEGAN, SetClock, keep, new_store, order_events, recording

DAY = 86400.0


class Poster(QObject):
    """From the review's thread to the main one."""

    called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.called.connect(self._run, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def _run(self, call: Callable[[], None]) -> None:
        call()


class Recorded:
    """Four sessions: an order with sound, two short calls, one that is still open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = new_store(folder)
        self.clock = SetClock(0.0)
        order = order_events()
        self.sound = folder / "order.flac"
        kept = recording(self.sound)
        for number, (name, phone) in enumerate((("Robin Ortiz", "+14155550101"), ("", "+13105550177"))):
            began = BEGAN - (2 - number) * DAY
            keep(self.store, f"short-{number}", short(name, phone), began)
        keep(self.store, "order", [*order, (162.0, kept)])
        keep(self.store, "open", short("Sam Fox", "+12125550199")[:3], BEGAN + 3600)

    def change(self, session: str) -> None:
        """Somebody writes into the database."""
        job = text("UPDATE event SET payload = replace(payload, 'service', 'sale') WHERE session = :session")
        self.store._writer.submit(lambda c: c.execute(job, {"session": session})).result(10)

    @contextmanager
    def open(self) -> Iterator[SessionReview]:
        """A review for one window; what it still has to say when that is gone is not delivered."""
        poster = Poster()
        review = SessionReview(self.store, poster.called.emit, SilentPlayer(self.clock))
        yield review
        review.close()
        shiboken6.delete(poster)


def short(name: str, phone: str) -> list[tuple[float, e.AnyEvent]]:
    """A service call of 40 s."""
    run = Run(call=e.CallFacts(direction="in", number=phone, name=name, called="1001", sip_call_id="c"))
    begun = len(run.events)
    run.submit("call_type=service").answer(disposition="service").submit()
    return [(0.0 if at < begun else 40.0, event) for at, event in enumerate(run.events)]


def erase_answers(store: SeatStore, session: str, *, everything: bool = False) -> None:
    """Empties salt and payload, as an erasure does."""
    kind = "" if everything else '"event":"answer_given"'
    job = text(
        "UPDATE event SET salt = NULL, payload = NULL "
        "WHERE session = :session AND instr(CAST(envelope AS TEXT), :kind) > 0"
    )

    def erase(connection: Connection) -> None:
        connection.execute(job, {"session": session, "kind": kind})
        gone = connection.execute(
            select(t.event.c.seq).where(t.event.c.session == session, t.event.c.payload.is_(None))
        ).scalars()
        order = orders.ErasureOrder(
            id="1",
            seat=store.sessions.seat(),
            session=session,
            seqs=tuple(gone),
            reason="asked",
            by="x",
            at=1,
        )
        signed = orders.encode(order)
        connection.execute(
            insert(a.erasure).values(
                id="1",
                session=session,
                signed=signed,
                signature=seals.ensure_key(connection).sign(ERASE_TAG, signed),
                files=b"[]",
            )
        )

    store._writer.submit(erase).result(10)
