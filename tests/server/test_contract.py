"""One contract for both databases: the same answers from SQLite and from PostgreSQL."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select, update

from halodesk.crypto import metadata
from halodesk.crypto.metadata import Publisher, Trust
from halodesk.crypto.signing import ENROL_TAG, SigningKey
from halodesk.engine.errors import StoreError
from halodesk.protocol import log_lines
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.sync import EnrolRequest, Have, Held, Problem, RefusedError, ServerAwayError, SyncError
from halodesk.server import audit, tenants
from halodesk.server import audit_tables as a
from halodesk.server import tables as t
from halodesk.server.chunks import Checked
from halodesk.server.database import Database, open_database
from halodesk.server.ingest import accept, behind, quarantine
from tests.server.pieces import Maker
from tests.server.postgres import Postgres

ROOT, PUBLISHER = SigningKey.new(), SigningKey.new()


def run(work: Any) -> Any:
    return asyncio.run(work)


def push(database: Database, maker: Maker, rows: list[StoredEvent], first: int, last: int) -> bool:
    return bool(run(accept(database, maker.holder, maker.piece(rows, first, last))))


def refusal(database: Database, maker: Maker, rows: list[StoredEvent], first: int, last: int) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        push(database, maker, rows, first, last)
    return caught.value


def stored(database: Database, maker: Maker, session: str) -> list[StoredEvent]:
    chunk = t.session_chunk

    def job(connection: Any) -> list[bytes]:
        query = select(chunk.c.body).where(chunk.c.tenant == maker.holder.tenant, chunk.c.session == session)
        return [bytes(row.body) for row in connection.execute(query.order_by(chunk.c.first_seq))]

    return [row for body in run(database.read(job)) for _, row in log_lines.read(body)]


def trust_of(
    version: int = 1, *publishers: Publisher, root: SigningKey = ROOT, tenant: str = "main"
) -> bytes:
    named = publishers or (Publisher(name="anna", key=PUBLISHER.public),)
    return metadata.sign(
        root, Trust(tenant=tenant, version=version, root=root.public, publishers=tuple(named))
    )


def with_trust(database: Database, tenant: str = "main") -> None:
    run(database.write(partial(tenants.install_trust, tenant=tenant, data=trust_of(tenant=tenant))))


# ingest


def test_a_session_comes_in_piece_by_piece_and_is_kept_byte_by_byte(database: Database) -> None:
    maker = Maker()
    rows = maker.session(10, ended=True)
    assert [push(database, maker, rows, *part) for part in ((1, 4), (5, 5), (6, 10))] == [False] * 3
    assert stored(database, maker, rows[0].session) == rows


def test_the_line_of_a_session_says_what_its_events_say(database: Database) -> None:
    maker = Maker()
    rows = maker.session(6, ended=True, agent="Kim\0o")
    push(database, maker, rows, 1, 3)

    def line(connection: Any) -> Any:
        return connection.execute(select(t.session)).one()

    before = run(database.read(line))
    assert (before.status, before.agent, before.flow, before.version) == ("open", "Kim\ufffdo", "flow", 3)
    push(database, maker, rows, 4, 6)
    after = run(database.read(line))
    assert (after.status, after.disposition, after.last_seq, after.team) == ("ended", "sale", 6, "red")
    assert after.started_at == before.started_at
    assert after.ended_at > 0


def test_a_replayed_piece_is_a_duplicate(database: Database) -> None:
    maker = Maker()
    rows = maker.session(9)
    for part in ((1, 3), (4, 6), (7, 9)):
        push(database, maker, rows, *part)
    assert all(
        push(database, maker, rows, *part) for part in ((1, 3), (4, 6), (7, 9), (2, 5), (1, 9), (8, 8))
    )
    assert stored(database, maker, rows[0].session) == rows


def test_a_piece_that_comes_too_early_is_told_what_is_expected(database: Database) -> None:
    maker = Maker()
    rows = maker.session(9)
    early = refusal(database, maker, rows, 4, 6)
    assert (early.status, early.problem.code, early.problem.expect) == (409, "expect", 1)
    push(database, maker, rows, 1, 3)
    early = refusal(database, maker, rows, 7, 9)
    assert (early.status, early.problem.expect, early.problem.head) == (409, 4, rows[2].head)


def test_a_piece_that_overlaps_is_told_where_to_go_on(database: Database) -> None:
    maker = Maker()
    rows = maker.session(9)
    push(database, maker, rows, 1, 5)
    over = refusal(database, maker, rows, 1, 9)
    assert (over.status, over.problem.expect, over.problem.head) == (409, 6, rows[4].head)
    over = refusal(database, maker, rows, 4, 7)
    assert (over.status, over.problem.expect) == (409, 6)


@pytest.mark.parametrize(("kept", "first", "last"), [(5, 1, 9), (5, 1, 3), (5, 6, 9), (5, 1, 5), (5, 4, 8)])
def test_another_history_is_a_fork(database: Database, kept: int, first: int, last: int) -> None:
    maker = Maker()
    one = maker.session(9, name="same-session-name")
    other = maker.session(9, name="same-session-name")  # other salts and times: other heads
    push(database, maker, one, 1, kept)
    fork = refusal(database, maker, other, first, last)
    assert (fork.status, fork.problem.code) == (422, "fork")
    assert stored(database, maker, "same-session-name") == one[:kept]


def test_a_session_of_another_seat_cannot_be_gone_on_with(database: Database) -> None:
    mine, thief = Maker("seat-mine"), Maker("seat-thief")
    rows = mine.session(6, name="session-of-mine")
    push(database, mine, rows, 1, 3)
    forged = thief.session(6, name="session-of-mine")
    for part in ((1, 3), (1, 6), (4, 6), (1, 1)):
        assert refusal(database, thief, forged, *part).status == 403
    assert stored(database, mine, "session-of-mine") == rows[:3]


def test_two_tenants_may_have_sessions_of_the_same_name(database: Database) -> None:
    here, there = Maker(tenant="main"), Maker(tenant="other")
    one, other = here.session(3, name="session-name"), there.session(4, name="session-name")
    push(database, here, one, 1, 3)
    push(database, there, other, 1, 4)
    assert stored(database, here, "session-name") == one
    assert stored(database, there, "session-name") == other


def test_many_uploads_at_once_store_each_event_once(database: Database) -> None:
    """Sixteen tasks upload random pieces of the same sessions, in any order, again and again."""
    maker, chance = Maker(), random.Random(7)
    sessions = [maker.session(30, ended=True) for _ in range(4)]

    async def clumsy(seed: int) -> None:
        own = random.Random(seed)
        for _ in range(60):
            rows = own.choice(sessions)
            first = own.randint(1, 30)
            last = own.randint(first, min(30, first + 9))
            expected = await offered(maker.piece(rows, first, last))
            if expected:
                await offered(maker.piece(rows, expected, min(30, expected + own.randint(0, 5))))

    async def offered(piece: Checked) -> int:
        """The event that was expected instead, or 0."""
        try:
            await accept(database, maker.holder, piece)
        except RefusedError as refused:
            return refused.problem.expect if refused.status == 409 else -1
        return 0

    async def everything() -> None:
        await asyncio.gather(*(clumsy(chance.randint(0, 10**6)) for _ in range(16)))
        for rows in sessions:
            for first in range(1, 31):
                assert await offered(maker.piece(rows, first, first)) == 0

    run(everything())
    for rows in sessions:
        assert stored(database, maker, rows[0].session) == rows


def test_the_server_says_what_it_lacks(database: Database) -> None:
    maker, other = Maker("seat-one"), Maker("seat-two")
    full, part, foreign = maker.session(5), maker.session(5), other.session(5)
    push(database, maker, full, 1, 5)
    push(database, maker, part, 1, 3)
    push(database, other, foreign, 1, 5)
    said = {rows[0].session: Held(5, rows[4].head) for rows in (full, part, foreign)} | {
        "never-seen": Held(2, b"x")
    }
    found = run(database.read(partial(behind, holder=maker.holder, have=Have(sessions=said)))).behind
    assert found == {
        part[0].session: Held(3, part[2].head),
        foreign[0].session: Held(0, b""),
        "never-seen": Held(0, b""),
    }


# tenants, tokens, seats


def token(database: Database, *, hours: float = 1.0, tenant: str = "main") -> str:
    with_trust_once(database, tenant)
    job = partial(tenants.new_token, tenant=tenant, team="red", hours=hours, server_key=b"k" * 32)
    return str(run(database.write(job)))


def with_trust_once(database: Database, tenant: str) -> None:
    with suppress(SyncError):
        with_trust(database, tenant)


def request(made: str, *, seat: str = "seat-one", key: SigningKey | None = None) -> EnrolRequest:
    key = key or SigningKey.new()
    seal = b"s" * 32
    return EnrolRequest(
        token=made,
        seat=seat,
        name="Desk\0 5",
        sign_key=key.public,
        seal_key=seal,
        proof=key.sign(ENROL_TAG, made, seat, key.public, seal),
    )


def enrol(database: Database, asked: EnrolRequest) -> Any:
    return run(database.write(partial(tenants.enrol, asked=asked)))


def refused_enrol(database: Database, asked: EnrolRequest) -> str:
    with pytest.raises(RefusedError) as caught:
        enrol(database, asked)
    assert caught.value.message
    return caught.value.problem.code


def test_a_token_lets_one_seat_in_and_its_lost_answer_is_given_again(database: Database) -> None:
    made, key = token(database), SigningKey.new()
    assert enrol(database, request(made, key=key)) == ("main", "red")
    assert enrol(database, request(made, key=key)) == ("main", "red")
    assert refused_enrol(database, request(made, seat="seat-two")) == "token_used"


def test_a_token_used_by_many_at_once_lets_one_in(database: Database) -> None:
    made = token(database)

    async def all_at_once() -> list[Any]:
        asks = [partial(tenants.enrol, asked=request(made, seat=f"seat-{n}")) for n in range(8)]
        return await asyncio.gather(*(database.write(ask) for ask in asks), return_exceptions=True)

    answers: list[Any] = run(all_at_once())
    assert sum(answer == ("main", "red") for answer in answers) == 1
    codes = {answer.problem.code for answer in answers if isinstance(answer, RefusedError)}
    assert codes == {"token_used"}


def test_an_expired_token_and_a_foreign_one_are_refused(database: Database) -> None:
    made = token(database)
    run(
        database.write(
            lambda connection: (
                connection.execute(update(t.enroll_token).values(expires_at=time.time() - 1)).rowcount
            )
        )
    )
    assert refused_enrol(database, request(made)) == "token_expired"
    assert refused_enrol(database, request("x" * 43 + "." + "0" * 32)) == "token_unknown"


def test_a_seat_must_prove_its_key_and_cannot_take_anothers_place(database: Database) -> None:
    made = token(database)
    honest = request(made)
    thief = msgspec.structs.replace(honest, sign_key=SigningKey.new().public)
    assert refused_enrol(database, thief) == "proof"
    assert refused_enrol(database, request(made, seat="../seat")) == "seat_name"
    enrol(database, honest)
    assert refused_enrol(database, request(token(database))) == "seat_known"


@pytest.mark.parametrize("hours", [0.0, -1.0, 72.1, float("nan")])
def test_a_token_lasts_at_most_three_days(database: Database, hours: float) -> None:
    with pytest.raises(SyncError, match="at most 72"):
        token(database, hours=hours)


def test_no_token_before_there_is_someone_to_trust(database: Database) -> None:
    job = partial(tenants.new_token, tenant="main", team="red", hours=1, server_key=b"k" * 32)
    with pytest.raises(SyncError, match="new-publisher"):
        run(database.write(job))


def test_only_hashes_of_tokens_are_kept(database: Database) -> None:
    made = token(database)

    def rows(connection: Any) -> str:
        return repr(connection.execute(select(t.enroll_token)).all()) + repr(
            connection.execute(select(t.audit)).all()
        )

    assert made.partition(".")[0] not in run(database.read(rows))


def test_a_list_of_publishers_must_be_newer_and_of_the_same_root(database: Database) -> None:
    with_trust(database)

    def install(data: bytes) -> Any:
        return run(database.write(partial(tenants.install_trust, tenant="main", data=data)))

    with pytest.raises(SyncError, match="not newer"):
        install(trust_of(1))
    with pytest.raises(metadata.MetadataError):
        install(trust_of(2, root=SigningKey.new()))
    with pytest.raises(metadata.MetadataError, match="another organisation"):
        install(trust_of(2, tenant="other"))
    assert install(trust_of(2)).version == 2


def test_a_revoked_seat_may_not_sign_in(database: Database) -> None:
    enrol(database, request(token(database)))
    key, team = run(database.read(partial(tenants.seat_key, tenant="main", seat="seat-one")))
    assert len(key) == 32
    assert team == "red"
    run(database.write(partial(tenants.revoke, tenant="main", seat="seat-one")))
    with pytest.raises(RefusedError, match="shut out"):
        run(database.read(partial(tenants.seat_key, tenant="main", seat="seat-one")))
    with pytest.raises(SyncError):
        run(database.write(partial(tenants.revoke, tenant="main", seat="seat-one")))


# audit


def test_the_audit_is_a_chain_and_repeats_nothing(database: Database) -> None:
    maker = Maker()
    with_trust(database)
    fork = RefusedError(422, Problem(code="fork", message="Two."))
    for _ in range(3):
        run(quarantine(database, maker.holder, "session-x", fork))
    rows = run(database.read(partial(audit.entries, tenant="main")))
    assert [row.action for row in rows] == ["trust", "refused fork"]
    assert run(database.read(partial(audit.broken_at, tenant="main"))) is None


@pytest.mark.parametrize("harm", ["change", "drop", "cut"])
def test_a_changed_audit_shows(database: Database, harm: str) -> None:
    with_trust(database)
    for _ in range(3):
        token(database)

    def spoil(connection: Any) -> None:
        if harm == "change":
            connection.execute(update(t.audit).where(t.audit.c.seq == 2).values(actor="nobody"))
        else:
            connection.execute(t.audit.delete().where(t.audit.c.seq == (2 if harm == "drop" else 4)))

    run(database.write(spoil))
    expected = {"change": 2, "drop": 2, "cut": 4}[harm]
    assert run(database.read(partial(audit.broken_at, tenant="main"))) == expected


# the database itself


def test_a_job_that_fails_undoes_itself_only(database: Database) -> None:
    def good(connection: Any, name: str) -> None:
        tenants.ensure_tenant(connection, name)

    def bad(connection: Any) -> None:
        tenants.ensure_tenant(connection, "bad")
        raise SyncError("No.")

    async def together() -> list[Any]:
        jobs: list[Any] = [partial(good, name=f"t{n}") for n in range(10)]
        return await asyncio.gather(
            *(database.write(job) for job in [*jobs[:5], bad, *jobs[5:]]), return_exceptions=True
        )

    answers = run(together())
    assert [type(answer) for answer in answers if answer is not None] == [SyncError]
    count = run(database.read(lambda c: c.execute(select(func.count()).select_from(t.tenant)).scalar()))
    assert count == 10


def test_the_migrations_make_the_tables_the_code_uses(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def differences(connection: Any) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), a.person.metadata))

    assert run(database.read(differences)) == []


def test_the_epoch_stays_while_the_server_runs(database: Database) -> None:
    first = run(database.epoch())
    assert first
    assert run(database.epoch()) == first


@pytest.mark.xdist_group("postgres")
def test_a_database_that_is_away_says_try_again_and_comes_back(postgres: Postgres) -> None:
    opened = open_database(Path(), postgres.database(f"t{secrets.token_hex(6)}"))
    maker = Maker()
    rows = maker.session(9)
    try:
        push(opened, maker, rows, 1, 3)
        epoch = run(opened.epoch())
        postgres.kill()
        with pytest.raises(ServerAwayError) as caught:
            push(opened, maker, rows, 4, 6)
        assert caught.value.retry_after > 0
        postgres.start()
        for part in ((1, 3), (4, 6), (7, 9)):
            for _ in range(20):  # each connection of the pool finds out by itself
                with suppress(ServerAwayError):
                    push(opened, maker, rows, *part)
                    break
        assert stored(opened, maker, rows[0].session) == rows
        assert run(opened.epoch()) == epoch
    finally:
        opened.close()


def test_a_database_of_a_newer_halodesk_is_not_touched(tmp_path: Path) -> None:
    opened = open_database(tmp_path)
    run(opened.write(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'").rowcount))
    opened.close()
    with pytest.raises(StoreError, match="newer"):
        open_database(tmp_path)
