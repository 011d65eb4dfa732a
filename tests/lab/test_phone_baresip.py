"""baresip as the other phone, through the PBX and directly: calls both ways, hold, keys, transfer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from halodesk.protocol.phone_link import (
    Account,
    AnswerCall,
    CallChanged,
    Hold,
    Register,
    SendDtmf,
    Transfer,
    Unhold,
)
from tests.lab import baresip
from tests.lab.baresip import Baresip, spectrum_peak
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import RATE as OURS
from tests.lab.phones import Seat, read_stereo, talk, write_tone
from tests.lab.test_phone_sipp import call_told

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
AGENT_HZ, FAR_HZ = 1000.0, 500.0
NEAR_HZ = 15.0
DIRECT = Account(key="direct", uri=f"sip:1001@{HOST}", allowed_peers=(HOST,))


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """What baresip says: one minute of a tone."""
    times = np.arange(60 * baresip.RATE) / baresip.RATE
    path = tmp_path / "voice.wav"
    soundfile.write(path, 0.25 * np.sin(2 * np.pi * FAR_HZ * times), baresip.RATE, subtype="PCM_16")
    return path


@pytest.fixture
def agent(seats: OpenSeat, tmp_path: Path) -> Seat:
    return seats("agent", "--microphone", str(write_tone(tmp_path / "tone.wav", AGENT_HZ)))


def both_heard(agent: Seat, other: Baresip, key: str) -> None:
    """Ends the call; FFT of what each side heard: the other's tone."""
    ours = read_stereo(agent.hang_up(key))[:, 1]
    other.until("CALL_CLOSED")
    theirs = other.heard()
    assert abs(spectrum_peak(ours[-OURS:-1600], OURS) - FAR_HZ) < NEAR_HZ
    assert abs(spectrum_peak(theirs[-2 * baresip.RATE : -baresip.RATE]) - AGENT_HZ) < NEAR_HZ


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "pbx"])
@pytest.mark.parametrize("incoming", [True, False], ids=["in", "out"])
def test_a_call_is_heard_on_both_sides(
    pbx: Pbx, agent: Seat, tmp_path: Path, voice: Path, direct: bool, incoming: bool
) -> None:
    if direct:
        agent.ask(Register(account=DIRECT))
        line = f"<sip:other@{HOST}>;regint=0" + ("" if incoming else ";answermode=auto")
        other = Baresip(tmp_path / "other", line, voice=voice)
        account, there = "direct", f"sip:other@{HOST}:{other.sip_port}"
        here = f"sip:1001@{HOST}:{agent.port()}"
    else:
        agent.register(pbx, "1003")
        other = Baresip.at(pbx, "1004", tmp_path / "other", voice=voice, auto=not incoming)
        account, there, here = "1003", "1004", f"sip:1003@{pbx.registrar}"
    with other:
        if incoming:
            other.do("dial", here)
            key = agent.answer().key
        else:
            key = "out"
            agent.dial(there, key=key, account=account)
            agent.call("active", key)
        other.until("CALL_ESTABLISHED")
        talk(3.0)
        both_heard(agent, other, key)


def test_hold_by_each_side_and_back(agent: Seat, tmp_path: Path, voice: Path) -> None:
    agent.ask(Register(account=DIRECT))
    with Baresip(tmp_path / "other", f"<sip:other@{HOST}>;regint=0", voice=voice) as other:
        other.do("dial", f"sip:1001@{HOST}:{agent.port()}")
        key = agent.answer().key
        other.until("CALL_ESTABLISHED")
        other.do("hold")
        call_told(agent, "hold by baresip", lambda call: call.held_by_other)
        agent.forget()
        other.do("resume")
        call_told(agent, "resume by baresip", lambda call: not call.held_by_other and call.hold == "off")
        agent.forget()
        agent.ask(Hold(call=key))
        call_told(agent, "hold", lambda call: call.hold == "on")
        talk(1.2)
        agent.ask(Unhold(call=key))
        call_told(agent, "no hold", lambda call: call.hold == "off")
        talk(2.0)
        ours = read_stereo(agent.hang_up(key))[:, 1]  # baresip keeps no sound of a call it has resumed
        assert abs(spectrum_peak(ours[-OURS:-1600], OURS) - FAR_HZ) < NEAR_HZ


def test_keys_of_baresip_are_told(agent: Seat, tmp_path: Path, voice: Path) -> None:
    agent.ask(Register(account=DIRECT))
    with Baresip(tmp_path / "other", f"<sip:other@{HOST}>;regint=0", voice=voice) as other:
        other.do("dial", f"sip:1001@{HOST}:{agent.port()}")
        key = agent.answer().key
        other.until("CALL_ESTABLISHED")
        for digit in "15":
            other.do("sndcode", digit)
            talk(0.4)
        told = call_told(agent, "keys", lambda call: call.keys_heard == "15")
        assert told.keys_by == "rfc4733"
        agent.ask(SendDtmf(call=key, digits="7"))
        agent.hang_up(key)


def test_a_caller_is_handed_over_to_baresip(
    pbx: Pbx, seats: OpenSeat, agent: Seat, tmp_path: Path, voice: Path
) -> None:
    caller = seats("caller")
    agent.register(pbx, "1003")
    caller.register(pbx, "1005")
    with Baresip.at(pbx, "1004", tmp_path / "other", voice=voice, auto=True) as other:
        caller.dial("1003", key="far", account="1005")
        key = agent.answer().key
        caller.call("active", "far")
        agent.ask(Transfer(call=key, to="1004", leg="leg"))
        other.until("CALL_ESTABLISHED")
        ended = agent.call("ended", key)
        assert ended.transfer == "done"
        talk(2.5)
        heard = read_stereo(caller.hang_up("far"))[:, 1]
        assert abs(spectrum_peak(heard[-OURS:-1600], OURS) - FAR_HZ) < NEAR_HZ


def test_nobody_is_called_because_baresip_wishes_so(agent: Seat, tmp_path: Path, voice: Path) -> None:
    """REFER of the other side is declined, or strangers could dial at our cost. baresip hangs up then."""
    agent.ask(Register(account=DIRECT))
    with Baresip(tmp_path / "other", f"<sip:other@{HOST}>;regint=0", voice=voice) as other:
        other.do("dial", f"sip:1001@{HOST}:{agent.port()}")
        key = agent.call("incoming").key
        agent.ask(AnswerCall(call=key))
        other.until("CALL_ESTABLISHED")
        other.do("transfer", f"sip:900@{HOST}:9")
        assert agent.call("ended", key).reason == "Ended by the other side."
        assert "603 Decline" in (tmp_path / "other" / "out.txt").read_text(errors="replace")
    calls = [notice.call for notice in agent.notices if isinstance(notice, CallChanged)]
    assert {call.direction for call in calls} == {"in"}
