"""Recorded sessions for tests: real events of the sample flow, stamped by a clock one sets."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import soundfile
from msgspec.structs import replace

from halodesk.crypto.keystore import Status, load_key
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.flow import content_hash
from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.log import SessionLog
from halodesk.store.seat_store import SeatStore
from tests.fakes.order import Run, sample

RATE = 8000
BEGAN = 1_795_000_000.0


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self, at: float = BEGAN) -> None:
        self.at = at

    def wall(self) -> float:
        return self.at

    def mono(self) -> float:
        return self.at


@cache
def _empty_seat() -> tuple[Path, tuple[bytes, Status]]:
    folder = Path(tempfile.mkdtemp(prefix="halodesk-seat-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    store = SeatStore(folder)
    store.seat()
    store.close()
    return folder, load_key(folder)


def new_store(folder: Path) -> SeatStore:
    """A new seat's store in `folder`: a copy, as making tables and key takes longer than a test."""
    empty, key = _empty_seat()
    shutil.copytree(empty, folder, dirs_exist_ok=True)
    with patch("halodesk.store.seat_store.load_key", return_value=key):
        return SeatStore(folder)


def order_events() -> list[tuple[float, e.AnyEvent]]:
    """A whole order with a declined card, a note and an incident; seconds from the beginning."""
    run = Run(call=e.CallFacts(
        direction="in", number="+12025550143", name="Jordan Miller", called="8005550142", sip_call_id="call-1"
    ))  # fmt: skip
    timed: list[tuple[float, e.AnyEvent]] = []

    def upto(at_s: float) -> None:
        timed.extend((at_s, event) for event in run.events[len(timed) :])

    upto(0.0)
    run.submit("call_type=order")
    upto(14.0)
    for at_s, (name, value) in zip(
        (20.0, 26.0, 34.0, 41.0),
        {
            "first_name": "Jordan",
            "last_name": "Miller",
            "phone": "202 555 0143",
            "email": "jo@example.com",
        }.items(),
        strict=True,
    ):
        run.answer(**{name: value})
        upto(at_s)
    run.submit()
    upto(44.0)
    run.submit("offer_response=yes")
    upto(71.0)
    run.submit("journal=false")
    upto(83.0)
    run.do(c.AddNote(text="Prefers a call back in the afternoon"))
    upto(90.0)
    run.answer(billing_address={
        "line1": "12 Ocean View Road", "city": "Santa Cruz", "region": "CA", "postal_code": "95060"
    })  # fmt: skip
    upto(110.0)
    run.submit()
    upto(112.0)
    run.mask("held", positions={"call-1": int(112.4 * RATE)})
    upto(112.4)
    run.do(
        *(
            c.EnterSecret(field=name, handle=f"payment:{name}")
            for name in ("card_number", "card_expiry", "card_cvv")
        )
    )
    upto(131.0)
    run.events.append(
        e.Incident(code="pan", message="A card number was typed into a plain field.", step=run.at)
    )
    upto(132.0)
    run.submit()
    upto(133.0)
    run.resolve("ok", token="tok_1", last4="4242", brand="visa")
    upto(134.0)
    if run.state.mask.phase == "releasing":
        run.mask("none")
    upto(135.0)
    run.resolve(charge_id="ch_1")
    upto(137.0)
    run.submit("read_back=true")
    upto(150.0)
    run.do(c.LoseCall(reason="Ended by the agent", by="agent"))
    upto(155.0)
    run.answer(disposition="sale").submit()
    upto(161.0)
    return timed


def stamped(
    session: str, timed: Iterable[tuple[float, e.AnyEvent]], began: float = BEGAN
) -> list[StoredEvent]:
    """Rows of a log, each with its own time."""
    clock = SetClock()
    log = SessionLog(session=session, seat="seat-1", clock=clock)
    rows: list[StoredEvent] = []
    for at_s, event in timed:
        clock.at = began + at_s
        rows += log.stamp([event], flow="supplement-order", version=1)
    return rows


def recording(
    path: Path, seconds: float = 155.0, masked: tuple[float, float] = (112.4, 134.0)
) -> e.RecordingKept:
    """A stereo FLAC with two voices that take turns, silent where it was masked."""
    t = np.arange(int(seconds * RATE)) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 220 * t)
    turn = np.sin(2 * np.pi * t / 9) > 0
    breath = 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * t / 1.3) * np.sin(2 * np.pi * t / 5.1))
    both = np.stack([tone * turn * breath, 0.7 * tone * ~turn * breath], axis=1)
    first, last = (int(at * RATE) for at in masked)
    both[first:last] = 0
    soundfile.write(path, both, RATE, format="FLAC", subtype="PCM_16")
    return e.RecordingKept(
        path=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        sample_rate=RATE,
        samples=len(t),
        windows=((first, last),),
    )


def keep(
    store: SeatStore, session: str, timed: Iterable[tuple[float, e.AnyEvent]], began: float = BEGAN
) -> None:
    """Writes a session as a seat does, its flow version with it."""
    flow = sample()
    store.keep_flow(flow).result(10)
    rows: list[tuple[float, e.AnyEvent]] = []
    for at_s, event in timed:
        if isinstance(event, e.SessionStarted):
            event = replace(event, flow_hash=content_hash(flow))
        rows.append((at_s, event))
    store.append(stamped(session, rows, began)).result(10)
