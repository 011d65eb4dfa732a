"""A person at a seat with a server: let in there, then for a while without it. Real processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest
from sqlalchemy import text

from halodesk.app.people import SeatPeople
from halodesk.crypto import verifier
from halodesk.runtime.people import Came, SignInProblem
from halodesk.runtime.threads import IoThread, SystemClock
from halodesk.server import people as server_people
from halodesk.store.erasing import Wish
from halodesk.store.seat_store import SeatStore
from halodesk.sync.service import SyncService
from tests.sync.world import World, recorder

PASSWORD = "correct horse"


class Shifted(SystemClock):
    """The computer's clock, wrong by so much."""

    def __init__(self) -> None:
        self.by = 0.0

    def wall(self) -> float:
        return super().wall() + self.by


class Desk:
    """One seat's people."""

    def __init__(self, folder: Path) -> None:
        self.answers: Queue[Callable[[], None]] = Queue()
        self.came: list[Came] = []
        self.store, self.io, self.clock = SeatStore(folder), IoThread(), Shifted()
        self.people = SeatPeople(self.store, self.io, self.answers.put, self.clock, self.came.append)

    def sign_in(self, name: str, password: str = PASSWORD) -> Came | SignInProblem:
        heard: list[Came | SignInProblem] = []
        self.people.sign_in(name, password, heard.append)
        self.answers.get(timeout=60)()
        return heard[0]

    def close(self) -> None:
        self.people.close()
        self.store.close()
        self.io.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    kept = verifier.make(PASSWORD)
    for name, team in (("Kim", ""), ("Lou", "blue")):
        made.console(
            lambda c, name=name, team=team: server_people.add(
                c, "main", name=name, role="team_lead", team=team, kept=kept
            )
        )
    (made.server_folder / "policy.json").write_text('{"sign_in": true, "sign_in_days": 2}')
    made.start()
    yield made
    made.stop()


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    made = Desk(world.enrol("one"))
    yield made
    made.close()


def problem(answer: Came | SignInProblem) -> str:
    assert isinstance(answer, SignInProblem), answer
    return f"{answer.message} {answer.todo}"


def test_in_with_the_server_and_then_without_until_the_lease_ends(world: World, desk: Desk) -> None:
    assert desk.people.required, "the server's policy wants it"
    assert desk.people.sees_only() == "", "nobody is signed in: nobody's sessions"
    assert "wrong" in problem(desk.sign_in("Kim", "wrong password"))
    assert "wrong" in problem(desk.sign_in("Lou")), "of another team"
    came = desk.sign_in("kim")
    assert isinstance(came, Came)
    assert (came.name, came.role) == ("Kim", "team_lead")
    assert desk.came == [came]
    assert desk.people.sees_only() is None
    world.kill()
    assert isinstance(desk.sign_in("Kim"), Came), "the server is away"
    assert "wrong" in problem(desk.sign_in("Kim", "guessed it"))
    assert "never signed in at this seat" in problem(desk.sign_in("Lou"))
    desk.clock.by = 2 * 86_400 + 60
    assert "too long" in problem(desk.sign_in("Kim"))
    desk.clock.by = 0.0
    assert "set back" in problem(desk.sign_in("Kim")), "it showed two days more before"
    world.start()
    assert isinstance(desk.sign_in("Kim"), Came), "the server knows the time"


def test_who_was_taken_off_the_list_is_out_at_once(world: World, desk: Desk) -> None:
    assert isinstance(desk.sign_in("Kim"), Came)
    world.console(lambda c: server_people.remove(c, "main", "Kim"))
    assert "wrong" in problem(desk.sign_in("Kim"))
    world.kill()
    assert isinstance(desk.sign_in("Kim"), SignInProblem), "and nothing is left of her here"


def test_too_many_wrong_passwords_lock_the_name_at_every_seat(world: World, desk: Desk) -> None:
    for _ in range(4):
        desk.sign_in("Kim", "wrong password")
    assert "too many" in problem(desk.sign_in("Kim")).lower()
    other = Desk(world.enrol("two"))
    try:
        assert "too many" in problem(other.sign_in("Kim")).lower()
    finally:
        other.close()


def test_an_erasure_reaches_the_server_and_receipts_still_hold(world: World) -> None:
    folder = world.enrol("eraser")

    def sync(store: SeatStore) -> None:
        link = store.sync.link()
        assert link is not None
        io = IoThread()
        service = SyncService(store.sync, link, seat=store.seat(), on_flow=lambda flow: None)
        io.submit(service.once()).result(60)
        io.close()

    with recorder(folder) as made:
        session = made.session(8)
        sync(made.store)
        assert made.store.proofs.prove(session).ok
        assert "Grüße 3".encode() in world.held()[session]

        class Later(SystemClock):
            def wall(self) -> float:
                return time.time() + 600

        made.store.eraser.erase(Wish(session=session, reason="Asked.", by="Sam"), Later())
        sync(made.store)
        assert made.store.sync.erasures() == []
        held = world.held()[session]
        assert "Grüße 3".encode() not in held
        assert b'"code":"erased"' in held, "the fact went up, too"
        proof = made.store.proofs.prove(session)
        assert {part.name: part.state for part in proof.parts if part.state != "proven"} == {
            "counter": "not_proven"
        }, "the recorder of these tests gives no numbers"
        change = text("SELECT count(*) FROM event WHERE payload IS NULL")
        with made.store._engine.connect() as connection:
            assert connection.execute(change).scalar_one() > 0
