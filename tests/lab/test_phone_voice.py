"""A program speaks on a real call: what the far end hears, what the program hears, who speaks after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    FarSound,
    HearCall,
    LendVoice,
    Mask,
    Notice,
    ReturnVoice,
    Speak,
    SpeechEnded,
    SpeechStarted,
    StopHearing,
    StopSpeech,
    Unmask,
)
from tests.lab.pbx import Pbx
from tests.lab.phones import RATE, Seat, Sound, read_stereo, talk, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
AGENT_HZ, PROGRAM_HZ, CALLER_HZ = 1000.0, 600.0, 1500.0
SOUNDS_DB = -20


def tone(seconds: float) -> bytes:
    steps = np.arange(int(RATE * seconds)) / RATE
    sound: bytes = (8_000 * np.sin(2 * np.pi * PROGRAM_HZ * steps)).astype("<i2").tobytes()
    return sound


def heard(notices: list[Notice]) -> Sound:
    """All the program heard, full scale 1."""
    pcm = b"".join(notice.pcm for notice in notices if isinstance(notice, FarSound))
    return np.frombuffer(pcm, dtype="<i2") / 32768


@pytest.fixture
def pair(pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> tuple[Seat, Seat, str]:
    """An agent who hums, a caller who hums, connected; the key of the agent's call."""
    agent = seats("agent", "--microphone", str(write_tone(tmp_path / "agent.wav", AGENT_HZ)))
    far = seats("far", "--microphone", str(write_tone(tmp_path / "far.wav", CALLER_HZ)))
    agent.register(pbx, "1003")
    far.register(pbx, "1004")
    far.dial("1003", key="far", account="1004")
    key = agent.answer().key
    far.call("active", "far")
    agent.forget()
    return agent, far, key


def speak_long(seat: Seat, call: str, speech: int) -> None:
    """Twenty seconds, a second at a time."""
    for second in range(20):
        seat.ask(Speak(call=call, speech=speech, pcm=tone(1.0), last=second == 19))


def ended(seat: Seat, speech: int) -> SpeechEnded:
    return seat.wait(
        f"end of speech {speech}", lambda n: n if isinstance(n, SpeechEnded) and n.speech == speech else None
    )


def test_a_program_speaks_hears_and_gives_the_microphone_back(pair: tuple[Seat, Seat, str]) -> None:
    agent, far, key = pair
    agent.ask(LendVoice(call=key))
    with pytest.raises(PhoneRefusedError, match="already"):
        agent.ask(LendVoice(call=key))
    agent.ask(Speak(call=key, speech=1, pcm=tone(1.0), last=True))
    assert ended(agent, 1) == SpeechEnded(call=key, speech=1, played_ms=1000, whole=True)
    assert any(isinstance(notice, SpeechStarted) for notice in agent.notices)
    levels = tone_levels(heard(agent.notices), CALLER_HZ)
    assert (levels[5:] > SOUNDS_DB).mean() > 0.9, "the program hears the caller"

    agent.ask(Mask(lease="card"))
    agent.forget()
    talk(0.5)
    assert len(heard(agent.notices)) <= 2 * 320, "nothing but what was on its way when the mask closed"
    agent.ask(Unmask(lease="card"))

    speak_long(agent, key, 2)
    agent.wait("start of speech 2", lambda n: n if isinstance(n, SpeechStarted) and n.speech == 2 else None)
    agent.ask(StopSpeech(call=key, speeches=(2,)))
    assert not ended(agent, 2).whole
    agent.ask(ReturnVoice(call=key))
    talk(1.0)
    with pytest.raises(PhoneRefusedError, match="No program"):
        agent.ask(Speak(call=key, speech=3, pcm=tone(0.1), last=True))
    agent.hang_up(key)
    sound = read_stereo(far.call("ended", "far"))[:, 1]
    program, microphone = (tone_levels(sound, hertz) > SOUNDS_DB for hertz in (PROGRAM_HZ, AGENT_HZ))
    assert 45 <= program.sum() <= 75, "one second, and a moment of the speech that was cut"
    begun, over = np.flatnonzero(program)[[0, -1]]
    assert not microphone[begun + 2 : over - 1].any(), "the microphone is shut out meanwhile"
    assert microphone[over + 10 : -10].mean() > 0.8, "then it speaks again"


def test_a_program_that_dies_leaves_the_call_to_the_microphone(
    pair: tuple[Seat, Seat, str], pbx: Pbx, seats: OpenSeat
) -> None:
    agent, far, key = pair
    agent.ask(LendVoice(call=key))
    speak_long(agent, key, 1)
    agent.wait("start", lambda n: n if isinstance(n, SpeechStarted) else None)
    agent.detach()
    back = seats("agent")
    talk(1.0)
    back.hang_up(key)
    sound = read_stereo(far.call("ended", "far"))[:, 1]
    assert (tone_levels(sound, AGENT_HZ)[-40:-10] > SOUNDS_DB).mean() > 0.8
    assert not (tone_levels(sound, PROGRAM_HZ)[-40:-10] > SOUNDS_DB).any()


def test_a_program_hears_while_the_microphone_speaks(pair: tuple[Seat, Seat, str]) -> None:
    agent, far, key = pair
    agent.ask(HearCall(call=key))
    with pytest.raises(PhoneRefusedError, match="already"):
        agent.ask(HearCall(call=key))
    talk(0.5)
    agent.ask(Mask(lease="card"))
    assert (tone_levels(heard(agent.notices), CALLER_HZ)[5:] > SOUNDS_DB).mean() > 0.9
    agent.forget()
    talk(0.3)
    assert len(heard(agent.notices)) <= 2 * 320, "nothing but what was on its way when the mask closed"
    agent.ask(Unmask(lease="card"))
    agent.ask(LendVoice(call=key))
    agent.ask(Speak(call=key, speech=1, pcm=tone(0.3), last=True))
    ended(agent, 1)
    with pytest.raises(PhoneRefusedError, match="already"):
        agent.ask(HearCall(call=key))
    agent.ask(ReturnVoice(call=key))
    agent.ask(HearCall(call=key))
    agent.ask(StopHearing(call=key))
    agent.ask(StopHearing(call=key))
    agent.forget()
    talk(1.0)
    assert heard(agent.notices).size <= 320, "it hears no more"
    agent.hang_up(key)
    microphone = tone_levels(read_stereo(far.call("ended", "far"))[:, 1], AGENT_HZ) > SOUNDS_DB
    assert microphone[:40].sum() > 20, "the agent was heard before"
    assert microphone[-25:-5].mean() > 0.8, "and after"
