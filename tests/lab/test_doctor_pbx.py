"""The doctor at a real PBX: it registers for a moment, and never in place of the seat."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from halodesk.runtime import settings as s
from halodesk.selftest import children, telephone
from halodesk.selftest.checks import Check
from tests.lab.pbx import HOST, SECRET, Pbx
from tests.lab.phones import Seat
from tests.unit.test_doctor_seat import said

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
FEW_RIGHTS = """
[few]
secret=few-pass
read=call
write=reporting
"""


def settings(pbx: Pbx, user: str, password: str = SECRET, **account: str) -> s.Settings:
    return s.Settings(
        account=s.SipAccount(
            uri=f"sip:{user}@{HOST}",
            registrar=f"sip:{HOST}:{pbx.sip_port}",
            username=user,
            password=password,
            **account,  # type: ignore[arg-type]  # plain texts for its literals
        ),
        ami=s.Ami(host=HOST, port=pbx.ami_port, username="lab", secret=SECRET),
        sip_bind=HOST,
    )


def contacts(pbx: Pbx, user: str) -> list[str]:
    """What the PBX has registered for an endpoint."""
    lines = pbx.cli("pjsip show contacts").splitlines()
    return [line.split()[1] for line in lines if line.strip().startswith(f"Contact:  {user}/")]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_line_that_works(pbx: Pbx, tmp_path: Path, transport: str) -> None:
    given = settings(pbx, "1005", transport=transport)
    found = children.probe(tmp_path, given)
    said(telephone.pbx(given, found), "ok", "is registered within", "answers in")
    assert found.registered_ms < 5000
    assert contacts(pbx, "1005") == [], "it takes its own registration back"


def test_a_wrong_password(pbx: Pbx, tmp_path: Path) -> None:
    given = settings(pbx, "1005", password="wrong")
    check = telephone.pbx(given, children.probe(tmp_path, given))
    said(check, "problem", "wrong password", "answers in", "user name and password of 1005")


def test_a_user_nobody_knows(pbx: Pbx, tmp_path: Path) -> None:
    given = settings(pbx, "4711")
    check = telephone.pbx(given, children.probe(tmp_path, given))
    said(check, "problem", "is not registered")


@pytest.fixture
def window(tmp_path: Path) -> Path:
    """The lock file of an open window: this very process."""
    folder = tmp_path / "open"
    folder.mkdir(mode=0o700)
    (folder / "seat.lock").write_text(f"{os.getpid()}\nhalodesk\nhere\n", encoding="utf-8")
    return folder


def test_the_open_window_is_asked_and_keeps_its_line(pbx: Pbx, seats: OpenSeat, window: Path) -> None:
    running = seats("open")
    running.register(pbx, "1006")
    (before,) = contacts(pbx, "1006")
    given = settings(pbx, "1006")
    found = children.probe(window, given)
    assert found.whose == "window"
    said(telephone.pbx(given, found), "ok", "by the open window")
    said(telephone.sip_port(window, given), "ok", "this seat's own phone")
    assert contacts(pbx, "1006") == [before]
    assert len(running.log()) > 0


def test_a_window_whose_line_is_down_says_why(pbx: Pbx, seats: OpenSeat, window: Path) -> None:
    from halodesk.protocol.phone_link import Register

    running = seats("open")
    running.ask(Register(account=pbx.account("1006", password="wrong")))
    running.registration("1006", "failed")
    given = settings(pbx, "1006")
    said(telephone.pbx(given, children.probe(window, given)), "problem", "wrong password")


def test_a_phone_without_a_window_is_left_alone(pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> None:
    """Who attaches first is given the calls that ended meanwhile: that must be the window."""
    running = seats("alone", "--orphan-after", "30")
    running.register(pbx, "1006")
    (before,) = contacts(pbx, "1006")
    attached = sum(line["event"] == "client_attached" for line in running.log())
    given = settings(pbx, "1006")
    found = children.probe(tmp_path / "alone", given)
    assert found.whose == "alone"
    said(telephone.pbx(given, found), "not_checked", "without a window")
    said(telephone.phone(found), "not_checked", "Start HaloDesk")
    assert contacts(pbx, "1006") == [before]
    assert sum(line["event"] == "client_attached" for line in running.log()) == attached


def test_the_manager_lets_us_in(pbx: Pbx) -> None:
    said(telephone.recorders(settings(pbx, "1005")), "ok", "may do what masking needs")


def test_a_manager_user_with_too_few_rights(pbx: Pbx) -> None:
    file = pbx.folder / "etc" / "manager.conf"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + FEW_RIGHTS, encoding="utf-8")
    try:
        pbx.cli("manager reload")
        given = s.Settings(ami=s.Ami(host=HOST, port=pbx.ami_port, username="few", secret="few-pass"))
        said(telephone.recorders(given), "problem", "may not use", "MixMonitorMute", "call,reporting")
    finally:
        file.write_text(before, encoding="utf-8")
        pbx.cli("manager reload")


def test_a_manager_user_with_a_wrong_secret(pbx: Pbx) -> None:
    given = s.Settings(ami=s.Ami(host=HOST, port=pbx.ami_port, username="lab", secret="wrong"))
    said(telephone.recorders(given), "problem", "refuses the manager user")


def test_a_manager_that_only_proves_needs_no_right_to_act(pbx: Pbx) -> None:
    ami = {"host": pbx.host, "port": pbx.ami_port, "username": "proof", "secret": pbx.secret}
    code = {"control": "feature_code", "pause": "*8", "resume": "*9"}
    plain = msgspec.structs.replace(settings(pbx, "1005"), ami=None)

    def recorders(**more: object) -> Check:
        return telephone.recorders(msgspec.structs.replace(plain, recorders=({**code, **more},)))

    said(recorders(ami=ami), "ok", "may do what masking needs")
    said(recorders(), "warning", "Nothing proves")
    said(recorders(ami={**ami, "secret": "wrong"}), "problem", "refuses the manager user")
