"""The doctor's lines about the server, each with the thing it looks at broken for real."""

from __future__ import annotations

import asyncio
import datetime
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from halodesk.runtime.threads import SystemClock
from halodesk.selftest import central
from halodesk.selftest.central import Answered, Standing
from halodesk.server import tenants
from halodesk.sync.enrol import enrol
from tests.sync.certificates import Authority
from tests.sync.seats import sync_by_command
from tests.sync.world import World, recorder
from tests.unit.test_doctor_seat import said

DAY = datetime.timedelta(days=1)
SKEWED = """
import sys, time
real, off = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + off
from halodesk.cli import main
main()
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    made.start()
    yield made
    made.stop()


def look(folder: Path) -> tuple[Standing, Answered]:
    found = central.standing(folder)
    assert found is not None
    return found, central.ask(found, SystemClock())


def test_a_seat_without_a_server(tmp_path: Path) -> None:
    assert central.standing(tmp_path) is None
    with recorder(tmp_path):
        pass
    assert central.standing(tmp_path) is None
    said(central.server_port(None), "not_checked", "works alone")
    said(central.server(None, None), "not_checked", "works alone")
    said(central.certificate(None, time.time()), "not_checked")
    said(central.waiting(None, None), "not_checked")


def test_a_server_that_is_there(world: World) -> None:
    folder = world.enrol("there")
    found, answer = look(folder)
    said(central.server_port(found), "ok", "answers")
    said(central.certificate(found, time.time()), "not_checked", "plain HTTP")
    said(central.server(found, answer), "ok", "Signed in", "main, team red")
    said(central.waiting(found, answer), "ok", "0 events of 0 sessions")
    assert answer.skew_s is not None
    assert abs(answer.skew_s) <= answer.unsure_s + 0.1
    assert central.clock(answer, 0.0, True).state == "ok"
    with recorder(folder) as seat:
        seat.session(30)
    found, answer = look(folder)
    said(central.waiting(found, answer), "ok", "30 events of 1 sessions")
    sync_by_command(folder)
    said(central.waiting(*look(folder)), "ok", "0 events")
    assert len(world.held()) == 1, "looking sent nothing, the sync did"


@pytest.mark.slow
def test_a_server_that_has_begun_a_new_history(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.start()
    folder = world.enrol("one")
    with recorder(folder) as seat:
        seat.session(3)
    sync_by_command(folder)
    assert "new history" not in central.server(*look(folder)).message
    world.kill()
    world.start()
    try:
        said(central.server(*look(folder)), "ok", "new history")
    finally:
        world.stop()


def test_a_server_that_is_away(world: World) -> None:
    folder = world.enrol("away")
    with recorder(folder) as seat:
        seat.session(30)
    world.kill()
    try:
        found, answer = look(folder)
        said(central.server_port(found), "problem", "connection was refused")
        said(central.server(found, answer), "problem", "cannot be reached", "Nothing is lost")
        said(central.waiting(found, answer), "warning", "30 events of 1 sessions", "safe here")
        said(central.clock(answer, 0.0, True), "ok", "no server to compare")
    finally:
        world.start()
    said(central.server(*look(folder)), "ok")


def test_a_seat_that_was_shut_out(world: World) -> None:
    folder = world.enrol("out")
    with recorder(folder) as seat:
        name = seat.seat
    world.console(lambda c: tenants.revoke(c, "main", name))
    said(central.server(*look(folder)), "problem", "shut out", "Tell IT")


def test_a_session_the_server_refused(world: World) -> None:
    folder = world.enrol("refused")
    with recorder(folder) as seat:
        session = seat.session(10)
        seat.store.sync.refuse(session, "fork", "Another history.").result(10)
    said(central.waiting(*look(folder)), "problem", session, "Another history", "halodesk seat retry")


@pytest.mark.parametrize(
    ("off", "state", "words"),
    [
        (-3600, "problem", "ahead of"),
        pytest.param(3600, "problem", "behind", marks=pytest.mark.slow),
        pytest.param(30, "warning", "30.0 s behind", marks=pytest.mark.slow),
    ],
)
def test_a_server_whose_clock_is_wrong(tmp_path: Path, off: int, state: str, words: str) -> None:
    world = World(tmp_path, command=(sys.executable, "-c", SKEWED, str(off)))
    world.start()
    try:
        _, answer = look(world.enrol("one", hours=3.0))
        said(central.clock(answer, 0.0, True), state, words)
    finally:
        world.stop()


@contextmanager
def secured(
    folder: Path, *, begins: datetime.timedelta = -DAY, ends: datetime.timedelta = DAY
) -> Iterator[tuple[World, Path]]:
    """A seat that enrolled while the certificate was good, and the server with another one since."""
    authority = Authority("ours")
    certificate, key = authority.issue(folder, "first")
    world = World(folder, arguments=["--certificate", str(certificate), "--key", str(key)])
    world.start()
    try:
        with recorder(folder / "seat") as seat:
            url = f"https://127.0.0.1:{world.port}"
            asyncio.run(enrol(seat.store.sync, url, world.token(), authority=authority.pem))
        world.stop()
        for old, new in zip(
            (certificate, key), authority.issue(folder, "second", begins=begins, ends=ends), strict=True
        ):
            old.write_bytes(new.read_bytes())
        world.start()
        yield world, folder / "seat"
    finally:
        world.stop()


@pytest.mark.parametrize(
    ("begins", "ends", "state", "words"),
    [
        (-1, 200, "ok", "good until"),
        pytest.param(-1, 3.1, "warning", "in 3 days", marks=pytest.mark.slow),
        (-9, -1, "problem", "has expired"),
        pytest.param(1, 9, "problem", "not valid yet", marks=pytest.mark.slow),
    ],
)
def test_certificates(tmp_path: Path, begins: float, ends: float, state: str, words: str) -> None:
    with secured(tmp_path, begins=begins * DAY, ends=ends * DAY) as (_, folder):
        found, answer = look(folder)
        said(central.certificate(found, time.time()), state, words)
        assert central.server(found, answer).state == ("problem" if state == "problem" else "ok")
        said(central.server_port(found), "ok")


def test_a_certificate_of_another_address(tmp_path: Path) -> None:
    with secured(tmp_path, ends=DAY) as (world, folder):
        with recorder(folder) as seat:
            seat.store.sync.change_link(url=f"https://localhost:{world.port}").result(10)
        said(central.certificate(look(folder)[0], time.time()), "problem", "of another name")


def test_a_certificate_of_another_authority(tmp_path: Path) -> None:
    with secured(tmp_path) as (_, folder):
        with recorder(folder) as seat:
            seat.store.sync.change_link(authority=Authority("rogue").pem).result(10)
        found, answer = look(folder)
        said(central.certificate(found, time.time()), "problem", "not to be trusted", "listen in")
        said(central.server(found, answer), "problem", "certificate")


def test_a_clock_that_was_moved_meanwhile() -> None:
    said(central.clock(None, -7.0, True), "warning", "moved by -7.0 s")


def test_a_clock_nobody_keeps_right() -> None:
    said(central.clock(None, 0.0, False), "warning", "NTP")
    said(central.clock(None, 0.0, None), "ok", "is not told here")
    assert central.synchronised() in (True, False, None)


def test_a_time_zone_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Mars/Olympus_Mons")
    said(central.clock(None, 0.0, True), "warning", "Mars/Olympus_Mons", "Correct TZ")


def test_a_server_behind_a_proxy_is_not_asked_past_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    found, _ = look(world.enrol("proxied"))
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    said(central.server_port(found), "not_checked", "through a proxy")
