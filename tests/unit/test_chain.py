"""The salted chain: frozen vectors, every flipped byte found, erasure allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from halodesk.crypto import chain
from halodesk.engine import events as e
from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.log import SessionLog, Verdict, verify
from tests.fakes.order import Run

VECTORS = Path(__file__).resolve().parents[1] / "histories" / "chain-vectors.json"


class Still:
    """A clock that stands still."""

    def wall(self) -> float:
        return 1_800_000_000.25

    def mono(self) -> float:
        return 17.5


def log(session: str = "s1") -> SessionLog:
    return SessionLog(session=session, seat="seat-1", clock=Still())


def rows() -> list[StoredEvent]:
    """A short real session, closed."""
    run = Run()
    run.submit("call_type=service").answer(disposition="service").submit()
    return log().stamp(run.events, flow="supplement-order", version=9)


ROWS = rows()


def test_frozen_vectors() -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    head = chain.genesis(vectors["session"])
    assert head.hex() == vectors["genesis"]
    for link in vectors["links"]:
        leaf = chain.leaf(bytes.fromhex(link["salt"]), link["payload"].encode())
        assert leaf.hex() == link["leaf"]
        head = chain.link(head, link["seq"], link["envelope"].encode(), leaf)
        assert head.hex() == link["head"]


def test_salts_are_fresh() -> None:
    assert len({chain.new_salt() for _ in range(100)}) == 100
    assert len(chain.new_salt()) == chain.SALT_BYTES
    assert len({row.salt for row in ROWS}) == len(ROWS)


def test_sessions_begin_differently() -> None:
    assert chain.genesis("a") != chain.genesis("b")


def test_a_whole_chain_holds() -> None:
    verdict = verify("s1", ROWS, closed=True)
    assert verdict == Verdict(
        ok=True, events=len(ROWS), erased=0, head=ROWS[-1].head.hex(), message="The chain holds."
    )


def test_a_log_is_taken_up_where_it_ended() -> None:
    first = log().stamp([e.NoteAdded(text="a")], flow="f", version=1)
    again = SessionLog(session="s1", seat="seat-1", clock=Still(), seq=first[-1].seq, head=first[-1].head)
    second = again.stamp([e.NoteAdded(text="b")], flow="f", version=1)
    assert verify("s1", [*first, *second]).ok


def flips(data: bytes) -> list[bytes]:
    return [
        bytes(c ^ (0x01 if at == place else 0) for at, c in enumerate(data)) for place in range(len(data))
    ]


@pytest.mark.parametrize("column", ["envelope", "leaf", "head", "salt", "payload"])
@pytest.mark.parametrize("index", range(len(ROWS)))
def test_any_flipped_byte_of_any_column_of_any_row_is_found_where_it_is(column: str, index: int) -> None:
    for flipped in flips(getattr(ROWS[index], column)):
        forged = [*ROWS]
        forged[index] = replace(ROWS[index], **{column: flipped})
        verdict = verify("s1", forged)
        assert not verdict.ok
        assert verdict.broken_at == index + 1
        assert f"Event {index + 1}:" in verdict.message


@pytest.mark.parametrize("seq", [0, -1, 2, 7, 2**63, 2**70])
def test_a_changed_number_is_found(seq: int) -> None:
    verdict = verify("s1", [replace(ROWS[0], seq=seq), *ROWS[1:]])
    assert (verdict.ok, verdict.broken_at) == (False, 1)


def test_another_session_is_found() -> None:
    assert verify("s1", [replace(ROWS[0], session="s2"), *ROWS[1:]]).broken_at == 1
    assert verify("s2", ROWS).broken_at == 1
    moved = [replace(row, session="s2") for row in ROWS]
    assert verify("s2", moved).broken_at == 1


def swap(found: list[StoredEvent]) -> list[StoredEvent]:
    return [found[0], found[2], found[1], *found[3:]]


def renumbered(found: list[StoredEvent]) -> list[StoredEvent]:
    return [replace(row, seq=index) for index, row in enumerate(swap(found), start=1)]


@pytest.mark.parametrize(
    ("change", "at"),
    [
        (lambda found: found[1:], 1),
        (lambda found: [*found[:3], *found[4:]], 4),
        (swap, 2),
        (renumbered, 2),
        (lambda found: [*found[:2], found[1], *found[2:]], 3),
        (lambda found: [], 1),
        (lambda found: found[:-1], len(ROWS)),
        (lambda found: found[:3], 4),
    ],
)
def test_missing_reordered_doubled_and_truncated_rows_are_found(
    change: Callable[[list[StoredEvent]], list[StoredEvent]], at: int
) -> None:
    verdict = verify("s1", change(ROWS), closed=True)
    assert (verdict.ok, verdict.broken_at) == (False, at)


def test_a_payload_in_place_of_another_is_found() -> None:
    """Even with its own salt and leaf: the leaf is in the chain."""
    other = ROWS[2]
    forged = replace(ROWS[1], salt=other.salt, payload=other.payload, leaf=other.leaf)
    assert verify("s1", [ROWS[0], forged, *ROWS[2:]]).broken_at == 2


def test_a_kind_that_differs_from_its_envelope_is_found() -> None:
    """A chain made anew by who holds no key at all, with a lie in the envelope."""
    forged = log()
    row = forged.stamp([e.NoteAdded(text="a")], flow="f", version=1)[0]
    payload = b'{"event":"incident","code":"x","message":"y"}'
    leaf = chain.leaf(row.salt or b"", payload)
    head = chain.link(chain.genesis("s1"), 1, row.envelope, leaf)
    verdict = verify("s1", [replace(row, payload=payload, leaf=leaf, head=head)])
    assert "another kind" in verdict.message


def test_events_of_a_newer_version_still_verify() -> None:
    salt, payload = chain.new_salt(), b'{"event":"note_added","text":"a","mood":"new","more":{}}'
    row = log().stamp([e.NoteAdded(text="a")], flow="f", version=1)[0]
    leaf = chain.leaf(salt, payload)
    head = chain.link(chain.genesis("s1"), 1, row.envelope, leaf)
    assert verify("s1", [replace(row, salt=salt, payload=payload, leaf=leaf, head=head)]).ok


def erased(row: StoredEvent) -> StoredEvent:
    return replace(row, salt=None, payload=None)


@pytest.mark.parametrize("index", range(len(ROWS)))
def test_an_erased_payload_leaves_the_chain_valid(index: int) -> None:
    verdict = verify("s1", [*ROWS[:index], erased(ROWS[index]), *ROWS[index + 1 :]], closed=True)
    assert (verdict.ok, verdict.erased) == (True, 1)
    assert verdict.head == ROWS[-1].head.hex()


def test_everything_erased_is_still_a_chain() -> None:
    assert verify("s1", [erased(row) for row in ROWS], closed=True).erased == len(ROWS)


@pytest.mark.parametrize("kept", ["salt", "payload"])
def test_half_an_erasure_is_none(kept: str) -> None:
    half = replace(erased(ROWS[1]), **{kept: getattr(ROWS[1], kept)})
    assert "in part" in verify("s1", [ROWS[0], half, *ROWS[2:]]).message


@settings(max_examples=60)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=6), st.data())
def test_any_log_verifies_until_it_is_touched(texts: list[str], data: st.DataObject) -> None:
    made = log().stamp([e.NoteAdded(text=text) for text in texts], flow="f", version=1)
    assert verify("s1", made).ok
    index = data.draw(st.integers(0, len(made) - 1))
    column = data.draw(st.sampled_from(["envelope", "leaf", "head", "salt", "payload"]))
    value = bytearray(getattr(made[index], column))
    place = data.draw(st.integers(0, len(value) - 1))
    value[place] ^= data.draw(st.integers(1, 255))
    made[index] = replace(made[index], **{column: bytes(value)})
    assert verify("s1", made).broken_at == index + 1
