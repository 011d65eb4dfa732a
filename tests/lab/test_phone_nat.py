"""A desk behind NAT, on a network that changes: who is registered, who is rung, who is heard."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from halodesk.protocol.phone_link import Account, NetworkNews, Register
from tests.lab import nat
from tests.lab.nat import NatLab, NatSeat, nat_lab
from tests.lab.pbx import Pbx
from tests.lab.phones import read_stereo, talk, tone_levels

pytestmark = [pytest.mark.lab, pytest.mark.slow]

OpenDesk = Callable[..., NatSeat]


@pytest.fixture(scope="module")
def lab(pbx: Pbx) -> Iterator[NatLab]:
    """`pbx` has fetched the packages."""
    del pbx
    if why := nat.missing():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="halodesk-nat-"))  # short: it holds a Unix socket
    try:
        with nat_lab(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def desks(lab: NatLab, tmp_path: Path) -> Iterator[OpenDesk]:
    opened: list[NatSeat] = []

    def open_desk(account: Account, *options: str) -> NatSeat:
        desk = NatSeat(tmp_path / f"desk{len(opened)}", lab.desk, *options)
        opened.append(desk)
        desk.ask(Register(account=account))
        desk.registration(account.key, "registered", timeout_s=20)
        return desk

    yield open_desk
    for desk in opened:
        desk.quit()


def tone_heard(desk: NatSeat, account: str, seconds: float = 1.5) -> float:
    """Level in dB of the PBX's tone in a call; -120: silence."""
    desk.dial("601", key="tone", account=account)
    desk.call("active", "tone")
    talk(seconds)
    levels = tone_levels(read_stereo(desk.hang_up("tone"))[:, 1], 1004.0)
    return float(np.median(levels[len(levels) // 2 : -2]))


def addresses(lab: NatLab, user: str) -> set[str]:
    """What the PBX knows of a phone."""
    return set(re.findall(rf"{user}/(sip:\S+)", lab.pbx.cli("pjsip show contacts")))


def rings(lab: NatLab, desk: NatSeat, user: str) -> None:
    """`user`: an endpoint, or 8 before it for all of its addresses."""
    where = f"Local/{user}@lab" if user.startswith("8") else f"PJSIP/{user}"
    lab.pbx.cli(f"channel originate {where} application Wait 5")
    key = desk.call("incoming").key
    desk.hang_up(key)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_desk_behind_nat_is_rung_and_hears(lab: NatLab, desks: OpenDesk, transport: str) -> None:
    """The PBX helps with the sound (symmetric RTP), as most do."""
    account = lab.pbx.account("1001", transport=transport)  # type: ignore[arg-type]  # one of three
    desk = desks(account)
    assert f"@{nat.OUTSIDE}:" in lab.pbx.cli("pjsip show contacts")
    rings(lab, desk, "1001")
    assert tone_heard(desk, "1001") > -20


def test_the_contact_is_rewritten_where_the_pbx_does_nothing(lab: NatLab, desks: OpenDesk) -> None:
    """Endpoint 1301 takes our Contact as it is."""
    desk = desks(lab.pbx.account("1301"))
    rings(lab, desk, "1301")
    assert tone_heard(desk, "1301") < -60, "without STUN the PBX sends the sound to an address in the LAN"


def test_stun_makes_the_sound_find_its_way(lab: NatLab, desks: OpenDesk, tmp_path: Path) -> None:
    if shutil.which("turnserver") is None:
        pytest.skip("not installed: coturn")
    with nat.turn_server(lab, tmp_path):
        desk = desks(replace(lab.pbx.account("1301"), stun=(f"{nat.TURN}:3478",)))
        assert tone_heard(desk, "1301") > -20


def test_turn_carries_the_sound_where_nothing_else_may_pass(
    lab: NatLab, desks: OpenDesk, tmp_path: Path
) -> None:
    if shutil.which("turnserver") is None:
        pytest.skip("not installed: coturn")
    sound = ("FORWARD", "-p", "udp", "-d", nat.PBX, "--dport", f"{nat.RTP_START}:", "-j", "DROP")
    lab.on_router("-A", *sound)
    try:
        with nat.turn_server(lab, tmp_path):
            account = replace(
                lab.pbx.account("1302"),
                ice=True,
                turn=f"{nat.TURN}:3478",
                turn_username="desk",
                turn_password="relay-pass",
            )
            assert tone_heard(desks(account), "1302", 3.0) > -20
            assert tone_heard(desks(lab.pbx.account("1001")), "1001") < -60, "the way is closed indeed"
    finally:
        lab.on_router("-D", *sound)


def test_sound_uses_the_ports_and_the_mark_of_the_settings(lab: NatLab, desks: OpenDesk) -> None:
    ports = ("FORWARD", "-i", "lan", "-p", "udp", "--sport", "41000:41099", "--dport", f"{nat.RTP_START}:")
    others = (
        "FORWARD",
        "-i",
        "lan",
        "-p",
        "udp",
        "!",
        "--sport",
        "41000:41099",
        "--dport",
        f"{nat.RTP_START}:",
    )
    marked = (*ports, "-m", "dscp", "--dscp", "46", "-j", "ACCEPT")
    unmarked = (*ports, "-m", "dscp", "!", "--dscp", "46", "-j", "DROP")
    rules = (unmarked, (*others, "-j", "DROP"), marked)
    for rule in rules:
        lab.on_router("-A", *rule)
    try:
        desk = desks(lab.pbx.account("1001"), "--rtp-port", "41000", "--rtp-ports", "100")
        assert tone_heard(desk, "1001") > -20
    finally:
        for rule in rules:
            lab.on_router("-D", *rule)


@pytest.mark.parametrize(("transport", "port"), [("udp", 5060), ("tcp", 5060), ("tls", 5061)])
def test_signalling_is_marked(lab: NatLab, desks: OpenDesk, transport: str, port: int) -> None:
    protocol = "udp" if transport == "udp" else "tcp"
    rule = ("FORWARD", "-i", "lan", "-p", protocol, "--dport", str(port), "-m", "dscp", "--dscp", "24")
    lab.on_router("-A", *rule)
    try:
        desks(lab.pbx.account("1004", transport=transport))  # type: ignore[arg-type]  # one of three
        packets = [line.split()[0] for line in lab.on_router("-nvxL", "FORWARD").splitlines()[2:]]
        assert len(packets) == 1
        assert int(packets[0]) > 0
    finally:
        lab.on_router("-D", *rule)


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_a_new_address_is_noticed_and_the_desk_is_rung_there(
    lab: NatLab, desks: OpenDesk, transport: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """This PBX keeps two addresses a phone and writes its own view into each REGISTER, so that nobody can
    take the old one back: all that it knows are rung, as a PBX does for a phone with two addresses."""
    account = lab.pbx.account("1002", transport=transport)  # type: ignore[arg-type]  # one of them
    desk = desks(account)
    before = addresses(lab, "1002")
    old, new = "192.168.77.2", "192.168.77.40"
    lab.move_desk(old, new)
    begun = time.monotonic()
    try:
        news = desk.wait("news", lambda notice: notice if isinstance(notice, NetworkNews) else None)
        assert news.kind == "changed"
        noticed = time.monotonic() - begun
        end = time.monotonic() + 20
        while addresses(lab, "1002") <= before:
            assert time.monotonic() < end, "the PBX does not know the new address"
            time.sleep(0.1)
        desk.forget()
        rings(lab, desk, "81002")
        with capsys.disabled():
            print(f" [noticed after {noticed:.1f} s]")
    finally:
        lab.move_desk(new, old)


def test_a_call_outlives_a_new_address(lab: NatLab, desks: OpenDesk) -> None:
    desk = desks(lab.pbx.account("1003"))
    desk.dial("601", key="kept", account="1003")
    desk.call("active", "kept")
    talk(1.0)
    old, new = "192.168.77.2", "192.168.77.41"
    lab.move_desk(old, new)
    try:
        talk(5.0)
        levels = tone_levels(read_stereo(desk.hang_up("kept"))[:, 1], 1004.0)
    finally:
        lab.move_desk(new, old)
    assert np.median(levels[-60:-5]) > -20
