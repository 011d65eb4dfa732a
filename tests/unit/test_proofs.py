"""What is proven of a session: each part is broken by hand and must be found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.crypto.signing import SEEN_TAG, SigningKey
from halodesk.engine import events as e
from halodesk.runtime.log import SessionLog
from halodesk.store.seat_store import SeatStore
from halodesk.store.sync_store import Link
from tests.fakes.keys import cheap_keys  # noqa: F401  # a fixture
from tests.fakes.order import Run
from tests.unit.test_session_live import Still

SERVER = SigningKey.new()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeatStore]:
    opened = SeatStore(tmp_path)
    opened.seat()
    yield opened
    opened.close()


def record(store: SeatStore, session: str = "s1", *, ended: bool = True) -> int:
    """A session as the desk records it; how many events it has."""
    run = Run().to_step("end").answer(disposition="sale").submit() if ended else Run().to_offer()
    store.keep_flow(run.flow)
    log = SessionLog(session=session, seat=store.seat(), clock=Still(), number=store.next_number)
    store.append(log.stamp(run.events, flow=run.flow.key, version=run.flow.version)).result(10)
    return len(run.events)


def change(store: SeatStore, statement: str, **values: object) -> None:
    store._writer.submit(lambda connection: connection.execute(text(statement), values).rowcount).result(10)


def parts(store: SeatStore, session: str = "s1") -> dict[str, str]:
    return {part.name: part.state for part in store.proofs.prove(session).parts}


def words(store: SeatStore, name: str, session: str = "s1") -> str:
    return next(part.message for part in store.proofs.prove(session).parts if part.name == name)


def enrol(store: SeatStore, key: SigningKey = SERVER) -> None:
    link = Link(
        url="https://x",
        tenant="main",
        server_key=key.public,
        root=b"r",
        trust=b"t",
        sign_seed=store.sync.sign_seed(),
        seal_seed=b"s" * 32,
        enrolled=True,
    )
    store.sync.save_link(link).result(10)


def receipt(store: SeatStore, seq: int, *, head: bytes | None = None, key: SigningKey = SERVER) -> None:
    head = head or store.sessions.events("s1")[seq - 1].head
    signed = key.sign(SEEN_TAG, "main", store.seat(), "s1", seq, head, 7)
    store.sync.acknowledge("s1", seq, head, at=7, receipt=signed).result(10)


def test_a_seat_alone_proves_chain_seal_and_counter(store: SeatStore) -> None:
    record(store)
    proof = store.proofs.prove("s1")
    assert proof.ok
    assert not proof.proven
    assert parts(store) == {
        "chain": "proven",
        "seal": "proven",
        "receipt": "not_proven",
        "counter": "proven",
    }
    assert "nobody else vouches" in proof.message


def test_an_open_session_is_not_sealed_yet(store: SeatStore) -> None:
    record(store, ended=False)
    assert parts(store)["seal"] == "not_proven"
    assert "when it ends" in words(store, "seal")


def test_a_late_fact_is_sealed_in(store: SeatStore) -> None:
    count = record(store)
    rows = store.sessions.events("s1")
    log = SessionLog(session="s1", seat=store.seat(), clock=Still(), seq=count, head=rows[-1].head)
    late = e.CallLeft(reason="hung up", by="caller")
    store.append(log.stamp([late], flow="f", version=1)).result(10)
    seal = store.proofs.seal_of("s1")
    assert seal is not None
    assert seal.last_seq == count + 1
    assert store.proofs.prove("s1").ok


@pytest.mark.parametrize(
    ("statement", "part", "said"),
    [
        ("DELETE FROM session_seal", "seal", "missing"),
        ("UPDATE session_seal SET signature = zeroblob(64)", "seal", "does not fit"),
        ("UPDATE session_seal SET number = 2", "seal", "does not fit"),
        ("UPDATE session_seal SET last_seq = last_seq + 1", "seal", "does not fit"),
        ("UPDATE seat_key SET sign_seed = randomblob(32)", "seal", "does not fit"),
        ("UPDATE session SET number = 9", "seal", "as session 1 of the seat, not as 9"),
    ],
)
def test_a_seal_that_was_touched(store: SeatStore, statement: str, part: str, said: str) -> None:
    record(store)
    change(store, statement)
    assert not store.proofs.prove("s1").ok
    assert parts(store)[part] == "broken"
    assert said in words(store, part)


def test_the_end_cut_off(store: SeatStore) -> None:
    count = record(store)
    change(store, "DELETE FROM event WHERE seq = :last", last=count)
    proof = store.proofs.prove("s1")
    assert (proof.ok, proof.broken_at) == (False, count)
    change(store, "UPDATE session SET status = 'open'")  # as if it had never ended
    proof = store.proofs.prove("s1")
    assert (proof.ok, proof.broken_at) == (False, None)
    assert "cut off" in proof.message


def test_an_event_changed_names_the_first_broken_link(store: SeatStore) -> None:
    record(store)
    change(
        store, "UPDATE event SET payload = replace(CAST(payload AS TEXT), 'Jordan', 'Gordon') WHERE seq < 9"
    )
    proof = store.proofs.prove("s1")
    assert not proof.ok
    assert proof.broken_at is not None
    assert proof.message.startswith(f"Event {proof.broken_at}: its content was changed.")


def test_a_receipt_proves_it_against_the_seat(store: SeatStore) -> None:
    count = record(store)
    enrol(store)
    assert "not countersigned any" in words(store, "receipt")
    receipt(store, 3)
    assert f"events 1 to 3 of {count}" in words(store, "receipt")
    receipt(store, count)
    assert store.proofs.prove("s1").proven


@pytest.mark.parametrize("forged", ["head", "key", "more"])
def test_a_receipt_for_something_else(store: SeatStore, forged: str) -> None:
    count = record(store)
    enrol(store)
    if forged == "head":
        receipt(store, count, head=b"h" * 32)
    elif forged == "key":
        receipt(store, count, key=SigningKey.new())
    else:
        receipt(store, count + 2, head=b"h" * 32)
    assert parts(store)["receipt"] == "broken"
    assert not store.proofs.prove("s1").ok


def test_a_session_that_was_taken_out_leaves_a_gap(store: SeatStore) -> None:
    for name in ("s1", "s2", "s3"):
        record(store, name)
    for table in ("event", "session_seal"):
        change(store, f"DELETE FROM {table} WHERE session = 's2'")  # noqa: S608  # two names of ours
    change(store, "DELETE FROM session WHERE id = 's2'")
    assert store.sessions.missing() == [2]
    assert store.proofs.prove("s3").ok, "nothing of it is broken"
    assert "Session 2" in words(store, "counter", "s3")


def test_numbers_go_on_after_a_restart(store: SeatStore, tmp_path: Path) -> None:
    record(store, "s1")
    record(store, "s2")
    store.close()
    again = SeatStore(tmp_path)
    assert again.next_number() == 3
    assert again.next_number() == 4, "counted before it is on disk"
    again.close()


def test_content_emptied_without_an_order(store: SeatStore) -> None:
    record(store)
    change(store, "UPDATE event SET payload = NULL, salt = NULL WHERE seq = 4")
    proof = store.proofs.prove("s1")
    assert not proof.ok
    assert "Event 4 was emptied, and no signed order says so" in proof.message


def test_the_command_says_what_is_proven(store: SeatStore, tmp_path: Path) -> None:
    record(store, "s1")
    record(store, "s2")
    store.close()

    def run(*args: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["session", "verify", *args, "--data", str(tmp_path)])
        return done.exit_code, done.output

    code, said = run("1")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == ["OK:", "proven", "proven", "not", "proven"]
    assert run("1", "--strict")[0] == 1
    code, said = run("--json")
    assert (code, json.loads(said)["checked"], json.loads(said)["missing"]) == (0, 2, [])
    with SeatStore(tmp_path) as opened:
        change(opened, "DELETE FROM session_seal WHERE session = 's1'")
        change(opened, "DELETE FROM event WHERE session = 's1'")
        change(opened, "DELETE FROM session WHERE id = 's1'")
    code, said = run()
    assert code == 1
    assert "1 sessions of this seat are missing: number 1." in said
