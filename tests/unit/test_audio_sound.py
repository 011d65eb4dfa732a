"""Which device is used, what is said of it, and when it is open: without any library of sound."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import SoundDevice, SoundState
from halodesk.sip.phone.audio.choice import choose
from halodesk.sip.phone.audio.convert import FromDevice, Kind, Layout, ToDevice
from halodesk.sip.phone.audio.patch import Gaps, Patch
from halodesk.sip.phone.audio.ring import RATE
from halodesk.sip.phone.audio.sound import FORGIVE_S, Sound
from halodesk.sip.phone.log import make_log
from tests.fakes.records import SetClock
from tests.fakes.sound import DEVICES

MICS, EARS = DEVICES[:2], DEVICES[2:]


class FakeBackend:
    """A library that opens whatever it is told to."""

    name = "Fake"

    def __init__(self, sound: Sound) -> None:
        self.sound = sound
        self.used = ("", "")
        self.rung: tuple[str, ...] = ()
        self.echo = False
        self.running = False
        self.broken: set[str] = set()

    def start(self) -> None:
        self.running = True

    def use(self, microphone: str, speaker: str) -> None:
        before, self.used = self.used, (microphone, speaker)
        if microphone and microphone != before[0]:
            if microphone in self.broken:
                self.sound.failed("microphone", microphone, "cannot be opened")
            else:
                self.sound.opened("microphone", microphone)
        if speaker and speaker != before[1]:
            self.sound.opened("speaker", speaker)

    def ring(self, devices: tuple[str, ...]) -> None:
        self.rung = devices
        for device in devices:
            self.sound.opened("ringer", device)

    def cancel_echo(self, on: bool) -> None:
        self.echo = on

    def stop(self) -> None:
        self.running = False


class World:
    """A phone's sound with a headset and a built-in pair."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.clock = SetClock(0.0)
        self.told: list[SoundState] = []
        log = make_log(io.StringIO())
        self.sound = Sound(folder, self.told.append, log, clock=self.clock.mono, **more)
        self.backend = FakeBackend(self.sound)
        self.sound.begin(self.backend)
        self.sound.devices(DEVICES)

    @property
    def state(self) -> SoundState:
        return self.sound.state()

    def without(self, *ids: str) -> None:
        self.sound.devices(tuple(device for device in DEVICES if device.id not in ids))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_preferred_device_else_the_systems_else_any() -> None:
    assert choose(DEVICES, "microphone", "builtin_mic", ()) == "builtin_mic"
    assert choose(DEVICES, "microphone", "gone", ()) == "headset_mic"
    assert choose(DEVICES, "microphone", "", {"headset_mic"}) == "builtin_mic"
    assert choose(EARS, "microphone", "", ()) == ""
    plain = [replace(device, default=False) for device in MICS]
    assert choose(plain, "microphone", "", ()) == "headset_mic"


def test_devices_are_open_only_while_a_call_has_sound(world: World) -> None:
    assert world.backend.used == ("", "")
    first, second = world.sound.line(), world.sound.line()
    assert world.backend.used == ("headset_mic", "headset")
    assert world.state.microphone.open
    first.close()
    assert world.backend.used == ("headset_mic", "headset")
    second.close()
    second.close()
    assert world.backend.used == ("", "")
    assert not world.state.microphone.open


def test_a_device_pulled_out_gives_way_and_is_taken_back(world: World) -> None:
    world.sound.choose("microphone", "headset_mic")
    line = world.sound.line()
    world.without("headset_mic")
    assert world.backend.used == ("builtin_mic", "headset")
    assert world.state.microphone.message == (
        "The microphone “Jabra Evolve2 65” was unplugged. “Built-in microphone” is used instead."
    )
    world.sound.devices(DEVICES)
    assert world.backend.used == ("headset_mic", "headset")
    assert world.state.microphone.message == ""
    world.without("headset_mic", "builtin_mic")
    assert world.backend.used == ("", "headset")
    assert not any(line.read(320)), "the call goes on in silence"
    line.close()
    assert world.state.microphone.message == "No microphone is connected: the other side cannot hear you."


def test_a_device_that_does_not_open_is_left_out_and_tried_again(world: World) -> None:
    world.backend.broken = {"headset_mic"}
    world.sound.line()
    assert world.backend.used[0] == "builtin_mic"
    assert world.state.microphone.message == (
        "The microphone “Jabra Evolve2 65” cannot be opened. “Built-in microphone” is used instead."
    )
    world.sound.beat()
    assert world.backend.used[0] == "builtin_mic"
    world.backend.broken = set()
    world.clock.at = FORGIVE_S + 1
    world.sound.beat()
    assert world.backend.used[0] == "headset_mic"
    assert world.state.microphone.message == ""


