"""A rogue agent edits the log: every single byte of a stored session is flipped, and each is noticed."""

from __future__ import annotations

from msgspec.structs import replace

from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.log import verify
from tests.fakes.order import Run
from tests.unit.test_chain import log


def flipped(row: StoredEvent, name: str, index: int, bit: int) -> StoredEvent:
    value = bytearray(getattr(row, name))
    value[index] ^= 1 << bit
    return replace(row, **{name: bytes(value)})


def test_any_byte_of_any_column_breaks_the_record_at_its_event() -> None:
    run = Run().to_offer()
    rows = log("s1").stamp(run.events, flow=run.flow.key, version=run.flow.version)
    assert verify("s1", rows).ok
    tried = 0
    for at, row in enumerate(rows):
        for name in ("envelope", "payload", "salt", "leaf", "head"):
            for index in range(len(getattr(row, name))):
                changed = flipped(row, name, index, (index + at) % 8)
                verdict = verify("s1", [*rows[:at], changed])  # what comes after cannot mend it
                assert not verdict.ok, f"event {row.seq}, {name}, byte {index}"
                assert verdict.broken_at == row.seq
                tried += 1
    assert tried > 2000


def test_rows_taken_out_swapped_or_doubled() -> None:
    run = Run().to_offer()
    rows = log("s1").stamp(run.events, flow=run.flow.key, version=run.flow.version)
    for at in range(len(rows) - 1):
        taken = [*rows[:at], *rows[at + 1 :]]
        swapped = [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]
        doubled = [*rows[: at + 1], rows[at], *rows[at + 1 :]]
        for forged in (taken, swapped, doubled):
            assert verify("s1", forged).broken_at in (at + 1, at + 2)
