"""The player of recordings, through a sound server: what is heard, when, and when there is no speaker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.lab.phones import RATE
from tests.lab.sound_card import SoundCard, card, pulse, read_raw

__all__ = ["card", "pulse"]

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SCRIPT = """
import json, sys, time
from PySide6.QtCore import QCoreApplication, QTimer
from halodesk.runtime.threads import SystemClock
from halodesk.ui.sessions.player import RecordingPlayer

app = QCoreApplication([])
player = RecordingPlayer(SystemClock())
player.load(sys.argv[1])
told = [player.problem]
begun = time.monotonic()
seen = []
player.play(float(sys.argv[2]))
timer = QTimer(interval=100)
timer.timeout.connect(lambda: seen.append((time.monotonic() - begun, player.position())))
timer.start()
QTimer.singleShot(int(1000 * float(sys.argv[3])), app.quit)
app.exec()
told.append(player.problem)
player.load("")
print(json.dumps({"told": told, "seen": seen}))
"""


def play(path: Path, from_s: float, seconds: float) -> tuple[list[str], list[tuple[float, float]]]:
    """What the player said, and its position over time, in a process of its own."""
    words = [sys.executable, "-c", SCRIPT, str(path), str(from_s), str(seconds)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["told"], found["seen"]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Four seconds: a tone that climbs by 500 Hz each second, the same on both sides."""
    time = np.arange(RATE) / RATE
    steps = [0.25 * np.sin(2 * np.pi * hertz * time) for hertz in (500, 1000, 1500, 2000)]
    sound = np.concatenate(steps)
    path = tmp_path / "call.flac"
    soundfile.write(path, np.column_stack((sound, sound)), RATE, subtype="PCM_16")
    return path


def loudest(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    """The loudest frequency of each quarter of a second that sounds, without repeats."""
    found: list[int] = []
    for begin in range(0, len(sound) - 4000, 4000):
        piece = sound[begin : begin + 4000]
        if np.abs(piece).max() > 0.05:
            hertz = int(round(float(np.abs(np.fft.rfft(piece)).argmax()) * RATE / 4000 / 500) * 500)
            if hertz and (not found or found[-1] != hertz):
                found.append(hertz)
    return found


def test_it_sounds_from_the_second_that_was_asked_for(card: SoundCard, recording: Path) -> None:
    with card.listening("headset") as heard:
        told, seen = play(recording, 1.0, 5.5)
    assert told == ["", ""]
    assert loudest(read_raw(heard)) == [1000, 1500, 2000]
    half = seen[len(seen) // 2]
    pace = (seen[-1][1] - half[1]) / (seen[-1][0] - half[0])
    assert 0.9 < pace < 1.1
    assert max(position - at for at, position in seen) < 1.1, "the page runs ahead of the sound"
    assert seen[-1][1] > 4.0, "time goes on after the end of the recording"


def test_a_session_that_began_before_its_recording(card: SoundCard, recording: Path) -> None:
    told, seen = play(recording, -1.5, 2.5)
    assert told == ["", ""]
    assert -1.5 <= seen[0][1] < seen[-1][1] < 1.1


def test_without_a_speaker_time_goes_on_and_it_is_said(recording: Path) -> None:
    told, seen = play(recording, 1.0, 1.0)
    assert told == ["No headset or speaker is connected"] * 2
    assert all(abs(position - at - 1.0) < 0.1 for at, position in seen)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    bad = tmp_path / "bad.flac"
    bad.write_bytes(b"no sound")
    told, seen = play(bad, 0.0, 0.5)
    assert told[0] == "The recording cannot be opened"
    assert seen[-1][1] > 0.2
