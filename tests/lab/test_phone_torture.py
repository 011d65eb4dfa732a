"""What no phone should be sent: torture messages, mutants, floods that nobody acknowledges. It goes on."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from halodesk.protocol.phone_link import CallChanged, HangUp, Ping, Register
from tests.lab import torture
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat
from tests.lab.sipp import Sipp, ask
from tests.lab.test_phone_sipp import DIRECT

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
STRANGER = "127.0.0.2"


@contextmanager
def wire(address: str) -> Iterator[socket.socket]:
    """A socket that takes what comes back and forgets it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind((address, 0))
        found.setblocking(False)
        yield found


def send(line: socket.socket, message: bytes, seat: Seat) -> None:
    line.sendto(message, (HOST, seat.port()))
    seat.ask(Ping())  # it lives, and has had a turn


def refuse_all(seat: Seat) -> None:
    """Declines what a broken INVITE made ring."""
    for call in seat.client.snapshot.calls:
        if call.state == "incoming":
            seat.ask(HangUp(call=call.key))
    seat.forget()


@pytest.mark.parametrize("address", [HOST, STRANGER], ids=["peer", "stranger"])
def test_torture_messages_do_not_bring_it_down(seats: OpenSeat, address: str) -> None:
    seat = seats("tortured")
    seat.ask(Register(account=DIRECT))
    pid = seat.client.pid
    with wire(address) as line:
        for name, message in torture.messages(line.getsockname()[1]):
            try:
                send(line, message, seat)
            except Exception as error:
                raise AssertionError(f"the phone did not outlive {name}") from error
    rang = [notice for notice in seat.notices if isinstance(notice, CallChanged)]
    assert bool(rang) is (address == HOST)
    assert psutil.Process(pid).is_running()
    assert not [line for line in seat.log() if line["level"] == "error"]


@pytest.mark.parametrize(
    ("address", "count"),
    [
        (HOST, 150),
        (STRANGER, 150),
        pytest.param(HOST, 3000, marks=pytest.mark.slow),
    ],
)
def test_mutated_invites_do_not_bring_it_down(seats: OpenSeat, address: str, count: int) -> None:
    seat = seats("mutants")
    seat.ask(Register(account=DIRECT))
    with wire(address) as line:
        for number, message in enumerate(torture.mutants(count, line.getsockname()[1], seed=count)):
            try:
                send(line, message, seat)
            except Exception as error:
                raise AssertionError(f"the phone did not outlive mutant {number} of {count}") from error
            if number % 20 == 19:
                refuse_all(seat)
    assert not [line for line in seat.log() if line["level"] == "error"]


def test_calls_that_come_and_go_in_a_flash_do_not_use_up_its_sockets(seats: OpenSeat) -> None:
    """pjlib aborts at the 65th socket, and one that was closed counts for half a second: see `pace`."""
    seat = seats("flashes")
    seat.ask(Register(account=DIRECT))
    codes = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((HOST, 0))
        line.settimeout(5)
        line.connect((HOST, seat.port()))
        for number in range(120):
            codes.append(_flash(line, f"flash{number}"))
    assert set(codes) <= {"487", "421", "486"}
    assert codes.count("487") > 15
    assert codes.count("421") > 15, "some were too fast"
    seat.ask(Ping())
    assert not [line for line in seat.log() if line["level"] == "error"]


def _flash(line: socket.socket, name: str) -> str:
    """One INVITE that is taken back as soon as it rings; how it ended."""
    invite = torture.plain(name, line.getsockname()[1])
    line.send(invite)
    head = invite.split(b"\r\nContent-Type")[0]
    while True:
        answer = line.recv(4000)
        code = answer[8:11].decode()
        if name.encode() not in answer or b" CANCEL\r\n" in answer or code == "100":
            continue
        if code == "180":
            cancel = head.replace(b"INVITE", b"CANCEL")
            line.send(cancel + b"\r\nContent-Length: 0\r\n\r\n")
            continue
        to = next(part for part in answer.split(b"\r\n") if part.startswith(b"To:"))
        acknowledged = head.replace(b"INVITE", b"ACK").replace(b"To: <sip:1001@127.0.0.1>", to)
        line.send(acknowledged + b"\r\nContent-Length: 0\r\n\r\n")
        return code


def test_a_flood_nobody_acknowledges_takes_no_line(pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> None:
    """300 INVITEs of a stranger, each left open; meanwhile the PBX's own calls ring and are answered."""
    seat, caller = seats("flooded"), seats("caller")
    seat.register(pbx, "1003")
    caller.register(pbx, "1004")
    never = (ask("INVITE", body=torture.SDP.strip()), '<pause milliseconds="8000"/>')
    with Sipp(
        tmp_path / "sipp",
        *never,
        to=f"{HOST}:{seat.port()}",
        calls=300,
        i=STRANGER,
        mi=STRANGER,
        r="150",
        l="300",
    ):
        end = time.monotonic() + 20
        while not any(line["event"] == "strangers_refused" for line in seat.log()):
            assert time.monotonic() < end, "the flood has not begun"
            time.sleep(0.02)
        for turn in range(3):
            caller.dial("1003", key=f"real-{turn}", account="1004")
            key = seat.answer().key
            seat.hang_up(key)
            caller.call("ended", f"real-{turn}")
            seat.forget()
    assert seat.client.snapshot.registrations[0].state == "registered"
    assert "1003" not in pbx.cli("core show channels concise")


@pytest.mark.parametrize("source", [HOST, STRANGER], ids=["peer", "stranger"])
def test_an_ack_of_no_dialogue_does_not_end_the_phone(seats: OpenSeat, source: str) -> None:
    """pjsip took it for a copy of the INVITE, answered it, and aborted at its own assertion."""
    phone = seats("struck")
    phone.ask(Register(account=DIRECT))
    call_id, tag = uuid.uuid4().hex, uuid.uuid4().hex
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((source, 0))
        peer.settimeout(10)

        def ask_it(method: str) -> None:
            lines = [
                f"{method} sip:1001@{HOST}:{phone.port()} SIP/2.0",
                f"Via: SIP/2.0/UDP {source}:{peer.getsockname()[1]};branch=z9hG4bK{uuid.uuid4().hex}",
                f"From: <sip:evil@{source}>;tag={tag}",
                f"To: <sip:1001@{HOST}>",
                f"Call-ID: {call_id}",
                f"CSeq: 1 {method}",
                f"Contact: <sip:evil@{source}:{peer.getsockname()[1]}>",
                "Max-Forwards: 70",
                "Content-Length: 0",
            ]
            peer.sendto("\r\n".join([*lines, "", ""]).encode(), (HOST, phone.port()))

        ask_it("INVITE")
        while not peer.recv(4096).startswith((b"SIP/2.0 180", b"SIP/2.0 4")):
            pass
        for _ in range(3):
            ask_it("ACK")
        ask_it("OPTIONS")  # they come in order: once this is answered the others were read
        while b"CSeq: 1 OPTIONS" not in peer.recv(4096):
            pass
    phone.ask(Ping())
    assert not phone.away
    assert any(line["event"] == "stray_ack_dropped" for line in phone.log())
    refuse_all(phone)
