"""Searching recorded sessions: what is found, what must not be, and ten thousand of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, text

from halodesk.engine import events as e
from halodesk.engine.flow import content_hash
from halodesk.runtime.review import SessionQuery
from halodesk.store import tables as t
from halodesk.store.search import terms
from halodesk.store.seat_store import SeatStore
from tests.fakes.order import CARD, Run, sample
from tests.fakes.records import BEGAN, keep, new_store, order_events, stamped

MANY = 10_000
TOWNS = ("Santa Cruz", "Springfield", "Orlando", "Denver", "Boise")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    opened = new_store(tmp_path)
    keep(opened, "order", order_events())
    run = Run(call=e.CallFacts(direction="in", number="+14155550101", sip_call_id="c"))
    run.submit("call_type=service").answer(disposition="service").submit()
    keep(opened, "service", [(0.0, event) for event in run.events], BEGAN + 86400)
    yield opened
    opened.close()


def index(store: SeatStore) -> int:
    made = 0
    while entries := store.search.unindexed(500):
        store.index(entries).result(30)
        made += len(entries)
    return made


def found(store: SeatStore, words: str = "", **more: float | bool) -> list[str]:
    query = SessionQuery(text=words, **more)  # type: ignore[arg-type]  # only known names are given
    return [line.id for line in store.search.find(query).lines]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["service", "order"]),
        ("jordan", ["order"]),
        ("JORDAN MILLER", ["order"]),
        ("miller ocean", ["order"]),
        ("(202) 555-0143", ["order"]),
        ("555 0101", ["service"]),
        ("sale", ["order"]),
        ("ann", ["service", "order"]),
        ("afternoon", ["order"]),
        ("santa", ["order"]),
        ("place an order", ["order"]),
        ("nap enhancer", ["service", "order"]),
        ("%", []),
        ("_", []),
        ("nobody", []),
    ],
)
def test_what_is_found(store: SeatStore, words: str, expected: list[str]) -> None:
    index(store)
    assert found(store, words) == expected


def test_dates_and_incidents(store: SeatStore) -> None:
    index(store)
    assert found(store, since=BEGAN + 1) == ["service"]
    assert found(store, until=BEGAN + 1) == ["order"]
    assert found(store, since=BEGAN, until=BEGAN + 86401) == ["service", "order"]
    assert found(store, incidents_only=True) == ["order"]


def test_before_it_is_indexed_a_session_is_found_by_its_line(store: SeatStore) -> None:
    listed = store.search.find(SessionQuery(text="sale"))
    assert [line.id for line in listed.lines] == ["order"]
    assert listed.unindexed == 2
    assert found(store, "ocean") == []


def test_secrets_are_in_no_index(store: SeatStore) -> None:
    index(store)
    words = "".join(str(entry) for (entry,) in rows(store, "SELECT words FROM session_search"))
    assert "ocean view" in words
    assert CARD not in words
    assert found(store, "4242") == []


def test_a_later_fact_is_found_too(store: SeatStore) -> None:
    index(store)
    events = store.sessions.events("service")
    more = stamped(
        "service", [*[(0.0, e.NoteAdded(text="x"))] * len(events), (9.0, e.NoteAdded(text="Umbrella"))]
    )
    store.append(more[-1:]).result(10)
    assert store.search.find(SessionQuery()).unindexed == 1
    assert index(store) == 1
    assert found(store, "umbrella") == ["service"]


def test_what_was_erased_is_not_found_any_more(store: SeatStore) -> None:
    index(store)
    run(store, "UPDATE event SET salt = NULL, payload = NULL WHERE session = 'order' AND seq > 2")
    assert rows(store, "SELECT words FROM session_search WHERE session = 'order'") == []
    index(store)
    assert found(store, "ocean") == []
    assert found(store, "sale") == ["order"], "its line is left"


def test_an_entry_of_a_session_that_changed_meanwhile_is_not_kept(store: SeatStore) -> None:
    entries = store.search.unindexed(10)
    run(store, "UPDATE event SET salt = NULL, payload = NULL WHERE session = 'order' AND seq > 2")
    store.index(entries).result(10)
    assert rows(store, "SELECT session FROM session_search") == [("service",)]


def test_an_event_nobody_can_read_hides_no_other(store: SeatStore) -> None:
    store._writer.submit(
        lambda connection: connection.execute(text("UPDATE event SET payload = '{' WHERE seq = 5"))
    ).result(10)
    assert index(store) == 2
    assert found(store, "ocean") == ["order"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("(202) 555-0143", ["2025550143"]),
        ("+1 202 555 01", ["120255501"]),
        ("12 Ocean", ["12", "ocean"]),
        ("2026", ["2026"]),
        ("  Ann   LEE ", ["ann", "lee"]),
        ("", []),
    ],
)
def test_terms(words: str, expected: list[str]) -> None:
    assert terms(words) == expected


@pytest.mark.slow
def test_ten_thousand_sessions(store: SeatStore) -> None:
    """Found at once; the time is printed, and only a wild one fails."""
    store._writer.submit(many).result(60)
    begun = time.perf_counter()
    assert index(store) == MANY + 2
    indexed = time.perf_counter() - begun
    spent: dict[str, float] = {}
    for words, expected in (
        ("", MANY + 2),
        ("boise", MANY // 5),
        ("customer-777", 11),
        ("customer-777 boise", 2),
        ("5550004321", 1),
    ):
        begun = time.perf_counter()
        listed = store.search.find(SessionQuery(text=words))
        spent[words] = round((time.perf_counter() - begun) * 1000, 1)
        assert len(listed.lines) == expected, words
        assert listed.unindexed == 0
    print(f"indexed {MANY} sessions in {indexed:.1f} s; searches in ms: {spent}")
    assert max(spent.values()) < 5000


def many(connection: Connection) -> None:
    """Sessions of a start, three answers and an end each, written at once."""
    flow = content_hash(sample())
    cart = Run().state.cart
    sessions, events = [], []
    for number in range(MANY):
        session, caller = f"many-{number}", f"+1202555{number:07}"
        sessions.append(
            {
                "id": session, "number": 10 + number, "flow": "supplement-order", "version": 9,
                "flow_hash": flow, "agent": "Ann", "caller": caller, "started_at": BEGAN + number,
                "ended_at": BEGAN + number + 60,
                "disposition": "sale", "status": "ended", "recording": "",
            }
        )  # fmt: skip
        facts: list[tuple[float, e.AnyEvent]] = [
            (0.0, e.SessionStarted(
                flow="supplement-order", flow_name="Order", version=9, flow_hash=flow, agent="Ann",
                call=e.CallFacts(direction="in", number=caller), variables={}, cart=cart,
            )),
            (1.0, e.AnswerGiven(step="gather", field="first_name", value=f"customer-{number}")),
            (2.0, e.AnswerGiven(step="gather", field="last_name", value=TOWNS[number % len(TOWNS)])),
            (3.0, e.SessionEnded(disposition="sale", reason="completed")),
        ]  # fmt: skip
        events += [
            {
                "session": row.session, "seq": row.seq, "envelope": row.envelope, "leaf": row.leaf,
                "head": row.head, "salt": row.salt, "payload": row.payload,
            }
            for row in stamped(session, facts, BEGAN + number)
        ]  # fmt: skip
    connection.execute(insert(t.session), sessions)
    connection.execute(insert(t.event), events)


def run(store: SeatStore, statement: str) -> None:
    store._writer.submit(lambda connection: connection.execute(text(statement))).result(10)


def rows(store: SeatStore, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in store._writer.submit(lambda c: c.execute(text(query)).all()).result(10)]


def test_a_database_of_before_is_brought_up_to_date(store: SeatStore, tmp_path: Path) -> None:
    """As the first release left it: no table of words, no triggers."""
    for statement in (
        "DROP TRIGGER search_added",
        "DROP TRIGGER search_erased",
        "DROP TRIGGER search_deleted",
        "DROP TABLE session_search",
        *(f"DROP TABLE {name}" for name in ("seat_key", "session_seal", "erasure", "person", "clock_mark")),
        "UPDATE alembic_version SET version_num = '0002'",
    ):
        run(store, statement)
    store.close()
    opened = SeatStore(tmp_path)
    assert index(opened) == 2
    assert found(opened, "ocean") == ["order"]
    opened.close()
