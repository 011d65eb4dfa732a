"""Levels, ring tone, hearing oneself, the echo canceller: without any device."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_sound import SILENT_DB, Ringing, SoundTest
from halodesk.sip.phone.audio import rehearsal
from halodesk.sip.phone.audio.echo import STEP, EchoCanceller
from halodesk.sip.phone.audio.level import Level
from halodesk.sip.phone.audio.patch import DeviceLine, Patch
from halodesk.sip.phone.audio.rehearsal import Rehearsal
from halodesk.sip.phone.audio.ring import FRAME, RATE
from halodesk.sip.phone.audio.ringer import Ringer
from tests.fakes.sound import DEVICES
from tests.unit.test_audio_sound import World


def sine(amplitude: float, seconds: float = 0.1, hertz: float = 440) -> np.ndarray:
    wave = amplitude * 32_767 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    return wave.astype(np.int16)


def test_a_level_is_the_loudest_since_it_was_asked() -> None:
    level = Level()
    assert level.take() == SILENT_DB
    level.note(sine(1.0))
    level.note(sine(0.01))
    assert level.take() == pytest.approx(0.0, abs=0.2)
    level.note(sine(0.1))
    assert level.take() == pytest.approx(-20.0, abs=0.2)
    level.note(np.full(160, -32_768, dtype=np.int16))
    assert level.take() == pytest.approx(3.0, abs=0.1)
    level.note(np.zeros(0, dtype=np.int16))
    assert level.take() == SILENT_DB


def test_both_meters_see_what_passes_the_patch() -> None:
    patch = Patch()
    line = DeviceLine(patch, patch.remove)
    patch.attach(line)
    patch.set_open("speaker", True)
    patch.take(sine(0.5))
    for _ in range(10):
        line.hear(sine(0.1, 0.02).tobytes())
    for _ in range(10):
        patch.give(FRAME)
    found = patch.meters()
    assert found.microphone_db == pytest.approx(-6.0, abs=0.3)
    assert found.speaker_db == pytest.approx(-20.0, abs=0.5)
    assert patch.meters().microphone_db == SILENT_DB


def rung(world: World) -> tuple[str, ...]:
    return world.backend.rung


def rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound.astype(float) ** 2)))


def test_the_ring_tone_has_pauses_and_a_volume_and_is_soft_in_a_call() -> None:
    ringer = Ringer()
    ringer.set(100, in_call=False)
    feed = ringer.feed()
    tone = np.concatenate([feed.give(FRAME) for _ in range(50)])
    pause = np.concatenate([feed.give(FRAME) for _ in range(100)])
    assert rms(tone) > 3000
    assert not pause.any()
    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone))))
    assert abs(np.argmax(spectrum) * RATE / len(tone) - 425) < 30
    assert np.abs(np.diff(tone.astype(int))).max() < 7000, "no click"
    ringer.set(50, in_call=False)
    assert 20 * np.log10(rms(ringer.feed().give(RATE)) / rms(tone)) == pytest.approx(-10, abs=0.5)
    ringer.set(100, in_call=True)
    assert rms(ringer.feed().give(2000)) < rms(tone) / 4
    ringer.set(0, in_call=False)
    assert not ringer.feed().give(RATE).any()


def test_calls_ring_where_they_are_to_and_while_they_do(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sound.choose("ringer", "builtin")
    world.sound.ring(True)
    assert rung(world) == ("builtin",)
    assert world.state.ringer.open
    assert world.backend.used == ("", ""), "no microphone is open for it"
    world.sound.set_ringing(Ringing(volume=80, headset_too=True))
    assert rung(world) == ("builtin", "headset")
    world.without("builtin")
    assert rung(world) == ("headset",)
    assert "used instead" in world.state.ringer.message
    world.sound.devices(DEVICES)
    assert rung(world) == ("builtin", "headset")
    world.sound.set_ringing(Ringing(volume=0))
    assert rung(world) == ()
    world.sound.set_ringing(Ringing(volume=50))
    assert rung(world) == ("builtin",)
    world.sound.ring(False)
    assert rung(world) == ()
    again = World(tmp_path)
    again.sound.ring(True)
    assert (again.backend.rung, again.state.ringing.volume) == (("builtin",), 50)
    with pytest.raises(PhoneRefusedError, match="0 to 100"):
        again.sound.set_ringing(Ringing(volume=101))


def test_a_ring_device_that_does_not_open_gives_way(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sound.choose("ringer", "builtin")
    world.sound.ring(True)
    world.sound.failed("ringer", "builtin", "cannot be opened")
    assert rung(world) == ("headset",)
    assert world.backend.used == ("", "")


def test_the_order_of_choices_is_remembered(tmp_path: Path) -> None:
    more = (*DEVICES, replace(DEVICES[1], id="usb_mic", name="USB microphone"))
    world = World(tmp_path)
    world.sound.devices(more)
    world.sound.choose("microphone", "builtin_mic")
    world.sound.choose("microphone", "usb_mic")
    world.sound.devices(DEVICES)
    assert world.state.microphone.device == "builtin_mic", "chosen before, not the system's headset"
    again = World(tmp_path)
    assert again.state.microphone.device == "builtin_mic"
    again.sound.devices(more)
    assert again.state.microphone.device == "usb_mic"
    again.sound.choose("microphone", "")
    assert again.state.microphone.device == "headset_mic", "whoever follows the system follows it"


class Loop:
    """A line whose microphone counts frames and whose speaker keeps them."""

    def __init__(self) -> None:
        self.said = 0
        self.played: list[bytes] = []
        self.closed = threading.Event()

    def read(self, samples: int) -> bytes:
        self.said += 1
        return self.said.to_bytes(2, "little") * samples

    def hear(self, sound: bytes) -> None:
        self.played.append(sound)

    def close(self) -> None:
        self.closed.set()


def run(test: SoundTest, steps: int) -> tuple[Loop, list[SoundTest]]:
    line, phases = Loop(), []
    found = Rehearsal(line, test, lambda _, phase: phases.append(phase))  # type: ignore[arg-type]  # a fake line
    for _ in range(steps):
        found.step()
    return line, phases


def number(sound: bytes) -> int:
    return int.from_bytes(sound[:2], "little")


def test_one_hears_oneself_a_moment_later() -> None:
    line, _ = run("hear", 60)
    late = round(rehearsal.DELAY_S * 50)
    assert [number(sound) for sound in line.played[: late + 3]] == [0] * late + [1, 2, 3]


def test_a_recording_is_played_once_and_whole() -> None:
    frames = round(rehearsal.RECORD_S * 50)
    line, phases = run("record", 2 * frames)
    assert phases == ["play"]
    assert not any(map(any, line.played[:frames]))
    assert [number(sound) for sound in line.played[frames:]] == list(range(1, frames + 1))


def join_tests() -> None:
    for thread in threading.enumerate():
        if thread.name == "rehearsal":
            thread.join(10)
            assert not thread.is_alive()


def test_a_test_opens_the_devices_and_a_call_ends_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.sound.test("hear").test == "hear"
    assert world.backend.used == ("headset_mic", "headset")
    line = world.sound.line()
    assert world.state.test == "off"
    with pytest.raises(PhoneRefusedError, match="There is a call"):
        world.sound.test("record")
    line.close()
    join_tests()
    assert world.backend.used == ("", "")


def test_a_test_that_is_switched_off_closes_the_devices(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sound.test("record")
    assert world.sound.test("off").test == "off"
    join_tests()
    assert world.backend.used == ("", "")


def test_the_choice_to_cancel_echo_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path, cancel_echo=True)
    assert world.backend.echo
    assert world.sound.cancel_echo(False).cancel_echo is False
    assert not World(tmp_path, cancel_echo=True).backend.echo
    world.sound.cancel_echo(True)
    world.sound.no_echo_canceller("ImportError: livekit")
    assert not world.state.cancel_echo
    assert "headset" in world.state.echo_trouble


def test_the_canceller_takes_at_least_20_db_of_echo_and_leaves_the_speaker() -> None:
    rng = np.random.default_rng(3)
    seconds, delay = 12, round(0.12 * RATE)
    envelope = np.repeat(rng.random(seconds * 5) > 0.3, RATE // 5)
    far = np.cumsum(rng.standard_normal(seconds * RATE))
    far = np.diff(far - np.convolve(far, np.ones(80) / 80, "same"), append=0.0) * envelope
    far = 0.2 * far / np.abs(far).max()
    room = rng.standard_normal(2400) * 10 ** (-3 * np.arange(2400) / 2400)
    echo = (
        np.convolve(np.concatenate((np.zeros(delay), far)), room / np.sqrt((room**2).sum()))[: len(far)] * 0.5
    )
    played, heard = ((32_767 * sound).astype(np.int16) for sound in (far, echo))
    canceller, left = EchoCanceller(), []
    for at in range(0, len(far), 480):  # blocks of a device, no multiple of the library's step everywhere
        canceller.played(played[at : at + 480])
        left.append(canceller.heard(heard[at : at + 480][: STEP * 2 + 40]))
        left.append(canceller.heard(heard[at : at + 480][STEP * 2 + 40 :]))
    out = np.concatenate(left)
    assert len(out) > len(heard) - STEP
    assert canceller.fault == ""
    late = slice(5 * RATE, len(out))
    assert 20 * np.log10(rms(heard[late]) / max(rms(out[late]), 0.5)) >= 20
    alone = EchoCanceller()
    voice = sine(0.3, 2.0, 300)
    for at in range(0, len(voice), STEP):
        alone.played(np.zeros(STEP, dtype=np.int16))
        left.append(alone.heard(voice[at : at + STEP]))
    assert rms(np.concatenate(left[-100:])) > 0.7 * rms(voice)
