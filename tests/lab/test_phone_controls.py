"""Hold, microphone and keypad tones over a real PBX, told by what the other side hears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    DtmfMethod,
    HeardBy,
    Hold,
    HoldState,
    Mask,
    Notice,
    Register,
    Rescue,
    SendDtmf,
    SetMicrophone,
    Unhold,
)
from tests.lab.pbx import Pbx
from tests.lab.phones import FRAME, RATE, Seat, read_stereo, talk, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
SOUNDS_DB = -20
"""The hum has -12 dB."""


def hold_state(seat: Seat, wanted: HoldState) -> CallInfo:
    """Waits for the next notice of that state of hold."""

    def found(notice: Notice) -> CallInfo | None:
        match notice:
            case CallChanged(call=call) if call.hold == wanted and call.state == "active":
                return call
        return None

    call = seat.wait(f"hold {wanted}", found)
    seat.forget()
    return call


@pytest.fixture
def pair(pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> tuple[Seat, Seat, str]:
    """An agent who hums to a silent caller, connected; the key of the agent's call."""
    agent = seats("agent", "--microphone", str(write_tone(tmp_path / "tone.wav")))
    far = seats("far")
    agent.register(pbx, "1003")
    far.register(pbx, "1004")
    far.dial("1003", key="far", account="1004")
    key = agent.answer().key
    far.call("active", "far")
    agent.forget()
    return agent, far, key


