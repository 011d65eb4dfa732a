"""Keypad tones in the sound: made, heard, and not mistaken."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from halodesk.sip.phone.audio.bridge import FRAME_BYTES, OneWay, Silence
from halodesk.sip.phone.dtmf import GAP_FRAMES, HIGH, KEYS, LOW, TONE_FRAMES, Ear, KeyTones, key_of, tones
from halodesk.sip.phone.recorder import FRAME_SAMPLES, SAMPLE_RATE

ALL = "123A456B789C*0#D"


def frames_of(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Iterator[bytes]:
    """16-bit frames of a sound in full scale 1."""
    data = (np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes()
    for at in range(0, len(data) - FRAME_BYTES + 1, FRAME_BYTES):
        yield data[at : at + FRAME_BYTES]


def heard_in(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    ear = Ear()
    return "".join(ear.hear(frame) for frame in frames_of(sound))


def pressed(digits: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.frombuffer(b"".join(tones(digits)), dtype="<i2").astype(np.float64) / 32_768


def test_every_key_is_heard_as_it_was_pressed() -> None:
    assert heard_in(pressed(ALL)) == ALL
    assert heard_in(pressed("1122")) == "1122"
    assert len(tones("5")) == TONE_FRAMES + GAP_FRAMES
    assert tones("x") == []


@pytest.mark.parametrize("key", ALL)
def test_at_any_phase_through_a_codec_and_with_noise(key: str) -> None:
    """8 kHz A-law is coarse; a receiver must stand noise 15 dB below the tones (ITU-T Q.24)."""
    chance = np.random.default_rng(ord(key))
    row = next(row for row, keys in enumerate(KEYS) if key in keys)
    low, high = LOW[row], HIGH[KEYS[row].index(key)]
    for _ in range(20):
        lead, length = chance.integers(0, FRAME_SAMPLES), round(0.07 * SAMPLE_RATE)
        times = np.arange(length) / SAMPLE_RATE
        off, twist = chance.uniform(-0.015, 0.015, 2), chance.uniform(-6, 4)
        tone = 0.15 * np.sin(2 * np.pi * low * (1 + off[0]) * times + chance.uniform(0, 6))
        tone += 0.15 * 10 ** (twist / 20) * np.sin(2 * np.pi * high * (1 + off[1]) * times)
        sound = np.concatenate([np.zeros(lead), tone, np.zeros(2 * FRAME_SAMPLES)])
        sound += chance.normal(0, 0.15 * 10 ** (-15 / 20), len(sound))
        assert heard_in(np.asarray(sound)) == key


def test_what_is_no_key_is_not_heard() -> None:
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    chance = np.random.default_rng(1)
    one_tone = 0.3 * np.sin(2 * np.pi * 697 * times)
    three = sum(0.2 * np.sin(2 * np.pi * hertz * times) for hertz in (697, 1209, 1500))
    chord = sum(0.2 * np.sin(2 * np.pi * hertz * times) for hertz in (697, 770, 1209))
    faint = 0.005 * (np.sin(2 * np.pi * 697 * times) + np.sin(2 * np.pi * 1209 * times))
    lopsided = 0.3 * np.sin(2 * np.pi * 697 * times) + 0.03 * np.sin(2 * np.pi * 1209 * times)
    noise = chance.normal(0, 0.2, SAMPLE_RATE * 20)
    for sound in (one_tone, three, chord, faint, lopsided, noise, np.zeros(SAMPLE_RATE)):
        assert heard_in(np.asarray(sound)) == ""
    assert key_of(b"") == key_of(b"\0" * 10) == ""


def test_a_gliding_voice_is_no_key() -> None:
    """Ten seconds of vowels: harmonics of a pitch that glides, shaped by two formants."""
    chance = np.random.default_rng(7)
    times = np.arange(SAMPLE_RATE * 10) / SAMPLE_RATE
    pitch = 150 + 60 * np.sin(2 * np.pi * 0.7 * times) + 20 * np.sin(2 * np.pi * 3.1 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    voice = np.zeros_like(times)
    for harmonic in range(1, 20):
        hertz = harmonic * pitch
        weight = np.exp(-(((hertz - 720) / 200) ** 2)) + 0.7 * np.exp(-(((hertz - 1300) / 250) ** 2))
        voice += weight * np.sin(harmonic * phase + chance.uniform(0, 6))
    assert heard_in(np.asarray(0.3 * voice / np.abs(voice).max())) == ""


def test_a_line_presses_keys_over_a_shut_microphone_and_tells_what_it_hears() -> None:
    class Hum(Silence):
        def read(self, samples: int) -> bytes:
            return b"\1\0" * samples

    told: list[str] = []
    line = KeyTones(OneWay(Hum()), told.append)
    assert line.read(FRAME_SAMPLES) == b"\1\0" * FRAME_SAMPLES
    line.muted = True
    assert not any(line.read(FRAME_SAMPLES))
    line.press("7")
    said = [line.read(FRAME_SAMPLES) for _ in range(TONE_FRAMES + GAP_FRAMES)]
    assert said == tones("7")
    assert not any(line.read(FRAME_SAMPLES))
    for frame in said:
        line.hear(frame)
    assert told == ["7"]
    line.press("12")
    line.close()
    assert not any(line.read(FRAME_SAMPLES))
