"""Who may sign in at a seat: names, roles, wrong passwords, leases, clocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from halodesk.cli.root import app
from halodesk.crypto import verifier
from halodesk.engine.errors import SignInError, StoreError
from halodesk.engine.roles import holds_role, roles_of
from halodesk.store.people import LONGEST_LOCK_S, lock_s
from halodesk.store.seat_store import SeatStore
from halodesk.store.sign_in import check_here
from tests.fakes.keys import cheap_keys  # noqa: F401  # a fixture

PASSWORD = "correct horse"
NOW = 1_800_000_000.0
DAY = 86_400.0


class Clock:
    """Says what it is told."""

    def __init__(self) -> None:
        self.at = NOW

    def wall(self) -> float:
        return self.at

    def mono(self) -> float:
        return 0.0


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords in clear, for tests of everything around them."""
    monkeypatch.setattr(verifier, "make", lambda password: f"plain:{password}")
    monkeypatch.setattr(verifier, "fits", lambda kept, password: kept == f"plain:{password}")


@pytest.fixture
def store(tmp_path: Path, cheap: None) -> Iterator[SeatStore]:
    opened = SeatStore(tmp_path)
    opened.people.add("Anna", "agent", verifier.make(PASSWORD))
    yield opened
    opened.close()


def test_a_verifier_says_nothing_and_fits_one_password() -> None:
    made = verifier.make(PASSWORD)
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in made
    assert verifier.fits(made, PASSWORD)
    assert not verifier.fits(made, PASSWORD + "x")
    assert not verifier.fits("no verifier", PASSWORD)
    assert made != verifier.make(PASSWORD)
    for guess in ("", "hello"):  # the stand-in for an unknown name lets nobody in
        assert not verifier.fits(verifier.NOBODY, guess)


@pytest.mark.parametrize(("password", "bad"), [("short", True), ("x" * 257, True), ("long enough", False)])
def test_what_a_password_must_be(password: str, bad: bool) -> None:
    assert bool(verifier.problem(password)) == bad


def test_roles_include_those_below() -> None:
    assert holds_role("team_lead", roles_of("supervisor"))
    assert holds_role("lead", roles_of("team_lead")), "as older flows say it"
    assert not holds_role("supervisor", roles_of("team_lead"))
    assert holds_role("agent", ())
    assert holds_role("", ())
    assert roles_of("retention") == ("retention",)


def test_names_are_found_whatever_their_case(store: SeatStore) -> None:
    assert check_here(store.people, " anna ", PASSWORD, Clock()).name == "Anna"
    with pytest.raises(StoreError, match="here already"):
        store.people.add("ANNA", "agent", "x")


@pytest.mark.parametrize(
    ("name", "role"), [("", "agent"), ("a\nb", "agent"), ("x" * 81, "agent"), ("Bo", "boss")]
)
def test_bad_names_and_roles(store: SeatStore, name: str, role: str) -> None:
    with pytest.raises(StoreError):
        store.people.add(name, role, "x")


def fail(store: SeatStore, clock: Clock, times: int = 1, name: str = "Anna") -> SignInError:
    """Wrong passwords; the last refusal."""
    for _ in range(times):
        with pytest.raises(SignInError) as refused:
            check_here(store.people, name, "wrong one", clock)
    return refused.value


def test_wrong_passwords_lock_for_longer_and_longer(store: SeatStore, tmp_path: Path) -> None:
    clock = Clock()
    assert fail(store, clock, 3).todo.startswith("Try again")
    assert fail(store, clock).todo == "Wait 5 seconds."
    assert "too many wrong passwords" in fail(store, clock).message, "not even looked at"
    store.close()
    with SeatStore(tmp_path) as again:
        with pytest.raises(SignInError, match="too many"):
            check_here(again.people, "Anna", PASSWORD, clock)  # a restart does not help
        clock.at += 5.1
        assert fail(again, clock).todo == "Wait 10 seconds."
        clock.at += 10.1
        assert check_here(again.people, "Anna", PASSWORD, clock).name == "Anna"
        assert fail(again, clock).wrong, "and counting starts anew"
        assert [lock_s(n) for n in (3, 4, 5, 6)] == [0, 5, 10, 20]
        assert lock_s(60) == LONGEST_LOCK_S


