"""Every frozen session of every release still reads, verifies and leads to the same state.

One folder a release, written once by `tests.histories.make` and never again.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.flow import content_hash, load
from halodesk.engine.page import page
from halodesk.engine.replay import frames
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.log import verify
from halodesk.store.record import json_lines

HERE = Path(__file__).resolve().parent
RELEASES = sorted(path.parent for path in HERE.glob("*/order.jsonl"))


class Line(msgspec.Struct, frozen=True):
    """One line of an export; the exact bytes of envelope and payload."""

    envelope: msgspec.Raw
    payload: msgspec.Raw
    salt: str
    leaf: str
    head: str


def rows(folder: Path) -> list[StoredEvent]:
    found = []
    for text in (folder / "order.jsonl").read_bytes().splitlines():
        line = msgspec.json.decode(text, type=Line)
        stamped = envelopes.decode(bytes(line.envelope))
        found.append(
            StoredEvent(
                session=stamped.session,
                seq=stamped.seq,
                envelope=bytes(line.envelope),
                leaf=bytes.fromhex(line.leaf),
                head=bytes.fromhex(line.head),
                salt=base64.b64decode(line.salt),
                payload=bytes(line.payload),
            )
        )
    return found


def events(folder: Path) -> list[e.AnyEvent]:
    return [codec.decode(row.payload or b"") for row in rows(folder)]


def within(frozen: Any, now: Any) -> bool:
    """What was frozen is still so; a later release may know more."""
    if isinstance(frozen, dict) and isinstance(now, dict):
        return all(key in now and within(value, now[key]) for key, value in frozen.items())
    if isinstance(frozen, list) and isinstance(now, list):
        return len(frozen) == len(now) and all(within(a, b) for a, b in zip(frozen, now, strict=True))
    return bool(frozen == now)


def test_there_are_frozen_sessions() -> None:
    assert RELEASES


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.name)
class TestRelease:
    """All of one release."""

    def test_the_chain_holds(self, folder: Path) -> None:
        found = rows(folder)
        assert verify(found[0].session, found, closed=True).ok

    def test_an_export_is_the_same_again(self, folder: Path) -> None:
        assert json_lines(rows(folder)) == (folder / "order.jsonl").read_text(encoding="utf-8")

    def test_the_events_lead_to_the_same_state(self, folder: Path) -> None:
        frozen = json.loads((folder / "order.state.json").read_bytes())
        now = msgspec.to_builtins(fold(events(folder)))
        assert within(frozen, json.loads(msgspec.json.encode(now)))

    def test_events_are_encoded_as_they_were(self, folder: Path) -> None:
        """The payload of the same event must not change its bytes: servers compare them."""
        for row in rows(folder):
            assert codec.encode(codec.decode(row.payload or b"")) == row.payload

    def test_the_session_ran_on_this_flow(self, folder: Path) -> None:
        flow = load((folder / "order.flow.json").read_bytes())
        started = events(folder)[0]
        assert isinstance(started, e.SessionStarted)
        assert started.flow_hash == content_hash(flow)

    def test_every_page_can_be_shown(self, folder: Path) -> None:
        flow = load((folder / "order.flow.json").read_bytes())
        shown = [frame.page for frame in frames(flow, events(folder))]
        assert shown[-1] == page(flow, fold(events(folder)))
        assert shown[-1].ended
        assert all(one.title for one in shown)


def test_the_newest_history_has_every_kind_of_event() -> None:
    kinds = {type(event) for event in events(RELEASES[-1])}
    assert kinds == set(get_args(e.AnyEvent))
