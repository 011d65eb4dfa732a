"""Real sound through a sound server and a real PBX: what each side hears, and devices that come and go."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    ChooseDevice,
    ReadSound,
    ReadSoundFigures,
    SoundChanged,
    SoundFigures,
    SoundState,
)
from halodesk.sip.phone.audio.ring import MOST
from tests.lab.pbx import Pbx
from tests.lab.phones import RATE, Seat, Sound, read_stereo, talk, tone_levels, write_tone
from tests.lab.sound_card import SoundCard, card, pulse, read_raw

__all__ = ["card", "pulse"]

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
AGENT_HZ = 700.0
FAR_HZ = 1000.0
SOUNDS_DB = -24
"""Both tones have -12 dB."""


def figures(seat: Seat, *, reset: bool = False) -> SoundFigures:
    """The phone's own count."""
    found = seat.ask(ReadSoundFigures(reset=reset))
    assert isinstance(found, SoundFigures)
    return found


def sounding(channel: Sound, hertz: float) -> float:
    """Share of the frames in which a tone is heard."""
    return float((tone_levels(channel, hertz) > SOUNDS_DB).mean())


def uses(microphone: str, speaker: str) -> Callable[[SoundState], bool]:
    """Whether these two are open."""

    def found(state: SoundState) -> bool:
        mic, ear = state.microphone, state.speaker
        return (mic.device, ear.device, mic.open, ear.open) == (
            microphone,
            speaker,
            bool(microphone),
            bool(speaker),
        )

    return found


@pytest.fixture
def call(pbx: Pbx, seats: OpenSeat, card: SoundCard, tmp_path: Path) -> tuple[Seat, Seat, str]:
    """An agent with sound devices who has answered a caller with a hum; the key of the agent's call."""
    agent = seats("agent", "--sound", "auto")
    agent.sound("devices", lambda state: len(state.devices) >= 4)
    far = seats("far", "--microphone", str(write_tone(tmp_path / "hum.wav", FAR_HZ)))
    agent.register(pbx, "1003")
    far.register(pbx, "1004")
    far.dial("1003", key="far", account="1004")
    key = agent.answer().key
    agent.sound("open devices", uses("headset_mic", "headset"))
    return agent, far, key


