"""The ceremony over a real server: two people approve, it keeps what it cannot read and tells all of it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from halodesk.crypto import ceremony, metadata
from halodesk.crypto.holder_file import new_holder
from halodesk.crypto.metadata import MetadataError
from halodesk.crypto.signing import SigningKey
from halodesk.protocol.sync import RefusedError
from halodesk.runtime.log import SessionLog
from halodesk.runtime.threads import SystemClock
from halodesk.server import tenants, unseal
from halodesk.server.access import Holder as Caller
from halodesk.server.database import Database
from tests.fakes.holders import SSN, Circle
from tests.fakes.unsealing import Parlour, sealed_session
from tests.server.pieces import Maker
from tests.sync.world import World, recorder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def parlour(world: World) -> Parlour:
    return Parlour(world)


def refused(act: Any, *args: Any) -> tuple[int, str]:
    with pytest.raises(RefusedError) as found:
        act(*args)
    assert found.value.message
    return found.value.status, found.value.problem.code


def test_two_holders_approve_and_the_asker_opens(parlour: Parlour) -> None:
    circle, tina = parlour.circle, parlour.asker()
    number, data, private = parlour.request()
    assert tina.ask(data).id == tina.ask(data).id == number
    for count, keys in enumerate((circle.anna, circle.bert), start=1):
        client = parlour.holder(keys)
        (waiting,) = [one for one in client.waiting().requests if one.id == number]
        assert waiting.data == data
        assert len(waiting.approved) == count - 1
        approval = parlour.approve(keys, waiting.data)
        assert client.approve(number, approval).approvals == count
        assert client.approve(number, approval).approvals == count, "its answer was lost on the way"
    answer = tina.answer(number)
    listed = tina.list_of(answer.holders)
    value = ceremony.open_value(answer.data, answer.approvals, private, listed, now=time.time())
    assert value == SSN
    tina.opened(number, ceremony.opened(circle.asker, data, answer.approvals, now=time.time()))
    assert [one.id for one in parlour.holder(circle.anna).waiting().requests] == []
    late = parlour.approve(circle.anna, data)
    assert refused(parlour.holder(circle.anna).approve, number, late)[0] == 409
    told = [(action, detail) for action, subject, detail in parlour.audit() if subject == number]
    assert [action for action, _ in told] == [
        "unseal_request",
        "unseal_approve",
        "unseal_approve",
        "unseal_collect",
        "unseal_opened",
    ]
    assert "Refund 4711" in told[0][1]
    assert ceremony.digest(data).hex() in told[0][1]
    assert SSN.decode() not in repr(told)


def test_the_server_finds_the_envelope_in_the_session_it_holds(parlour: Parlour, world: World) -> None:
    """A seat uploads; who asks needs no more than the session's id."""
    session = secrets.token_hex(12)
    with recorder(world.enrol("sealing")) as seat:
        log = SessionLog(session=session, seat=seat.seat, clock=SystemClock())
        rows = log.stamp(sealed_session(parlour.circle, session), flow="flow", version=3)
        maker = Maker(seat.seat)
        maker.key = SigningKey(seat.link.sign_seed)
        _upload(world, seat, maker.chunk(rows, 1, len(rows)))
    found = parlour.asker().sealed(session)
    (value,) = found.values
    assert (value.field, value.version) == ("ssn", 3)
    shares = []
    for keys in (parlour.circle.anna, parlour.circle.bert):
        from halodesk.crypto import envelope as envelopes

        shares.append(envelopes.open_share(value.envelope, parlour.circle.place, 1, keys.seal_private))
    assert envelopes.combine(value.envelope, parlour.circle.place, *shares) == SSN
    assert refused(parlour.asker().sealed, "nothing-such") == (404, "session")


def _upload(world: World, seat: Any, chunk: Any) -> None:
    from halodesk.protocol.sync import Receipt
    from halodesk.sync import address
    from halodesk.sync.client import ServerClient
    from halodesk.sync.service import credentials_of

    async def run() -> None:
        who = credentials_of(seat.link, seat.seat)
        async with ServerClient(world.url, address.trusting(b""), who) as client:
            await client.post("/v1/ingest", chunk, Receipt)

    asyncio.run(run())


