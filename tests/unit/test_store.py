"""The seat's store on a real encrypted file: keys, modes, crashes, migrations, and no card digits."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlcipher3.dbapi2 as sqlcipher
from sqlalchemy import text

from halodesk.crypto.keystore import Status
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError, StoreError, StoreKeyError
from halodesk.runtime.log import SessionLog, verify
from halodesk.store import record, seat_store
from halodesk.store.database import SCHEMA, open_database
from halodesk.store.replay_page import render
from halodesk.store.seat_store import FILE, SeatStore
from tests.fakes.order import CARD, Run

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
ROOT = Path(__file__).resolve().parents[2]


class Still:
    """A clock that stands still."""

    def wall(self) -> float:
        return 1_800_000_000.0

    def mono(self) -> float:
        return 1.0


@pytest.fixture(autouse=True)
def quick_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id takes 0.2 s a time and has tests of its own."""
    status = Status(place="test", strong=True, message="A key of the test.")
    monkeypatch.setattr(seat_store, "load_key", lambda folder: (KEY, status))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    store = SeatStore(tmp_path / "seat")
    store.seat()
    yield store
    store.close()


def keep(store: SeatStore, run: Run, session: str = "a1b2") -> str:
    """A worked session, on disk."""
    store.keep_flow(run.flow).result(10)
    log = SessionLog(session=session, seat="seat-1", clock=Still())
    store.append(log.stamp(run.events, flow=run.flow.key, version=run.flow.version)).result(10)
    return session


# the file


def test_plain_sqlite_cannot_open_it(store: SeatStore) -> None:
    keep(store, Run())
    assert not store.path.read_bytes().startswith(b"SQLite format 3")
    with sqlite3.connect(store.path) as plain, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        plain.execute("SELECT count(*) FROM sqlite_master")
    plain.close()


def test_nothing_of_it_can_be_read_in_the_files(store: SeatStore) -> None:
    keep(store, Run().to_offer())
    found = b"".join(path.read_bytes() for path in store.path.parent.iterdir() if path.is_file())
    for word in (b"Jordan", b"main_offer", b"supplement", b"answer_given", b"CREATE TABLE"):
        assert word not in found


def test_a_wrong_key_is_said_in_words(tmp_path: Path) -> None:
    open_database(tmp_path / FILE, KEY).dispose()
    with pytest.raises(StoreKeyError) as caught:
        open_database(tmp_path / FILE, OTHER_KEY)
    assert "does not open seat.db" in caught.value.message
    assert caught.value.todo
    open_database(tmp_path / FILE, KEY).dispose()


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all" * 400)
    with pytest.raises(StoreKeyError):
        open_database(tmp_path / FILE, KEY)


