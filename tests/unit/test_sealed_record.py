"""A sealed answer in the records: said to be sealed in every view, findable by no part of its envelope."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from halodesk.engine import commands as c
from halodesk.engine.fields.encrypted import SEALED
from halodesk.engine.sealed import sealed_answers
from halodesk.runtime.log import verify
from halodesk.store.export import export
from halodesk.store.record import read, timeline
from halodesk.store.replay import review
from halodesk.store.seat_store import SeatStore
from halodesk.ui.sessions.replay_desk import as_it_was
from tests.fakes.holders import Circle
from tests.fakes.order import Run
from tests.fakes.records import new_store, stamped
from tests.unit.test_sealed import flow

CIRCLE = Circle()
ENVELOPE = base64.b64encode(CIRCLE.seal()).decode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    """A session with a sealed SSN, ended."""
    opened = new_store(tmp_path)
    known = flow()
    run = Run(known).mask().do(c.EnterSecret(field="ssn", handle="ids:ssn")).submit()
    run.resolve("ok", sealed={"ssn": ENVELOPE}, holders=list(CIRCLE.list.pair)).resolve("ok", value=1)
    run.do(c.Back()).mask().submit().resolve("ok", value=1).submit()
    assert run.state.status == "ended"
    opened.keep_flow(known).result(10)
    opened.append(stamped("ids", [(float(at), event) for at, event in enumerate(run.events)])).result(10)
    yield opened
    opened.close()


def test_every_view_says_that_it_is_sealed(store: SeatStore) -> None:
    record = read(store.sessions, "ids")
    assert [(one.label, one.value) for one in record.last_page.answers] == [("SSN", SEALED)]
    assert f"Answer: SSN: {SEALED}" in [moment.words for moment in timeline(record)]
    for kind in ("csv", "html"):
        content = export(store.sessions, "ids", kind).decode()
        assert SEALED in content
        assert ENVELOPE not in content


def test_the_exact_record_has_the_envelope_and_the_chain_holds(store: SeatStore) -> None:
    lines = export(store.sessions, "ids", "jsonl").decode().splitlines()
    assert sum(ENVELOPE in line for line in lines) == 2, "given, and given back by going back"
    payloads = [json.dumps(json.loads(line)["payload"]).encode() for line in lines]
    found = sealed_answers(payloads)
    assert {base64.b64encode(one.envelope).decode() for one in found} == {ENVELOPE}
    rows = store.sessions.events("ids")
    assert verify("ids", rows, closed=True).ok


def test_a_replay_shows_the_page_with_a_sealed_field(store: SeatStore) -> None:
    found = review(read(store.sessions, "ids"))
    pages = [as_it_was(moment.page) for moment in found.moments if moment.page.step == "ids"]
    words = {field.why for page in pages for field in page.fields if field.name == "ssn"}
    assert "Sealed. Two holders can open it." in words
    assert all(not field.reads for page in pages for field in page.fields if field.name == "ssn")


def test_nobody_finds_a_session_by_its_envelope(store: SeatStore) -> None:
    store.index(store.search.unindexed(10)).result(10)
    with store._engine.connect() as connection:
        (words,) = connection.exec_driver_sql("SELECT words FROM session_search").scalars()
    assert "two holders" in words.lower()
    assert ENVELOPE[:16].lower() not in words.lower()
    assert CIRCLE.list.pair[0] not in words