def test_nobody_approves_the_own_request(parlour: Parlour) -> None:
    circle = parlour.circle
    anna = parlour.two_askers()
    number, data, _ = parlour.request(anna)
    parlour.asker(anna).ask(data)
    with pytest.raises(ceremony.CeremonyError, match="cannot approve it"):
        parlour.approve(circle.anna, data)
    forged = _approval(parlour, circle.anna, data)
    assert refused(parlour.holder(circle.anna).approve, number, forged) == (403, "self_approval")
    assert parlour.holder(circle.bert).approve(number, parlour.approve(circle.bert, data)).approvals == 1
    assert len(parlour.asker(anna).answer(number).approvals) == 1
    refusals = [detail for action, subject, detail in parlour.audit() if action == "unseal_refused"]
    assert any(detail.startswith("self_approval") for detail in refusals)


def _approval(parlour: Parlour, keys: Any, data: bytes) -> bytes:
    """As somebody makes it who changed the program: without the check of who asks."""
    from halodesk.crypto import envelope as envelopes
    from halodesk.crypto import hpke_keys

    asked = ceremony.claimed_request(data)
    share = envelopes.open_share(asked.envelope, asked.place, 1, keys.seal_private)
    info = f"HDX2 approval {share.slot}".encode() + ceremony.digest(data)
    body = ceremony.Approval(
        request=ceremony.digest(data),
        kid=keys.public.kid,
        slot=share.slot,
        share=hpke_keys.encrypt(1, asked.one_time, share.data, info),
        at=time.time(),
    )
    return metadata.sign_as(keys.signing, ceremony.SHARE_TAG, body)


def test_a_holder_approves_once_and_for_nobody_else(parlour: Parlour) -> None:
    circle = parlour.circle
    number, data, _ = parlour.request()
    parlour.asker().ask(data)
    anna, bert = parlour.holder(circle.anna), parlour.holder(circle.bert)
    anna.approve(number, parlour.approve(circle.anna, data))
    assert refused(anna.approve, number, parlour.approve(circle.anna, data)) == (409, "same_holder")
    assert refused(anna.approve, number, parlour.approve(circle.bert, data)) == (403, "holder")
    assert refused(bert.approve, number, parlour.approve(circle.anna, data)) == (409, "same_holder")
    assert len(parlour.asker().answer(number).approvals) == 1


@pytest.mark.parametrize("cut", [0, 40, -10])
def test_rubbish_is_refused_in_words(parlour: Parlour, cut: int) -> None:
    number, data, _ = parlour.request()
    assert refused(parlour.asker().ask, data[:cut]) == (422, "request")
    parlour.asker().ask(data)
    good = parlour.approve(parlour.circle.anna, data)
    assert refused(parlour.holder(parlour.circle.anna).approve, number, good[:cut]) == (422, "approval")
    assert parlour.asker().answer(number).approvals == ()


def test_requests_of_the_past_and_the_future_are_refused(parlour: Parlour) -> None:
    _, old, _ = parlour.request(now=time.time() - ceremony.LIFETIME_S)
    assert refused(parlour.asker().ask, old) == (409, "expired")
    _, ahead, _ = parlour.request(now=time.time() + 10 * ceremony.SKEW_S)
    assert refused(parlour.asker().ask, ahead) == (409, "clock")


def test_whoever_is_not_named_gets_in_nowhere(parlour: Parlour) -> None:
    stranger, carl = SigningKey.new(), new_holder("carl", "Carl")
    number, data, _ = parlour.request()
    parlour.asker().ask(data)
    assert refused(parlour.asker(stranger).ask, data) == (403, "person_unknown")
    assert refused(parlour.holder(carl).waiting) == (403, "person_unknown")
    anna = parlour.two_askers()
    assert refused(parlour.asker(anna).ask, data) == (403, "asker")
    assert refused(parlour.asker(anna).answer, number) == (404, "request")
    note = ceremony.opened(anna, data, (), now=time.time())
    assert refused(parlour.asker(anna).opened, number, note) == (404, "request")
    assert refused(parlour.asker().opened, number, note) == (422, "opened")


def test_an_asker_is_no_holder_and_no_seat(parlour: Parlour) -> None:
    tina, anna = parlour.asker(), parlour.holder(parlour.circle.anna)
    number, data, _ = parlour.request()
    tina.ask(data)
    assert refused(tina.waiting) == (403, "role")
    assert refused(tina.approve, number, b"x") == (403, "role")
    assert refused(anna.ask, data) == (403, "role")
    assert refused(anna.answer, number) == (403, "role")
    assert refused(anna.sealed, "s1") == (403, "role")


# the jobs, on both databases


