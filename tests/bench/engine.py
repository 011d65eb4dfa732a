"""Engine and store: replay against bare decoding, durable append."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine.core import decide
from halodesk.engine.events import AnyEvent
from halodesk.engine.evolve import evolve, fold
from halodesk.engine.flow import Flow
from halodesk.engine.session import Session
from halodesk.runtime.flow_files import load_file
from halodesk.runtime.log import SessionLog
from halodesk.runtime.paths import resources_dir
from halodesk.runtime.threads import SystemClock
from halodesk.store.seat_store import SeatStore
from tests.bench.measure import Figure, figure, seconds

SAMPLE = resources_dir() / "flows" / "supplement-order.flow.json"
ADDRESS = {"line1": "12 Ocean View Road", "city": "Santa Cruz", "region": "CA", "postal_code": "95060"}
RUNS = 9


def order_events(flow: Flow) -> list[AnyEvent]:
    """The facts of one whole order: four objections, declined twice, approved."""
    state, facts = Session(), list[AnyEvent]()

    def do(command: c.Command) -> None:
        nonlocal state
        decided = decide(flow, state, command)
        if isinstance(decided, c.Refused):
            raise ValueError(decided.message)
        for event in decided:
            state = evolve(state, event)
            facts.append(event)

    def effect() -> str:
        return next(iter(state.effects))

    do(c.Start(agent="Kim"))
    do(c.Submit(choice="call_type=order"))
    for name, raw in {"first_name": "Jordan", "last_name": "Miller", "phone": "2025550143"}.items():
        do(c.Answer(field=name, raw=raw))
    do(c.Submit())
    for objection in ("tell_me_more", "is_it_safe", "how_different", "already_take"):
        do(c.Submit(choice=f"offer_response={objection}"))
        do(c.Submit())
    do(c.Submit(choice="offer_response=yes"))
    do(c.Submit(choice="journal=true"))
    do(c.Answer(field="billing_address", raw=ADDRESS))
    do(c.Submit())
    for attempt in range(3):
        do(c.ReportMask(lease=state.mask.lease, phase="held", confirmed_by=("ours", "pbx")))
        for name in ("card_number", "card_expiry", "card_cvv"):
            do(c.EnterSecret(field=name, handle=f"payment:{name}"))
        do(c.Submit())
        do(c.Resolve(id=effect(), outcome="ok", result={"token": "t", "last4": "4242", "brand": "visa"}))
        do(
            c.Resolve(
                id=effect(), outcome="declined" if attempt < 2 else "ok", result={"reason": "No funds."}
            )
        )
        if attempt < 2:
            do(c.Submit(choice="retry_payment=true"))
            do(c.Resolve(id=effect(), outcome="ok", result={"value": attempt + 1}))
    do(c.Submit(choice="read_back=true"))
    do(c.Answer(field="disposition", raw="sale"))
    do(c.Submit())
    return facts


def figures() -> Iterator[Figure]:
    """Replay ratio, whole session through the core, durable append."""
    flow = load_file(SAMPLE)
    payloads = [codec.encode(event) for event in order_events(flow)] * 20

    def ratio() -> float:
        bare = seconds(lambda: [codec.decode(payload) for payload in payloads])
        whole = seconds(lambda: fold(codec.decode(payload) for payload in payloads))
        return bare / whole

    yield figure(
        "replay of events, as a share of the speed of bare decoding",
        [ratio() for _ in range(RUNS)],
        "ratio",
        goal=">= 0.15",
        met=lambda value: value >= 0.15,
        note=f"{len(payloads)} events",
    )
    yield figure(
        "whole 16-step order through the core",
        [seconds(lambda: order_events(flow)) * 1e3 for _ in range(RUNS)],
        "ms",
        note=f"{len(payloads) // 20} events",
    )
    yield from _append(flow)


def _append(flow: Flow) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        store = SeatStore(Path(folder))
        seat = store.seat()
        store.keep_flow(flow).result(10)
        log = SessionLog(session="bench", seat=seat, clock=SystemClock())
        events = order_events(flow)
        store.append(log.stamp(events[:1], flow=flow.key, version=flow.version)).result(10)
        spent = []
        for event in events[1:] * 2:
            rows = log.stamp([event], flow=flow.key, version=flow.version)
            spent.append(seconds(lambda rows=rows: store.append(rows).result(10)) * 1e6)  # type: ignore[misc]
        floor = [_fsync(Path(folder) / "probe") * 1e6 for _ in range(50)]
        store.close()
    yield figure("append durable, one event", spent, "us")
    yield figure("bare write and fsync of 512 bytes on the same disk", floor, "us", note="the physical floor")


def _fsync(path: Path) -> float:
    def write() -> None:
        with path.open("ab") as file:
            file.write(bytes(512))
            file.flush()
            os.fsync(file.fileno())

    return seconds(write)