def test_each_side_hears_the_other(call: tuple[Seat, Seat, str], card: SoundCard) -> None:
    agent, far, key = call
    with card.speaking(AGENT_HZ), card.listening("headset") as heard:
        talk(1.5)
        figures(agent, reset=True)
        talk(5.0)
        counted = figures(agent)
    agent.hang_up(key)
    at_far = read_stereo(far.call("ended", "far"))[:, 1]
    middle = at_far[len(at_far) // 2 :]
    assert sounding(middle, AGENT_HZ) > 0.9, "the caller does not hear the agent"
    assert sounding(middle, FAR_HZ) < 0.05
    ear = read_raw(heard)
    assert sounding(ear[len(ear) // 2 :], FAR_HZ) > 0.95, "the agent does not hear the caller"
    assert sounding(ear[len(ear) // 2 :], AGENT_HZ) < 0.05, "the agent hears himself"
    assert counted.frames > 200
    most_ms = MOST * 1000 / RATE
    assert 0 < counted.microphone.level_ms < most_ms
    assert 0 < counted.speaker.level_ms < most_ms
    state = agent.sound("closed devices", lambda state: not state.microphone.open and not state.speaker.open)
    assert state.microphone.device == "headset_mic", "between calls nobody listens"


def test_a_headset_pulled_out_in_mid_call(call: tuple[Seat, Seat, str], card: SoundCard) -> None:
    agent, far, key = call
    chosen = agent.ask(ChooseDevice(side="microphone", device="headset_mic"))
    assert isinstance(chosen, SoundChanged)
    assert chosen.sound.microphone.preferred_name == "Headset microphone"
    agent.ask(ChooseDevice(side="speaker", device="headset"))
    card.prefer(speaker="builtin", microphone="builtin_mic")
    with card.speaking(AGENT_HZ):
        talk(1.5)
        card.unplug("headset_mic")
        card.unplug("headset")
        out = agent.sound("the other devices", uses("builtin_mic", "builtin"))
        assert out.microphone.message == (
            "The microphone “Headset microphone” was unplugged. “Built-in microphone” is used instead."
        )
        assert "“Headset” was unplugged" in out.speaker.message
        assert "F9" in out.speaker.todo
        with card.listening("builtin") as heard:
            talk(3.0)
        card.plug_speaker("headset", "Headset")
        card.plug_microphone("headset_mic", "Headset microphone")
        agent.forget()
        back = agent.sound("the headset again", uses("headset_mic", "headset"))
        assert back.microphone.message == back.speaker.message == ""
        with card.listening("headset") as again:
            talk(3.0)
    ended = agent.hang_up(key)
    assert ended.reason == "Ended here."
    ear = read_raw(heard)
    assert sounding(ear[len(ear) // 2 :], FAR_HZ) > 0.9
    ear = read_raw(again)
    assert sounding(ear[len(ear) // 2 :], FAR_HZ) > 0.9
    at_far = read_stereo(far.call("ended", "far"))[:, 1]
    levels = tone_levels(at_far, AGENT_HZ) > SOUNDS_DB
    since = levels[levels.argmax() :]
    assert since.mean() > 0.7, "the caller lost the agent for longer than the changes take"
    assert levels[-100:].mean() > 0.8
    mine = read_stereo(ended)
    assert len(mine) > 0.9 * len(at_far), "the recording has no hole"


@pytest.mark.slow
def test_the_only_microphone_pulled_out_in_mid_call(call: tuple[Seat, Seat, str], card: SoundCard) -> None:
    agent, far, key = call
    for name in ("builtin_mic", "headset_mic", "builtin", "headset"):
        card.unplug(name)
    gone = agent.sound("no microphone", lambda state: not state.microphone.device)
    assert gone.microphone.message.endswith("There is no other, and the other side cannot hear you.")
    talk(1.0)
    card.plug_speaker("builtin", "Built-in speaker")
    card.plug_microphone("builtin_mic", "Built-in microphone")
    back = ("builtin_mic", True)
    with card.speaking(AGENT_HZ):
        agent.sound("a microphone", lambda now: (now.microphone.device, now.microphone.open) == back)
        talk(3.0)
        assert agent.client.snapshot.calls[0].state == "active"
    agent.hang_up(key)
    at_far = read_stereo(far.call("ended", "far"))[:, 1]
    assert (tone_levels(at_far, AGENT_HZ)[-75:] > SOUNDS_DB).mean() > 0.8


def test_what_was_chosen_is_kept(seats: OpenSeat, card: SoundCard) -> None:
    first = seats("agent", "--sound", "auto")
    first.sound("devices", lambda state: len(state.devices) >= 4)
    first.ask(ChooseDevice(side="microphone", device="builtin_mic"))
    with pytest.raises(PhoneRefusedError, match="no longer there"):
        first.ask(ChooseDevice(side="speaker", device="gone"))
    kept = json.loads((first.data_dir / "sound.json").read_bytes())
    assert kept["microphone"] == {"id": "builtin_mic", "name": "Built-in microphone"}
    first.kill()
    defaults = ("--microphone-device", "headset_mic", "--speaker-device", "builtin")
    second = seats("agent", "--sound", "auto", *defaults)
    state = second.sound("devices", lambda state: len(state.devices) >= 4)
    assert (state.microphone.device, state.speaker.device) == ("builtin_mic", "builtin")
    card.unplug("builtin_mic")
    away = second.sound("the other one", lambda state: state.microphone.device == "headset_mic")
    assert "“Built-in microphone” is not connected" in away.microphone.message
    second.ask(ChooseDevice(side="microphone", device=""))
    assert second.client.snapshot.sound.microphone.message == ""


def test_without_any_sound_server_the_phone_says_so(seats: OpenSeat) -> None:
    alone = seats("agent", "--sound", "auto")
    state = alone.sound("words", lambda state: bool(state.microphone.message))
    assert state.microphone.message == "No microphone is connected: the other side cannot hear you."
    assert state.speaker.message == "No headset or speaker is connected: you cannot hear the other side."
    assert state.microphone.todo
    silent = seats("silent")
    reply = silent.ask(ReadSound())
    assert isinstance(reply, SoundChanged)
    assert reply.sound.silent
    with pytest.raises(PhoneRefusedError, match="without sound devices"):
        silent.ask(ChooseDevice(side="microphone", device=""))


@pytest.fixture
def burning_window() -> Iterator[None]:
    """A process that does nothing but Python on a whole core, as a window does that hangs."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def talk_while_burning(call: tuple[Seat, Seat, str], card: SoundCard, seconds: float) -> SoundFigures:
    """What the phone counted in that time, its devices in use."""
    agent, _, key = call
    with card.speaking(AGENT_HZ):
        talk(2.5)  # the rings have settled
        figures(agent, reset=True)
        talk(seconds)
        counted = figures(agent)
    agent.hang_up(key)
    print(f"burning window: {counted}")
    assert counted.frames > seconds * 49
    return counted


@pytest.mark.slow
@pytest.mark.usefixtures("burning_window")
def test_a_busy_window_hardly_touches_the_sound(call: tuple[Seat, Seat, str], card: SoundCard) -> None:
    counted = talk_while_burning(call, card, 10)
    # Other tests run at the same time: a break is no wonder then, many are a fault.
    assert counted.speaker.under_runs <= 3
    assert counted.microphone.under_runs <= 3


@pytest.mark.slow
@pytest.mark.usefixtures("burning_window")
def test_a_minute_with_a_busy_window_and_no_under_run(call: tuple[Seat, Seat, str], card: SoundCard) -> None:
    counted = talk_while_burning(call, card, 60)
    assert counted.speaker.under_runs == 0
    assert counted.microphone.under_runs == 0
    assert counted.gap_p99_ms < 40


def test_the_sound_server_dies_in_mid_call(
    pbx: Pbx, seats: OpenSeat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(tempfile.mkdtemp(prefix="halodesk-sound-"))
    mine = SoundCard(home)
    try:
        mine.plug_speaker("headset", "Headset")
        mine.plug_microphone("headset_mic", "Headset microphone")
        mine.prefer(speaker="headset", microphone="headset_mic")
        monkeypatch.setenv("PULSE_SERVER", mine.server)
        agent, far = seats("agent", "--sound", "auto"), seats("far")
        agent.sound("devices", lambda state: bool(state.microphone.device))
        for seat, user in ((agent, "1003"), (far, "1004")):
            seat.register(pbx, user)
        far.dial("1003", key="far", account="1004")
        key = agent.answer().key
        agent.sound("open devices", uses("headset_mic", "headset"))
        mine.stop_daemon()
        said = agent.sound("words", lambda state: bool(state.microphone.message and state.speaker.message))
        assert not said.microphone.open
        assert not said.devices
        talk(1.0)
        mine.start_daemon()
        mine.plug_speaker("headset", "Headset")
        mine.plug_microphone("headset_mic", "Headset microphone")
        agent.sound("the headset again", lambda state: state.microphone.open and state.speaker.open)
        ended = agent.hang_up(key)
        assert ended.reason == "Ended here."
        assert ended.recording is not None
        assert ended.recording.lost_frames == 0
    finally:
        mine.close()
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow  # the same sound as of an answered call, before it is one
def test_the_agent_hears_what_comes_before_the_answer(pbx: Pbx, seats: OpenSeat, card: SoundCard) -> None:
    """183 with a tone of the PBX (RFC 3261, 13.2.2.1), and then it is busy."""
    agent = seats("agent", "--sound", "auto")
    agent.sound("devices", lambda state: len(state.devices) >= 4)
    agent.register(pbx, "1003")
    with card.listening("headset") as heard:
        agent.dial("645", key="early", account="1003")
        ended = agent.call("ended", "early")
    assert (ended.code, ended.recording) == (486, None)
    ear = read_raw(heard)
    assert (tone_levels(ear, 1004.0) > SOUNDS_DB).sum() >= 10, (
        "a stretch of the tone, however busy the machine is"
    )
