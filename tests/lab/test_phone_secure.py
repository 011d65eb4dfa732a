"""TLS and SRTP against the real PBX: what is refused, what is encrypted, what is said."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
from msgspec.structs import replace

from halodesk.protocol.phone_link import Notice, Register, Registration, RegistrationChanged
from halodesk.sip.client import phone_argv
from halodesk.sip.keeper import PhoneKeeper
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat, read_stereo, talk, tone_levels

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]

NO_ENCRYPTION = "This account allows encrypted calls only (SRTP), and the other side has no encryption."


def open_line(seats: OpenSeat, pbx: Pbx, name: str, user: str, *options: str, **given: object) -> Seat:
    seat = seats(name, *options)
    seat.ask(Register(account=pbx.account(user, **given)))  # type: ignore[arg-type]  # some of its fields
    seat.registration(user, "registered")
    return seat


def test_a_call_over_tls_with_srtp_is_secured_and_heard(pbx: Pbx, seats: OpenSeat) -> None:
    seat = open_line(seats, pbx, "secure", "1101", transport="tls", srtp="required")
    seat.dial("601", key="tone", account="1101")
    call = seat.call("active", "tone")
    assert call.secured
    talk(1.5)
    heard = tone_levels(read_stereo(seat.hang_up("tone"))[:, 1], 1004.0)
    assert np.median(heard[20:-2]) > -20
    assert "AES_CM_128_HMAC_SHA1_80" not in str(seat.log()), "no keys and no suites in the log"


def test_keys_that_went_in_the_clear_secure_nothing(pbx: Pbx, seats: OpenSeat) -> None:
    seat = open_line(seats, pbx, "clear", "1102", srtp="required")
    seat.dial("600", key="echo", account="1102")
    assert not seat.call("active", "echo").secured
    assert not seat.hang_up("echo").secured


@pytest.mark.parametrize("srtp", ["off", "offered"])
def test_what_is_offered_is_used_where_the_pbx_agrees(pbx: Pbx, seats: OpenSeat, srtp: str) -> None:
    seat = open_line(seats, pbx, "offers", "1003", transport="tls", srtp=srtp)
    seat.dial("600", key="echo", account="1003")
    assert seat.call("active", "echo").secured is (srtp == "offered")
    seat.hang_up("echo")


def test_a_pbx_without_srtp_is_refused_where_it_is_required(pbx: Pbx, seats: OpenSeat) -> None:
    seat = open_line(seats, pbx, "outward", "1201", transport="tls", srtp="required")
    seat.dial("600", key="open", account="1201")
    ended = seat.call("ended", "open")
    assert (ended.reason, ended.answered_at, ended.recording) == (NO_ENCRYPTION, None, None)


def test_an_open_call_is_refused_and_told_where_srtp_is_required(pbx: Pbx, seats: OpenSeat) -> None:
    seat = open_line(seats, pbx, "inward", "1202", transport="tls", srtp="required")
    other = open_line(seats, pbx, "other", "1004")
    other.dial("1202", key="open", account="1004")
    fault = seat.fault("open_call_refused")
    assert (
        fault.message == "A call of 1004 was refused: it is not encrypted, and this account takes no other."
    )
    other.hang_up("open")  # by now with the voicemail
    assert seat.client.snapshot.calls == ()


def test_a_secured_call_comes_in(pbx: Pbx, seats: OpenSeat) -> None:
    seat = open_line(seats, pbx, "rings", "1103", transport="tls", srtp="required")
    other = open_line(seats, pbx, "dials", "1005")
    other.dial("1103", key="in", account="1005")
    call = seat.answer()
    assert call.secured
    assert not other.call("active", "in").secured
    other.hang_up("in")
    seat.call("ended", call.key)


def test_registrations_over_all_transports_come_back_after_a_restart(
    pbx: Pbx, seats: OpenSeat, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three accounts on one phone."""
    seat = seats("three")
    accounts = [
        pbx.account("1006", expires_s=10),
        pbx.account("1007", transport="tcp", expires_s=10),
        pbx.account("1104", transport="tls", srtp="required", expires_s=10),
    ]
    for account in accounts:
        seat.ask(Register(account=account))
        seat.registration(account.key, "registered")
    pbx.down()
    for account in accounts:
        assert seat.registration(account.key, "failed", timeout_s=20).message.startswith("server away, next")
    seat.forget()
    pbx.up()
    begun = time.monotonic()
    spent = []
    for account in accounts:
        seat.registration(account.key, "registered", timeout_s=60)
        spent.append(f"{account.transport} {time.monotonic() - begun:.1f} s")
    with capsys.disabled():
        print(f" [registered again: {', '.join(spent)}]")


def test_each_line_rings_and_dials_as_itself(pbx: Pbx, seats: OpenSeat) -> None:
    """Two lines over UDP and one over TLS at one phone."""
    seat = seats("lines")
    lines = {"1002": "udp", "1003": "udp", "1101": "tls"}
    for user, transport in lines.items():
        seat.ask(Register(account=pbx.account(user, transport=transport, srtp="offered")))  # type: ignore[arg-type]  # one of two
        seat.registration(user, "registered")
    other = open_line(seats, pbx, "far", "1008")
    for user in lines:
        other.forget()
        seat.forget()
        other.dial(user, key=f"to-{user}", account="1008")
        call = seat.answer()
        assert (call.account, call.called) == (user, user)
        other.hang_up(f"to-{user}")
        seat.call("ended", call.key)
        seat.dial("1008", key=f"by-{user}", account=user)
        heard = other.answer()
        assert heard.remote_number == user
        seat.hang_up(f"by-{user}")
        other.call("ended", heard.key)


def test_a_line_that_cannot_be_leaves_the_others_alone(pbx: Pbx, tmp_path: Path) -> None:
    """The keeper's way: all lines of the settings, one of them with an authority that is not there."""
    told: Queue[Registration] = Queue()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def heard(notice: Notice) -> None:
        if isinstance(notice, RegistrationChanged):
            told.put(notice.registration)

    lines = [
        replace(pbx.account("1104", transport="tls"), ca_file=str(tmp_path / "gone.pem")),
        pbx.account("1005"),
    ]
    keeper = PhoneKeeper(
        data_dir=tmp_path / "data",
        argv=lambda masked: phone_argv(tmp_path / "data", "--bind", HOST, "--sound", "none"),
        accounts=lines,
        loop=loop,
        on_attached=lambda snapshot, found: None,
        on_notice=heard,
        on_away=lambda error: None,
    )
    try:
        loop.call_soon_threadsafe(keeper.start)
        last: dict[str, str] = {}
        while last != {"1104": "failed", "1005": "registered"}:
            found = told.get(timeout=20)
            last[found.account] = found.state
        assert [one.state for one in keeper.registrations] == ["failed", "registered"]
    finally:
        asyncio.run_coroutine_threadsafe(keeper.close(quit_phone=True), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