def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        open_database(tmp_path / "file" / FILE, KEY)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_only_this_person_can_read_the_files(store: SeatStore) -> None:
    keep(store, Run())
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    files = [path for path in store.path.parent.iterdir() if path.is_file()]
    assert {path.suffix for path in files} >= {".db", ".db-wal"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize("name", ["100% seat?mode=ro#x", "siège & co", "a b"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    open_database(tmp_path / name / FILE, KEY).dispose()
    assert (tmp_path / name / FILE).stat().st_size > 0


def test_every_connection_is_set_up_for_durability(tmp_path: Path) -> None:
    engine = open_database(tmp_path / FILE, KEY)
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
            wanted |= {"trusted_schema": 0, "secure_delete": 1}
            for pragma, value in wanted.items():
                assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value
    engine.dispose()


# migrations


def test_an_empty_file_becomes_a_store_and_stays_one(tmp_path: Path) -> None:
    for _ in range(2):
        engine = open_database(tmp_path / FILE, KEY)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == SCHEMA
            names = set(
                connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars()
            )
        assert {"seat", "session", "event", "draft", "flow_version"} <= names
        engine.dispose()


def test_the_tables_are_those_of_the_program(tmp_path: Path) -> None:
    """What the migration makes and what the code reads are one."""
    from sqlalchemy import create_engine

    from halodesk.store.tables import metadata

    engine = open_database(tmp_path / FILE, KEY)
    plain = create_engine("sqlite://")
    metadata.create_all(plain)
    query = text(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type != 'trigger' "
        "AND name != 'alembic_version'"
    )
    with engine.connect() as migrated, plain.connect() as declared:
        one = {name: "".join(sql.split()) for name, sql in migrated.execute(query)}
        two = {name: "".join(sql.split()) for name, sql in declared.execute(query)}
    assert one == two
    engine.dispose()
    plain.dispose()


def test_a_store_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    engine = open_database(tmp_path / FILE, KEY)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StoreError, match="newer HaloDesk") as caught:
        open_database(tmp_path / FILE, KEY)
    assert "Update" in caught.value.todo
    assert (tmp_path / FILE).read_bytes() == before


def test_a_migration_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in the middle of the first start must not leave half of the tables behind."""
    from alembic import op

    make = op.create_table
    made: list[str] = []

    def crash(name: str, *args: Any, **more: Any) -> Any:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(name)
        return make(name, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", crash)
        with pytest.raises(KeyboardInterrupt):
            open_database(tmp_path / FILE, KEY)
    open_database(tmp_path / FILE, KEY).dispose()


# sessions


def test_a_session_is_read_back_as_it_was(store: SeatStore) -> None:
    run = Run().to_payment().attempt("declined", 1)
    session = keep(store, run)
    found = record.read(store.sessions, session)
    assert list(found.events) == run.events
    assert found.flow == run.flow
    assert found.last_page == run.page
    assert verify(session, found.rows).ok
    row = store.sessions.rows()[0]
    assert (row.number, row.status, row.caller, row.agent) == (1, "open", "+12025550143", "Ann")
    assert (row.ended_at, row.disposition) == (None, "")


def test_the_line_of_a_session_follows_its_events(store: SeatStore) -> None:
    run = Run().submit("call_type=service").answer(disposition="service").submit()
    run.do(c.KeepRecording(path="r.flac", sha256="0", sample_rate=8000, samples=8000, windows=()))
    keep(store, run)
    row = store.sessions.rows()[0]
    assert (row.status, row.disposition, row.recording) == ("ended", "service", "r.flac")
    assert row.ended_at == Still().wall()
    assert store.sessions.rows(status="open") == []


def test_sessions_are_found_by_number_id_and_beginning(store: SeatStore) -> None:
    for session in ("1aaa", "1abb", "cccc"):
        keep(store, Run(), session)
    assert store.sessions.find("cccc").number == 3
    assert store.sessions.find("cc").number == 3
    assert store.sessions.find("1ab").id == "1abb"
    assert store.sessions.find("1").id == "1aaa", "a number is a number, whatever the ids begin with"
    assert [row.id for row in store.sessions.rows()] == ["cccc", "1abb", "1aaa"]
    assert [row.id for row in store.sessions.rows(limit=1)] == ["cccc"]
    for wrong in ("1a", "", "%", "zz", "99", "²"):
        with pytest.raises(SessionFileError) as caught:
            store.sessions.find(wrong)
        assert caught.value.todo


def test_a_deleted_session_shows_in_the_count(store: SeatStore) -> None:
    keep(store, Run(), "a")
    keep(store, Run(), "b")
    assert store.sessions.count() == (2, 2)
    with store._engine.begin() as connection:
        connection.execute(text("DELETE FROM event WHERE session = 'a'"))
        connection.execute(text("DELETE FROM session WHERE id = 'a'"))
    assert store.sessions.count() == (2, 1)


def test_the_seat_keeps_its_id(tmp_path: Path) -> None:
    first = SeatStore(tmp_path)
    seat = first.seat()
    assert first.seat() == seat
    assert first.close()
    again = SeatStore(tmp_path)
    assert again.seat() == seat
    assert again.close()


def test_drafts_live_until_they_are_answered_or_left(store: SeatStore) -> None:
    run = Run().submit("call_type=order")
    session = keep(store, run)
    store.draft(session, "gather", "first_name", "Jor").result(10)
    store.draft(session, "gather", "first_name", "Jord").result(10)
    store.draft(session, "gather", "phone", {"raw": "202"}).result(10)
    store.draft(session, "gather", "email", "x").result(10)
    store.draft(session, "gather", "email", None).result(10)
    assert store.sessions.drafts(session) == {
        ("gather", "first_name"): "Jord",
        ("gather", "phone"): {"raw": "202"},
    }
    rows = store.sessions.events(session)
    log = SessionLog(session=session, seat="s", clock=Still(), seq=rows[-1].seq, head=rows[-1].head)
    answered = e.AnswerGiven(step="gather", field="first_name", value="Jordan")
    store.append(log.stamp([answered], flow="f", version=1)).result(10)
    assert store.sessions.drafts(session).keys() == {("gather", "phone")}
    entered = e.StepEntered(step="main_offer", visit=1, reason="fallback")
    store.append(log.stamp([entered], flow="f", version=1)).result(10)
    assert store.sessions.drafts(session) == {}


def test_a_session_without_its_flow_document_is_refused_by_the_store(store: SeatStore) -> None:
    log = SessionLog(session="x", seat="s", clock=Still())
    with pytest.raises(StoreError):
        store.append(log.stamp(Run().events, flow="f", version=1)).result(10)
    assert store.sessions.rows() == []
    with pytest.raises(SessionFileError, match="flow version"):
        store.sessions.flow_document("0" * 64)


def test_the_same_flow_twice_is_one(store: SeatStore) -> None:
    flow = Run().flow
    store.keep_flow(flow).result(10)
    store.keep_flow(flow).result(10)
    with store._engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM flow_version")).scalar() == 1


def test_an_erased_answer_leaves_the_rest_readable(store: SeatStore) -> None:
    run = Run().to_offer()
    session = keep(store, run)
    seq = next(i for i, event in enumerate(run.events, 1) if getattr(event, "field", "") == "email")
    with store._engine.begin() as connection:
        change = "UPDATE event SET payload = NULL, salt = NULL WHERE session = :s AND seq = :q"
        connection.execute(text(change), {"s": session, "q": seq})
    found = record.read(store.sessions, session)
    assert len(found.rows) == len(run.events)
    assert len(found.events) == len(run.events) - 1
    verdict = verify(session, found.rows)
    assert (verdict.ok, verdict.erased) == (True, 1)
    page = render(found)
    assert "jo@example.com" not in page
    assert "chain holds" in page
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE event SET payload = NULL, salt = NULL"))
    with pytest.raises(SessionFileError, match="erased"):
        record.read(store.sessions, session)


# what is made of a record


def test_the_replay_page_puts_each_moment_on_its_own_page(store: SeatStore) -> None:
    """All moments of one command have the same time: their order tells where they belong."""
    run = Run().to_step("end").answer(disposition="sale").submit()
    html = render(record.read(store.sessions, keep(store, run)), audio="call.flac")
    articles = html.split("<article>")[1:]
    titles = [article.split("<span>")[1].split("</span>")[0] for article in articles]
    assert titles == [
        "Welcome",
        "Gather caller info",
        "Main offer: Nap Enhancer",
        "Upsell: Dream Journal",
        "Billing and shipping",
        "Payment",
        "Post payment: charge",
        "Confirmation",
        "Wrap-up",
    ]
    assert "Answer: What is the call about?: Place an order" in articles[0]
    assert "Answer: What does the caller say?: Yes" in articles[2]
    assert "Cart: add_item, total $39.95" in articles[2]
    assert "Secure field filled: card_number (never recorded)" in articles[5]
    assert "Answered: ok" in articles[6]
    assert "Disposition: Sale" in articles[8]
    assert 'src="call.flac"' in html
    assert (
        "47.80 (paid)" in html.replace("</b></td><td><b>", " ").replace("Total (paid) $", "")
        or "(paid)" in html
    )


def test_a_replay_page_runs_nothing_of_a_caller(store: SeatStore) -> None:
    run = Run().submit("call_type=order")
    run.answer(first_name="<script>alert(1)</script>", last_name="[x](https://evil.example)")
    run.answer(phone="202 555 0143").submit()
    html = render(record.read(store.sessions, keep(store, run)))
    assert "<script" not in html
    assert 'href="https://evil' not in html


def test_the_timeline_tells_everything_that_happened(store: SeatStore) -> None:
    run = Run().to_payment().mask("lost", message="No answer.").attempt("declined", 1)
    run.do(c.Back()) if run.page.can_go_back else None
    run.do(c.AddNote(text="calls back"), c.LoseCall(reason="Bye.", by="caller"))
    run.do(c.KeepRecording(path="r", sha256="0", sample_rate=8000, samples=16000, windows=((0, 9),)))
    run.answer(disposition="call_lost").submit()
    run.try_(c.AddNote(text="x"))
    words = [moment.words for moment in record.timeline(record.read(store.sessions, keep(store, run)))]
    for expected in (
        "Session begins: SnoozeTech inbound order: Nap Enhancer, version",
        "Step: Gather caller info by “Order”",
        "Recording: asked every recorder to mask",
        "Recording: mask not confirmed, inputs locked (No answer.)",
        "Recording: masked, confirmed by own, pbx",
        "Asked: tokenise",
        "Answered: declined (Declined by the bank.)",
        "Step: Declined or bad number (back)",
        "Note: calls back",
        "The call ended (caller): Bye.",
        "Step: Wrap-up (the call ended)",
        "Recording kept: 2.0 s, 1 masked windows",
        "Session completed: call_lost",
    ):
        assert any(word.startswith(expected) for word in words), expected


def test_json_lines_are_the_exact_record(store: SeatStore) -> None:
    run = Run().to_offer()
    session = keep(store, run)
    lines = record.json_lines(store.sessions.events(session)).splitlines()
    assert len(lines) == len(run.events)
    first = json.loads(lines[0])
    assert first.keys() == {"envelope", "payload", "salt", "leaf", "head"}
    assert first["payload"]["event"] == first["envelope"]["event"] == "session_started"


# crashes

WRITER = """
import sys
from pathlib import Path
from tests.fakes.order import Run
from tests.unit.test_store import Still
from halodesk.crypto.keystore import Status
from halodesk.store import seat_store
from halodesk.runtime.log import SessionLog
from halodesk.engine import events as e
folder, run = Path(sys.argv[1]), int(sys.argv[2])
seat_store.load_key = lambda folder: (bytes(range(32)), Status(place="t", strong=True, message=""))
store = seat_store.SeatStore(folder)
store.seat()
flow = Run(start=False).flow
store.keep_flow(flow).result(10)
session = f"run{run}"
log = SessionLog(session=session, seat="s", clock=Still())
store.append(log.stamp(Run(flow).events, flow="f", version=1)).result(10)
print("begun", log.seq, flush=True)
while True:
    rows = log.stamp([e.NoteAdded(text=f"{log.seq} " + "x" * 200)] * 3, flow="f", version=1)
    futures = [store.append([row], urgent=index == 2) for index, row in enumerate(rows)]
    futures[2].result(10)
    for future in futures:
        assert future.done()
    print("acknowledged", rows[-1].seq, flush=True)
"""


@pytest.mark.parametrize("kills", [5, pytest.param(25, marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives_kills(tmp_path: Path, kills: int) -> None:
    chance, known = random.Random(7), {}
    processes = []
    for run in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / f"seat{run % 3}"), str(run)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        processes.append(process)
        assert process.stdout is not None
        last = 0
        for _ in range(chance.randint(1, 30)):
            last = int(process.stdout.readline().split()[1])
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
        process.wait(10)
        process.stdout.close()
        complete = [line for line in rest if line.startswith("acknowledged ") and line.split()[1:]]
        if complete:
            last = int(complete[-1].split()[1])
        known[run] = last
        store = SeatStore(tmp_path / f"seat{run % 3}")
        rows = store.sessions.events(f"run{run}")
        assert len(rows) >= last
        assert verify(f"run{run}", rows).ok
        assert store.close()
    for run, last in known.items():
        store = SeatStore(tmp_path / f"seat{run % 3}")
        assert len(store.sessions.events(f"run{run}")) >= last
        assert store.close()


# card digits


def test_no_typed_digit_is_in_the_decrypted_store(store: SeatStore) -> None:
    """The file is encrypted anyway: look at what is inside."""
    run = Run().to_step("gather")
    run.refuse(c.Answer(field="first_name", raw=CARD))
    run.refuse(c.AddNote(text=f"card {CARD}"))
    run.answer(first_name="Jo", last_name="Li", phone="202 555 0143").submit()
    run.submit("offer_response=yes").submit("journal=false")
    run.answer(billing_address={"line1": "1", "city": "x", "region": "CA", "postal_code": "95060"}).submit()
    run.refuse(c.Answer(field="card_number", raw=CARD))
    run.attempt("ok", 1)
    keep(store, run)
    assert store.close()
    connection = sqlcipher.connect(str(store.path))
    connection.execute(f"PRAGMA key=\"x'{KEY.hex()}'\"")
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    dump = b""
    for table in tables:
        for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608  # names from the file itself
            dump += b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
    connection.close()
    assert {"event", "draft", "session"} <= set(tables)
    assert b"first_name" in dump
    assert CARD.encode() not in dump
