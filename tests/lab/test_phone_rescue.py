"""A phone dies in mid-call and the next one fetches the call back by INVITE with Replaces."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halodesk.protocol.phone_link import Rescue, Unmask
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat, read_stereo, talk, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]


@pytest.mark.parametrize(
    ("number", "direction"),
    [pytest.param("1003", "in", marks=pytest.mark.slow), ("700", "in"), ("1002", "out")],
)
def test_a_call_outlives_its_phone(
    pbx: Pbx, seats: OpenSeat, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str, direction: str
) -> None:
    """Straight, through the queue, and dialled by the agent: the other side stays on the line."""
    user = "1001" if number == "700" else "1003"
    tone = str(write_tone(tmp_path / "tone.wav"))
    seat = seats("agent", "--microphone", tone)
    seat.register(pbx, user)
    far = seats("far", "--microphone", tone)
    far.register(pbx, "1002")
    if direction == "in":
        far.dial(number, key="far", account="1002")
        call = seat.answer()
        other = far.call("active", "far")
    else:
        seat.dial(number, key="agent", account=user)
        other = far.answer()
        call = seat.call("active", "agent")
    assert call.local_tag
    assert call.remote_tag
    talk(1.0)
    seat.kill()

    new = seats("agent", "--start-masked", "--microphone", tone)
    new.register(pbx, user)
    new.ask(Rescue(call=call))
    rescued = new.call("active", call.key)
    new.ask(Unmask(lease="restart"))
    talk(1.5)
    ports = {line["port"] for line in new.log() if line["event"] == "phone_started"}
    assert len(ports) == 1, "the PBX still finds the phone where it was"
    assert rescued.rescued_from == call.sip_call_id != rescued.sip_call_id
    assert (rescued.direction, rescued.remote_number) == (call.direction, call.remote_number)
    assert rescued.answered_at == call.answered_at
    assert rescued.recording is not None
    assert call.recording is not None
    assert rescued.recording.path != call.recording.path
    assert [one.key for one in far.client.snapshot.calls] == [other.key], "the other side never hung up"
    ended = new.hang_up(call.key)
    assert ended.reason == "Ended here."
    heard = tone_levels(read_stereo(far.call("ended", other.key))[:, 1])
    sounding = np.flatnonzero(heard > -20)
    gap = int(np.diff(sounding).max()) * 0.02
    with capsys.disabled():
        print(f" [gap at the far end: {gap:.2f} s]")
    # How long it takes is measured in tests/bench; a busy machine may take its time here.
    assert 0.1 < gap < 20, "the sound stopped with the phone and came back"
    assert len(heard) - sounding[-1] < 15
    assert np.quantile(tone_levels(read_stereo(ended)[:, 1])[-25:-2], 0.1) > -20


def test_a_call_the_pbx_no_longer_knows_comes_back_ended(pbx: Pbx, seats: OpenSeat) -> None:
    seat = seats("agent")
    seat.register(pbx, "1003")
    seat.dial("601", key="lost", account="1003")
    call = seat.call("active", "lost")
    seat.kill()
    pbx.cli("channel request hangup all")

    new = seats("agent", "--start-masked")
    new.register(pbx, "1003")
    new.ask(Rescue(call=call))
    ended = new.call("ended", "lost")
    assert (ended.code, ended.rescued_from) == (481, call.sip_call_id)
    assert new.client.snapshot.calls == ()


def test_a_port_that_somebody_else_has_taken_is_left_to_him(seats: OpenSeat) -> None:
    seat = seats("taken")
    port = seat.port()
    seat.kill()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, port))
        new = seats("taken")
        assert [line["port"] for line in new.log() if line["event"] == "last_port_taken"] == [port]
        assert new.client.capabilities.max_calls