def test_a_choice_is_kept_and_beats_the_settings(tmp_path: Path) -> None:
    first = World(tmp_path, microphone="builtin_mic", speaker="builtin")
    assert (first.state.microphone.device, first.state.speaker.device) == ("builtin_mic", "builtin")
    first.sound.choose("speaker", "headset")
    again = World(tmp_path, microphone="builtin_mic", speaker="builtin")
    assert (again.state.microphone.device, again.state.speaker.device) == ("builtin_mic", "headset")
    again.sound.choose("speaker", "")
    assert World(tmp_path, speaker="builtin").state.speaker.preferred == ""
    (tmp_path / "sound.json").write_bytes(b"{")
    assert World(tmp_path).state.speaker.device == "headset"


def test_what_is_not_there_cannot_be_chosen(world: World) -> None:
    with pytest.raises(PhoneRefusedError, match="no longer there"):
        world.sound.choose("microphone", "headset")
    world.sound.choose("microphone", "builtin_mic")
    world.without("builtin_mic")
    assert world.sound.choose("microphone", "builtin_mic").microphone.preferred == "builtin_mic"
    assert "“Built-in microphone” is not connected" in world.state.microphone.message


def test_a_choice_that_cannot_be_kept_is_in_use_and_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    (tmp_path / "sound.json").mkdir()
    with pytest.raises(PhoneRefusedError, match="cannot be kept"):
        world.sound.choose("microphone", "builtin_mic")
    assert world.state.microphone.device == "builtin_mic"


def test_without_a_library_calls_are_silent_and_it_is_said(tmp_path: Path) -> None:
    sound = Sound(tmp_path, lambda state: None, make_log(io.StringIO()))
    line = sound.line()
    line.hear(bytes(640))
    assert line.read(320) == bytes(640)
    sound.do_without("The sound library cannot be loaded.", "Ask IT.")
    assert sound.state().microphone.message == sound.state().speaker.message != ""
    assert sound.state().backend == ""


def test_only_changes_are_told(world: World) -> None:
    before = len(world.told)
    world.sound.devices(DEVICES)
    world.sound.beat()
    assert len(world.told) == before


def test_two_calls_are_mixed_and_both_hear_the_microphone(world: World) -> None:
    lines = [world.sound.line(), world.sound.line()]
    for level, line in zip((100, 20_000), lines, strict=True):
        for _ in range(4):
            line.hear(np.full(320, level, dtype="<i2").tobytes())
    assert set(world.sound.patch.give(320).tolist()) == {20_100}
    for _ in range(4):
        world.sound.patch.take(np.full(320, 7, dtype=np.int16))
    assert all(set(np.frombuffer(line.read(320), dtype="<i2").tolist()) == {7} for line in lines)


def test_figures_outlive_their_call_and_can_be_reset() -> None:
    world_patch = Patch()
    assert world_patch.figures().frames == 0
    gaps = Gaps()
    for _ in range(99):
        gaps.note(0.0204)
    gaps.note(0.0805)
    assert gaps.figures(reset=False) == (100, 21.0, 80.5)
    assert gaps.figures(reset=True)[0] == 100
    assert gaps.figures(reset=False) == (0, 0.0, 0.0)


def test_an_under_run_is_counted_until_reset(world: World) -> None:
    line = world.sound.line()
    for _ in range(4):
        line.hear(bytes(640))
    for _ in range(6):
        world.sound.patch.give(320)
    assert world.sound.figures(reset=True).speaker.under_runs == 1
    assert world.sound.figures(reset=False).speaker.under_runs == 0
    world.sound.ran_dry()
    line.close()
    assert world.sound.figures(reset=False).speaker.under_runs == 1


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "float32"])
def test_a_tone_survives_any_device(rate: int, channels: int, kind: Kind) -> None:
    layout = Layout(rate=rate, channels=channels, kind=kind)
    there, back = ToDevice(layout), FromDevice(layout)
    time = np.arange(RATE) / RATE
    tone = (10_000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16)
    heard = []
    for begin in range(0, RATE, 320):
        data = there.convert(tone[begin : begin + 320])
        heard += [back.convert(data[:7]), back.convert(data[7:])]  # torn in mid-frame
    found = np.concatenate(heard)
    assert abs(len(found) - RATE) < 2_100
    middle = found[4_000:12_000].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(int(spectrum.argmax()) * RATE / len(middle) - 1000) < 5
    assert 0.9 < np.abs(middle).max() / 10_000 < 1.1
    assert np.sqrt((np.delete(spectrum, slice(490, 511)) ** 2).sum() / (spectrum**2).sum()) < 0.03


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=200))
def test_no_sample_is_owed_for_long(frames: list[int]) -> None:
    convert = ToDevice(Layout(rate=44_100))
    given_ = sum(convert.samples_for(count) for count in frames)
    assert abs(given_ - sum(frames) * RATE / 44_100) < 1.001


def test_a_device_of_the_other_side_is_none(world: World) -> None:
    world.sound.devices((SoundDevice(id="x", name="X", side="speaker", default=True),))
    assert world.state.microphone.device == ""
    assert world.state.speaker.device == "x"
