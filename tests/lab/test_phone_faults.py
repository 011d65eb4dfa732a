"""What breaks: a window dies, a phone dies, the PBX restarts, strangers ring, nobody is there."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from halodesk.engine.errors import PhoneAwayError
from halodesk.protocol.phone_link import Mask, MaskState, ReadMask, Register, Unmask
from halodesk.sip.client import PhoneClient
from halodesk.sip.link import read_endpoint
from halodesk.sip.phone.recorder import GUARD_S
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import FRAME, RATE, Seat, read_stereo, talk, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]

WINDOW = """
import asyncio, sys, threading
from pathlib import Path
from halodesk.protocol.phone_link import Dial, Mask
from halodesk.sip.client import PhoneClient

async def main():
    active = asyncio.Event()
    def heard(notice):
        if getattr(getattr(notice, "call", None), "state", "") == "active":
            active.set()
    client = await PhoneClient.attach(Path(sys.argv[1]), on_notice=heard, on_away=print)
    await client.request(Dial(call="kept", account="1003", to="601"))
    await active.wait()
    await asyncio.sleep(0.5)
    await client.request(Mask(lease="card"))
    print("masked", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_window_that_is_killed_loses_neither_call_nor_mask(pbx: Pbx, seats: OpenSeat) -> None:
    first = seats("kept")
    first.register(pbx, "1003")
    pid = first.client.pid
    window = subprocess.Popen(
        [sys.executable, "-c", WINDOW, str(first.data_dir)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert window.stdout is not None
    with window.stdout:
        assert window.stdout.readline() == b"masked\n"
    first.detach()  # so that the window that dies is the only one
    window.kill()
    window.wait()

    begin = time.monotonic()
    again = seats("kept")
    attached_after = time.monotonic() - begin
    assert again.client.pid == pid
    (call,) = again.client.snapshot.calls
    assert (call.key, call.state) == ("kept", "active")
    assert again.client.snapshot.leases == ("card",)
    assert [r.state for r in again.client.snapshot.registrations] == ["registered"]
    time.sleep(0.5)
    state = again.ask(ReadMask())
    assert isinstance(state, MaskState)
    assert state.masked
    again.ask(Unmask(lease="card"))
    time.sleep(GUARD_S + 0.5)
    ended = again.hang_up("kept")
    assert ended.recording is not None
    (window_,) = ended.recording.windows
    assert window_.from_sample == state.positions["kept"]
    assert window_.to_sample is not None
    sound = read_stereo(ended)
    assert not sound[window_.from_sample : window_.to_sample].any()
    levels = tone_levels(sound[:, 1], 1004.0)
    assert np.quantile(levels[15 : window_.from_sample // FRAME], 0.05) > -20
    assert np.quantile(levels[window_.to_sample // FRAME + 1 : -1], 0.05) > -20
    assert attached_after < 2


LOOKER = """
import asyncio, sys
from pathlib import Path
from halodesk.sip.client import PhoneClient

async def main():
    await PhoneClient.attach(Path(sys.argv[1]), on_notice=lambda notice: None, on_away=print)
    print("attached", flush=True)
    while True:  # busy as a window is that paints
        sum(range(10_000))
        await asyncio.sleep(0)

asyncio.run(main())
"""


def test_a_window_that_is_killed_is_not_heard_by_the_caller(
    pbx: Pbx, seats: OpenSeat, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The agent hums; what the caller's phone records is what the caller hears over the kill."""
    first = seats("hums", "--microphone", str(write_tone(tmp_path / "tone.wav")))
    first.register(pbx, "1003")
    far = seats("hears")
    far.register(pbx, "1004")
    first.dial("1004", key="kept", account="1003")
    other = far.answer()
    first.call("active", "kept")
    window = subprocess.Popen(
        [sys.executable, "-c", LOOKER, str(first.data_dir)], stdout=subprocess.PIPE, cwd=Path.cwd()
    )
    assert window.stdout is not None
    with window.stdout:
        assert window.stdout.readline() == b"attached\n"
    first.detach()
    talk(1.0)
    window.kill()
    window.wait()
    talk(1.0)
    again = seats("hums")
    assert [call.state for call in again.client.snapshot.calls] == ["active"]
    talk(0.5)
    again.hang_up("kept")
    heard = tone_levels(read_stereo(far.call("ended", other.key))[:, 1])[25:-2]
    gap = int((heard < -20).sum())
    with capsys.disabled():
        print(f" [gap in the caller's audio: {gap} frames of {len(heard)}]")
    assert len(heard) > 100
    assert gap == 0


def test_an_orphaned_phone_ends_the_call_of_two_people(pbx: Pbx, seats: OpenSeat) -> None:
    """Nobody comes back: the caller is not left with a hot microphone."""
    seat = seats("alone", "--orphan-after", "1.0")
    seat.register(pbx, "1003")
    far = seats("caller")
    far.register(pbx, "1004")
    far.dial("1003", key="far", account="1004")
    seat.answer()
    far.call("active", "far")
    process = psutil.Process(seat.client.pid)
    seat.detach()
    ended = far.call("ended", "far")
    assert ended.reason == "Ended by the other side."
    process.wait(10)
    assert read_endpoint(seat.data_dir) is None


def test_a_phone_that_is_killed_is_told_and_replaced_masked(pbx: Pbx, seats: OpenSeat) -> None:
    seat = seats("killed")
    seat.register(pbx, "1003")
    seat.dial("601", key="lost", account="1003")
    call = seat.call("active", "lost")
    assert call.recording is not None
    recording = Path(call.recording.path)
    time.sleep(1.0)
    os.kill(seat.client.pid, signal.SIGKILL)
    end = time.monotonic() + 5
    while not seat.away and time.monotonic() < end:
        time.sleep(0.005)
    assert [error.message for error in seat.away] == ["The phone has ended."]
    with pytest.raises(PhoneAwayError, match="has ended"):
        seat.ask(Mask(lease="card"))
    saved, rate = soundfile.read(recording)
    assert len(saved) > 0.4 * rate, "a killed phone leaves a file that opens"

    new = seats("killed", "--start-masked")
    assert new.client.snapshot.leases == ("restart",)
    new.register(pbx, "1003")
    new.dial("601", key="next", account="1003")
    new.call("active", "next")
    time.sleep(0.5)
    state = new.ask(Unmask(lease="restart"))
    time.sleep(GUARD_S + 0.3)
    ended = new.hang_up("next")
    assert ended.recording is not None
    (window,) = ended.recording.windows
    assert isinstance(state, MaskState)
    assert (window.from_sample, window.to_sample) == (0, state.positions["next"])
    assert not read_stereo(ended)[: window.to_sample].any()


@pytest.mark.slow  # every transport of one phone: test_phone_secure.py
def test_registrations_come_back_after_a_restart_of_the_pbx(
    pbx: Pbx, seats: OpenSeat, capsys: pytest.CaptureFixture[str]
) -> None:
    seat = seats("restart")
    accounts = {
        "udp": pbx.account("1004", expires_s=10),
        "tcp": pbx.account("1005", transport="tcp", expires_s=10),
    }
    for account in accounts.values():
        seat.ask(Register(account=account))
        seat.registration(account.key, "registered")
    pbx.down()
    for account in accounts.values():
        failed = seat.registration(account.key, "failed", timeout_s=15)
        assert re.fullmatch(r"server away, next try in \d+ s", failed.message)
        assert failed.next_try_s is not None
    seat.forget()
    pbx.up()
    begin = time.monotonic()
    for account in accounts.values():
        seat.registration(account.key, "registered", timeout_s=60)
    with capsys.disabled():
        print(f" [registered again {time.monotonic() - begin:.1f} s after the PBX]")
    contacts = pbx.cli("pjsip show contacts")
    assert "1004@" in contacts
    assert "1005@" in contacts


def test_an_invite_of_a_stranger_is_refused(pbx: Pbx, seats: OpenSeat) -> None:
    seat = seats("strangers")
    seat.register(pbx, "1006")
    call_id, branch = uuid.uuid4().hex, f"z9hG4bK{uuid.uuid4().hex}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.settimeout(5)
        via = f"SIP/2.0/UDP 127.0.0.2:{stranger.getsockname()[1]};branch={branch}"
        common = [
            f"Via: {via}",
            "From: <sip:evil@127.0.0.2>;tag=1",
            f"Call-ID: {call_id}",
            "Max-Forwards: 70",
            f"Contact: <sip:evil@127.0.0.2:{stranger.getsockname()[1]}>",
        ]
        target = (HOST, seat.port())
        invite = [
            f"INVITE sip:1006@{HOST}:{seat.port()} SIP/2.0",
            *common,
            f"To: <sip:1006@{HOST}>",
            "CSeq: 1 INVITE",
            "Content-Length: 0",
        ]
        stranger.sendto("\r\n".join([*invite, "", ""]).encode(), target)
        answer = ""
        while not answer.startswith("SIP/2.0 4"):
            answer = stranger.recv(4096).decode()
        to = re.search(r"^To: (.*?)\r?$", answer, re.MULTILINE)
        assert to is not None
        ack = [
            f"ACK sip:1006@{HOST}:{seat.port()} SIP/2.0",
            *common,
            f"To: {to[1]}",
            "CSeq: 1 ACK",
            "Content-Length: 0",
        ]
        stranger.sendto("\r\n".join([*ack, "", ""]).encode(), target)
    assert answer.startswith("SIP/2.0 421 ")
    assert seat.client.snapshot.calls == ()
    assert any(line["event"] == "strangers_refused" for line in seat.log())


def test_an_orphaned_phone_refuses_calls_ends_its_own_and_leaves(
    pbx: Pbx, caller: Seat, seats: OpenSeat
) -> None:
    del caller
    seat = seats("orphan", "--orphan-after", "1.5")
    seat.register(pbx, "1007")
    seat.dial("601", key="alone", account="1007")
    recording = seat.call("active", "alone").recording
    assert recording is not None
    process = psutil.Process(seat.client.pid)
    other = seats("other")
    other.register(pbx, "1008")
    seat.detach()
    other.dial("1007", key="nobody", account="1008")
    other.call("ended", "nobody")  # the PBX's voicemail knows no box 1007
    refused = [line for line in seat.log() if line["event"] == "call_refused"]
    assert [line["code"] for line in refused] == [480]
    process.wait(10)
    leaves = [line for line in seat.log() if line["event"] == "phone_leaves"]
    assert [line["reason"] for line in leaves] == ["orphaned"]
    assert read_endpoint(seat.data_dir) is None
    assert "1007" not in pbx.cli("core show channels concise")
    assert soundfile.info(recording.path).frames > RATE


def test_a_call_that_ended_unseen_is_told_to_the_next_window(pbx: Pbx, seats: OpenSeat) -> None:
    seat = seats("unseen")
    seat.register(pbx, "1003")
    seat.dial("630", key="brief", account="1003")  # answers and hangs up after 0.2 s
    seat.call("active", "brief")
    seat.detach()
    end = time.monotonic() + 5
    while not any(line["event"] == "recording_closed" for line in seat.log()):
        assert time.monotonic() < end
        time.sleep(0.01)
    again = seats("unseen")
    (call,) = again.client.snapshot.calls
    assert (call.key, call.state, call.reason) == ("brief", "ended", "Ended by the other side.")
    assert call.recording is not None
    assert read_stereo(call).size
    assert isinstance(again.client, PhoneClient)


@pytest.mark.slow
def test_hundreds_of_short_calls_at_three_lines(pbx: Pbx, seats: OpenSeat) -> None:
    """Ports that come and go under the running audio clock once aborted the phone after 100 calls."""
    seat = seats("busy")
    seat.register(pbx, "1008")
    for turn in range(100):
        keys = [f"{turn}-{line}" for line in range(3)]
        for key in keys:
            seat.dial("630", key=key, account="1008")  # answers and hangs up after 0.2 s
        for key in keys:
            recording = seat.call("ended", key).recording
            assert recording is not None
            assert recording.samples > 5 * FRAME
            assert recording.lost_frames == 0
        seat.forget()
    assert not [line for line in seat.log() if line["level"] != "info"]
