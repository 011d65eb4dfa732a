"""G.722 through a real PBX: as loud after loud music as before, heard on both ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from halodesk.protocol.phone_link import Hold, Unhold
from tests.lab.pbx import Pbx
from tests.lab.phones import RATE, Seat, Sound, read_stereo, talk, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
TONE_DB = -12.0


@pytest.fixture
def open_seat(pbx: Pbx, tmp_path: Path) -> Iterator[OpenSeat]:
    opened: list[Seat] = []

    def open_(user: str, sound: Path, codecs: str) -> Seat:
        seat = Seat(tmp_path / user, "--microphone", str(sound), "--codecs", codecs)
        opened.append(seat)
        seat.register(pbx, user)
        return seat

    yield open_
    for seat in opened:
        seat.quit()


def with_bursts(path: Path) -> Path:
    """A tone of -12 dB, and every second 200 ms that drive any decoder beyond full scale."""
    at = np.arange(RATE) / RATE
    sound = 0.25 * np.sin(2 * np.pi * 1000 * at)
    sound[: RATE // 5] = 0.999 * np.sign(np.sin(2 * np.pi * 400 * at[: RATE // 5]))
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return path


def usual(channel: Sound, hertz: float) -> float:
    """Level in dB of most frames."""
    return float(np.median(tone_levels(channel, hertz)))


@pytest.mark.slow
def test_loud_sound_changes_the_level_of_neither_side(open_seat: OpenSeat, tmp_path: Path) -> None:
    quiet = open_seat("1001", write_tone(tmp_path / "quiet.wav", 700.0), "g722")
    loud = open_seat("1002", with_bursts(tmp_path / "loud.wav"), "g722")
    quiet.dial("1002", key="call", account="1001")
    theirs = loud.answer().key
    assert quiet.call("active", "call").codec == "G722/16000"
    talk(2.5)
    loud.ask(Hold(call=theirs))  # the PBX plays its music
    talk(2.0)
    loud.ask(Unhold(call=theirs))
    talk(2.5)
    heard = read_stereo(quiet.hang_up("call"))[:, 1]
    said = read_stereo(loud.call("ended"))[:, 1]
    for channel, hertz in ((heard, 1000.0), (said, 700.0)):
        ends = channel[-RATE * 2 :]
        assert np.abs(ends).max() > 0.1
        assert usual(ends, hertz) == pytest.approx(TONE_DB, abs=1.0)