def test_a_clock_set_back_does_not_lock_for_ever(store: SeatStore) -> None:
    clock = Clock()
    fail(store, clock, 4)
    clock.at -= 30 * DAY
    assert "Wait 5 seconds." in fail(store, clock).todo, "no longer than it would have been"


def test_an_unknown_name_says_the_same_as_a_wrong_password(store: SeatStore) -> None:
    clock = Clock()
    assert fail(store, clock, name="Nobody").message == fail(store, clock).message


def test_a_lease_ends(store: SeatStore) -> None:
    clock = Clock()
    store.people.lease("Kim", "team_lead", verifier.make(PASSWORD), NOW + DAY, NOW)
    assert check_here(store.people, "Kim", PASSWORD, clock).role == "team_lead"
    clock.at += DAY
    with pytest.raises(SignInError, match="too long") as refused:
        check_here(store.people, "Kim", PASSWORD, clock)
    assert "network" in refused.value.todo
    assert check_here(store.people, "Anna", PASSWORD, clock).lease_until is None


def test_a_clock_set_back_brings_no_lease_back(store: SeatStore) -> None:
    clock = Clock()
    store.people.lease("Kim", "agent", verifier.make(PASSWORD), NOW + DAY, NOW)
    store.people.latest(NOW)
    clock.at = NOW + 2 * DAY
    with pytest.raises(SignInError, match="too long"):
        check_here(store.people, "Kim", PASSWORD, clock)
    clock.at = NOW + 3600
    with pytest.raises(SignInError, match="was set back") as refused:
        check_here(store.people, "Kim", PASSWORD, clock)
    assert "2027-01-17" in refused.value.todo
    store.people.lease(
        "Kim", "agent", verifier.make(PASSWORD), NOW + DAY, NOW + 3600
    )  # the server knows better
    assert check_here(store.people, "Kim", PASSWORD, clock).name == "Kim"


@pytest.mark.parametrize("role", ["agent", "from a newer server"])
def test_a_role_from_the_server_gives_no_more_than_is_known(store: SeatStore, role: str) -> None:
    store.people.lease("Kim", role, "x", NOW, NOW)
    found = store.people.find("Kim")
    assert found is not None
    assert found.role == "agent"


# the command


def run(folder: Path, *args: str, **env: str) -> Result:
    return CliRunner().invoke(app, ["people", *args, "--data", str(folder)], env=env)


def test_the_command(tmp_path: Path, cheap: None) -> None:
    new = {"HALODESK_NEW_PASSWORD": PASSWORD}
    admin = {"HALODESK_PASSWORD": PASSWORD}
    assert run(tmp_path, "list").output == "Nobody signs in at this seat.\n"
    assert "at least 8" in run(tmp_path, "add", "Eva", HALODESK_NEW_PASSWORD="short").stderr
    assert run(tmp_path, "add", "Eva", "--role", "admin", **new).exit_code == 0
    assert "Say who you are" in run(tmp_path, "add", "Anna", **new).stderr
    assert run(tmp_path, "add", "Anna", "--as", "Eva", **new, **admin).exit_code == 0
    wrong = run(tmp_path, "role", "Anna", "admin", "--as", "Anna", **admin)
    assert "Only an admin" in wrong.stderr
    assert run(tmp_path, "role", "Anna", "team_lead", "--as", "Eva", **admin).exit_code == 0
    assert "only admin" in run(tmp_path, "remove", "Eva", "--as", "Eva", **admin).stderr
    assert (
        run(tmp_path, "reset", "Anna", "--as", "Eva", **admin, HALODESK_NEW_PASSWORD="another one").exit_code
        == 0
    )
    rows = json.loads(run(tmp_path, "list", "--json").stdout)
    assert [(row["name"], row["role"]) for row in rows] == [("Anna", "team_lead"), ("Eva", "admin")]
    with SeatStore(tmp_path) as opened:
        assert check_here(opened.people, "Anna", "another one", Clock()).name == "Anna"
    assert run(tmp_path, "remove", "Anna", "--as", "Eva", **admin).exit_code == 0
    assert run(tmp_path, "remove", "Eva", "--as", "Eva", **admin).exit_code == 0, (
        "the last one: all work again"
    )
