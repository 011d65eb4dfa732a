"""The audit chain: a step, a long session verified, a seal; against the bare hashes of the same bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence

from halodesk.crypto import chain
from halodesk.crypto.signing import SEAL_TAG, SigningKey
from halodesk.engine.flow import Flow
from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.flow_files import load_file
from halodesk.runtime.log import SessionLog, verify
from halodesk.runtime.threads import SystemClock
from tests.bench.engine import SAMPLE, order_events
from tests.bench.measure import Figure, figure, seconds

EVENTS = 10_000
RUNS = 7
SESSION = "0123456789abcdef01234567"


def long_session(flow: Flow) -> list[StoredEvent]:
    """The events of a whole order, again and again, as one chain."""
    facts = order_events(flow)
    log = SessionLog(session=SESSION, seat="seat-bench", clock=SystemClock())
    rows: list[StoredEvent] = []
    while len(rows) < EVENTS:
        rows += log.stamp(facts[: EVENTS - len(rows)], flow=flow.key, version=flow.version)
    return rows


def bare(rows: Sequence[StoredEvent]) -> None:
    """The hashes alone: SHA-256 of the envelope, HMAC of the payload, SHA-256 of the link."""
    for row in rows:
        leaf = hmac.digest(row.salt or b"", row.payload or b"", hashlib.sha256)
        inner = hashlib.sha256(row.envelope).digest()
        hashlib.sha256(b"HDCHAIN1" + row.head + row.seq.to_bytes(8, "big") + inner + leaf).digest()


def steps(rows: Sequence[StoredEvent]) -> None:
    """One step of the chain an event: leaf and link."""
    head = chain.genesis(SESSION)
    for row in rows:
        head = chain.link(head, row.seq, row.envelope, chain.leaf(row.salt or b"", row.payload or b""))


def figures() -> Iterator[Figure]:
    """Chain step, verify, seal."""
    rows = long_session(load_file(SAMPLE))
    took: dict[str, list[float]] = {"bare": [], "steps": [], "verify": []}
    for _ in range(RUNS):
        took["bare"].append(seconds(lambda: bare(rows)))
        took["steps"].append(seconds(lambda: steps(rows)))
        took["verify"].append(seconds(lambda: verify(SESSION, rows)))
    step = [spent / EVENTS * 1e6 for spent in took["steps"]]
    yield figure("audit chain: one step", step, "µs", note="leaf and link of one event")
    ratio = [ours / peer for ours, peer in zip(took["steps"], took["bare"], strict=True)]
    yield figure(
        "audit chain: one step / bare SHA-256 and HMAC", ratio, "times", goal="<= 1.5", met=lambda r: r <= 1.5
    )
    yield figure(f"audit chain: verify {EVENTS:,} events", [v * 1e3 for v in took["verify"]], "ms")
    ratio = [ours / peer for ours, peer in zip(took["verify"], took["bare"], strict=True)]
    note = "with every envelope and payload decoded"
    yield figure("audit chain: verify / bare SHA-256 and HMAC", ratio, "times", note=note)
    key, head = SigningKey.new(), rows[-1].head
    sealed = [
        seconds(lambda: [key.sign(SEAL_TAG, "seat", SESSION, 7, EVENTS, head, 1) for _ in range(200)]) / 200
        for _ in range(RUNS)
    ]
    yield figure("audit chain: sign a seal (Ed25519)", [spent * 1e6 for spent in sealed], "µs")