class Bench:
    """A tenant with holders on a database."""

    def __init__(self, database: Database) -> None:
        self.database, self.circle = database, Circle()
        now = time.time()
        self.circle.list = msgspec.structs.replace(self.circle.list, issued_at=now, expires_at=now + 1e6)
        trust = metadata.Trust(tenant="main", version=1, root=self.circle.root.public)
        self.run(lambda c: tenants.install_trust(c, "main", metadata.sign(self.circle.root, trust)))
        self.install()

    def run(self, job: Any) -> Any:
        return asyncio.run(self.database.write(job))

    def install(self) -> None:
        data = self.circle.data
        self.run(lambda c: unseal.install_list(c, "main", data))

    def caller(self, subject: str, role: Any) -> Caller:
        return Caller(tenant="main", role=role, subject=subject)


def test_lists_only_grow(database: Database) -> None:
    bench = Bench(database)
    old = bench.circle.data
    with pytest.raises(MetadataError, match="in force already"):
        bench.install()
    bench.circle.admit(new_holder("carl", "Carl"))
    bench.install()
    with pytest.raises(MetadataError, match="older than list 2"):
        bench.run(lambda c: unseal.install_list(c, "main", old))
    foreign = Circle()
    with pytest.raises(MetadataError, match="does not fit"):
        bench.run(lambda c: unseal.install_list(c, "main", foreign.data))


def test_a_request_is_answered_on_this_database(database: Database) -> None:
    bench = Bench(database)
    circle = bench.circle
    tina = bench.caller(circle.asker_id, "asker")
    request, data, private = ceremony.ask(
        circle.asker, circle.place, circle.seal(), "Refund 4711 of May", now=time.time()
    )
    bench.run(lambda c: unseal.take_request(c, tina, data))
    for keys in (circle.anna, circle.bert):
        holder = bench.caller(keys.public.kid, "holder")
        approval = ceremony.approve(data, circle.list, keys, now=time.time())
        bench.run(lambda c, h=holder, a=approval: unseal.take_share(c, h, request.id, a))
    answer = bench.run(lambda c: unseal.collect(c, tina, request.id))
    value = ceremony.open_value(data, answer.approvals, private, circle.list, now=time.time())
    assert value == SSN


def test_a_server_whose_clock_was_set_back_does_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(database)
    circle = bench.circle
    tina = bench.caller(circle.asker_id, "asker")
    now = time.time()
    request, data, _ = ceremony.ask(circle.asker, circle.place, circle.seal(), "Refund 4711", now=now)
    bench.run(lambda c: unseal.take_request(c, tina, data))
    approval = ceremony.approve(data, circle.list, circle.anna, now=now)
    holder = bench.caller(circle.anna.public.kid, "holder")
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    for act in (
        lambda c: unseal.take_share(c, holder, request.id, approval),
        lambda c: unseal.collect(c, tina, request.id),
    ):
        assert refused(bench.run, act) == (409, "clock")
    monkeypatch.setattr(time, "time", lambda: now + ceremony.LIFETIME_S)
    for act in (
        lambda c: unseal.take_share(c, holder, request.id, approval),
        lambda c: unseal.collect(c, tina, request.id),
    ):
        assert refused(bench.run, act) == (409, "expired")


def test_nobody_fills_the_server_with_requests(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(database)
    monkeypatch.setattr(unseal, "MOST_OPEN", 2)
    circle = bench.circle
    tina = bench.caller(circle.asker_id, "asker")
    for left in (2, 1, 0):
        _, data, _ = ceremony.ask(circle.asker, circle.place, circle.seal(), "Refund 4711", now=time.time())
        job = lambda c, d=data: unseal.take_request(c, tina, d)  # noqa: E731  # a job of one line
        if left:
            bench.run(job)
        else:
            assert refused(bench.run, job) == (429, "too_many")


def test_a_value_of_holders_who_are_gone_is_told_when_it_is_asked_for(database: Database) -> None:
    bench = Bench(database)
    circle = bench.circle
    old = circle.seal()
    carl = new_holder("carl", "Carl")
    kept = (circle.bert.public, carl.public)
    circle.change(holders=kept, pair=(carl.public.kid, circle.bert.public.kid))
    bench.install()
    _, data, _ = ceremony.ask(circle.asker, circle.place, old, "Refund 4711", now=time.time())
    tina = bench.caller(circle.asker_id, "asker")
    with pytest.raises(RefusedError, match=circle.anna.public.kid):
        bench.run(lambda c: unseal.take_request(c, tina, data))