def heard(far: Seat) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether the hum reached the caller, frame by frame, once the call has ended."""
    return np.asarray(tone_levels(read_stereo(far.call("ended", "far"))[:, 1]) > SOUNDS_DB)


def test_hold_and_back(pair: tuple[Seat, Seat, str]) -> None:
    agent, far, key = pair
    talk(1.0)
    agent.ask(Hold(call=key))
    assert hold_state(agent, "on").recording is not None
    with pytest.raises(PhoneRefusedError, match="on hold"):
        agent.ask(SendDtmf(call=key, digits="1"))
    agent.ask(Hold(call=key))  # it is already
    agent.ask(Mask(lease="card"))
    talk(1.0)
    agent.ask(Unhold(call=key))
    back = hold_state(agent, "off")
    assert back.recording is not None
    assert back.recording.windows[-1].to_sample is None, "the mask holds on over the hold"
    talk(1.0)
    ended = agent.hang_up(key)
    assert ended.recording is not None
    assert ended.answered_at is not None
    assert ended.ended_at is not None
    talked = ended.ended_at - ended.answered_at
    assert abs(ended.recording.samples / RATE - talked) < 10 * FRAME / RATE, "the timeline never stopped"
    sounds = heard(far)
    assert sounds[:50].any()
    assert not sounds[65:90].any(), "on hold the caller does not hear the agent"
    assert sounds[-30:-5].mean() > 0.8


def test_the_microphone_is_shut_and_opened(pair: tuple[Seat, Seat, str]) -> None:
    agent, far, key = pair
    talk(1.0)
    agent.ask(SetMicrophone(call=key, muted=True))
    (call,) = agent.client.snapshot.calls
    assert call.microphone_muted
    talk(1.0)
    agent.ask(SetMicrophone(call=key, muted=False))
    talk(1.0)
    ended = agent.hang_up(key)
    assert not ended.microphone_muted
    sounds = heard(far)
    silent = np.flatnonzero(~sounds[30:-10]) + 30
    assert 40 <= len(silent) <= 60
    assert np.all(np.diff(silent) == 1), "one stretch of silence"
    mine = tone_levels(read_stereo(ended)[:, 0]) > SOUNDS_DB
    assert not mine[silent[10] : silent[-10]].any(), "our own recording keeps what the caller could hear"


def test_a_microphone_that_is_shut_stays_so_through_a_hold(pair: tuple[Seat, Seat, str]) -> None:
    agent, far, key = pair
    agent.ask(SetMicrophone(call=key, muted=True))
    agent.ask(Hold(call=key))
    hold_state(agent, "on")
    agent.ask(Unhold(call=key))
    assert hold_state(agent, "off").microphone_muted
    talk(0.7)
    agent.hang_up(key)
    assert not heard(far)[-25:].any()


@pytest.mark.parametrize(
    ("user", "method"),
    [("1003", "rfc4733"), ("1003", "info"), ("1003", "auto"), ("1401", "inband"), ("1401", "auto")],
)
def test_keypad_tones_reach_the_pbx(pbx: Pbx, seats: OpenSeat, user: str, method: DtmfMethod) -> None:
    """1401 is an endpoint that takes tones in the sound only, and agrees to no events."""
    agent = seats("agent")
    agent.ask(Register(account=replace(pbx.account(user), dtmf=method)))
    agent.registration(user, "registered")
    agent.dial("620", key="keys", account=user)
    agent.call("active", "keys")
    talk(0.3)
    before = (pbx.folder / "var/log/full").stat().st_size
    agent.ask(SendDtmf(call="keys", digits="12*90#"))
    agent.call("ended", "keys")  # the PBX reads up to #
    log = (pbx.folder / "var/log/full").read_bytes()[before:].decode(errors="replace")
    assert "DTMF-GOT 12*90" in log
    assert "12*90" not in (agent.data_dir / "logs" / "phone.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("user", "by", "masked"),
    [
        ("1003", "rfc4733", False),
        ("1501", "info", False),
        ("1401", "inband", False),
        ("1401", "inband", True),
        ("1003", "rfc4733", True),
    ],
)
def test_keys_of_the_other_side_are_told_unless_masked(
    pbx: Pbx, seats: OpenSeat, user: str, by: HeardBy, masked: bool
) -> None:
    agent = seats("agent")
    agent.register(pbx, user)
    if masked:
        agent.ask(Mask(lease="card"))
    agent.dial("621", key="keys", account=user)
    agent.call("active", "keys")
    if masked:
        talk(2.5)
    else:
        agent.wait("three keys", lambda notice: _keys(notice) == ("42#", by) or None)
    ended = agent.hang_up("keys")
    assert ended.keys_heard == ("" if masked else "42#")
    assert "42#" not in (agent.data_dir / "logs" / "phone.log").read_text(encoding="utf-8")


def _keys(notice: Notice) -> tuple[str, str]:
    return (notice.call.keys_heard, notice.call.keys_by) if isinstance(notice, CallChanged) else ("", "")


def test_keypad_refusals(pair: tuple[Seat, Seat, str]) -> None:
    agent, _, key = pair
    for digits in ("", "12x", "1\r\n2", "1" * 33):
        with pytest.raises(PhoneRefusedError, match="keypad"):
            agent.ask(SendDtmf(call=key, digits=digits))
    for request in (Hold(call="no"), Unhold(call="no"), SendDtmf(call="no", digits="1")):
        with pytest.raises(PhoneRefusedError, match="over"):
            agent.ask(request)


def test_a_held_call_whose_phone_dies_comes_back_on_hold_and_shut(
    pair: tuple[Seat, Seat, str], pbx: Pbx, seats: OpenSeat, tmp_path: Path
) -> None:
    agent, far, key = pair
    agent.ask(SetMicrophone(call=key, muted=True))
    agent.ask(Hold(call=key))
    held = hold_state(agent, "on")
    agent.kill()
    new = seats("agent", "--start-masked", "--microphone", str(tmp_path / "tone.wav"))
    new.register(pbx, "1003")
    new.ask(Rescue(call=held))
    back = hold_state(new, "on")
    assert back.microphone_muted
    assert back.rescued_from == held.sip_call_id
    talk(0.7)
    new.ask(SetMicrophone(call=key, muted=False))
    new.ask(Unhold(call=key))
    hold_state(new, "off")
    talk(3.0)  # a busy PBX takes its time until the sound flows again
    new.hang_up(key)
    sounds = heard(far)
    assert sounds[-25:-5].mean() > 0.8
    spoken = 25 + np.flatnonzero(sounds[25:-5])
    assert len(spoken) < (3.0 + 0.4) / 0.02, "nothing of the agent was heard before he was taken back"
