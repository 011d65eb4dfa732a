"""The measurement of masked recordings: it must not be possible to pass it with a leak or with silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from halodesk.demo.caller import MARKER_HZ, RATE, speech
from halodesk.demo.measure import (
    FLOOR_DB,
    FRAME_S,
    LEAK_DB,
    Levels,
    Window,
    Words,
    laid_beside,
    marker_levels,
    window,
    words,
)

LEVEL = 0.1
LEVEL_DB = 20 * np.log10(LEVEL)

Sound = np.ndarray


def tone(seconds: float, rate: int = 16_000, *, hertz: float = MARKER_HZ, level: float = LEVEL) -> Sound:
    """A sine without a beginning or an end."""
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def masked(*holes: tuple[float, float], seconds: float = 8.0, rate: int = 16_000) -> Sound:
    """The marker, silent in the holes."""
    sound = tone(seconds, rate)
    for begin, end in holes:
        sound[round(begin * rate) : round(end * rate)] = 0
    return sound


def levels_of(folder: Path, *channels: Sound, rate: int = 16_000, channel: int = 0) -> Levels:
    """By way of a file, as the report does it."""
    file = folder / "sound.wav"
    soundfile.write(file, np.stack(channels, axis=1), rate, subtype="PCM_16")
    return marker_levels(file, channel, MARKER_HZ)


def judged(found: Window) -> bool:
    """What the report asks of a window, but for its length."""
    return found.leaked_frames == 0 and found.present_around and found.frames > 0


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_levels_are_those_of_the_marker(tmp_path: Path, rate: int) -> None:
    levels = levels_of(tmp_path, tone(2, rate), rate=rate)
    assert len(levels.db) == 100
    assert levels.usual == pytest.approx(LEVEL_DB, abs=0.1)
    assert np.ptp(levels.db) < 0.2


def test_speech_does_not_count_as_marker(tmp_path: Path) -> None:
    """Whatever is loud below the caller's upper limit leaves the marker's bin empty."""
    speech = sum(tone(2, hertz=hertz, level=0.1) for hertz in (150, 440, 800, 1234, 1999))
    assert isinstance(speech, np.ndarray)
    assert levels_of(tmp_path, speech).db.max() < LEVEL_DB - LEAK_DB


def test_the_channel_asked_for_is_measured(tmp_path: Path) -> None:
    silent = np.zeros(16_000)
    assert levels_of(tmp_path, silent, tone(1), channel=0).usual == FLOOR_DB
    assert levels_of(tmp_path, silent, tone(1), channel=1).usual == pytest.approx(LEVEL_DB, abs=0.1)
    # A PBX's file has one channel with both parties in it.
    assert levels_of(tmp_path, tone(1), channel=1).usual == pytest.approx(LEVEL_DB, abs=0.1)


def test_a_good_mask_passes(tmp_path: Path) -> None:
    found = window(levels_of(tmp_path, masked((3, 5))), 3, 5)
    assert judged(found)
    assert found.frames == 100
    assert found.silent_s == pytest.approx(2, abs=FRAME_S)
    assert found.before_db == found.after_db == pytest.approx(LEVEL_DB, abs=0.2)
    assert found.inside_db == FLOOR_DB


@pytest.mark.parametrize("at_s", [3.0, 3.5, 4.0, 4.48, 4.98])
def test_one_planted_frame_is_found_wherever_it_is(tmp_path: Path, at_s: float) -> None:
    sound = masked((3, 5))
    begin = round(at_s * 16_000)
    sound[begin : begin + 320] = tone(FRAME_S)
    found = window(levels_of(tmp_path, sound), 3, 5)
    assert found.leaked_frames == 1
    assert not judged(found)


def test_a_planted_frame_that_straddles_two_is_found(tmp_path: Path) -> None:
    sound = masked((3, 5))
    sound[64_000 + 160 : 64_000 + 480] = tone(FRAME_S)
    assert window(levels_of(tmp_path, sound), 3, 5).leaked_frames in (1, 2)


@pytest.mark.parametrize(("below_db", "leaks"), [(20, True), (24, True), (28, False), (40, False)])
def test_a_faint_marker_leaks_down_to_the_limit(tmp_path: Path, below_db: float, leaks: bool) -> None:
    sound = masked((3, 5))
    sound[48_000:80_000] = tone(2, level=LEVEL * 10 ** (-below_db / 20))
    assert bool(window(levels_of(tmp_path, sound), 3, 5).leaked_frames) is leaks


def test_the_marker_may_sound_up_to_the_edges(tmp_path: Path) -> None:
    """Only whole frames inside the stretch count: edges that lie in mid-frame are no leak."""
    found = window(levels_of(tmp_path, masked((3.007, 4.993))), 3.007, 4.993)
    assert judged(found)
    assert found.frames == 98


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_a_silent_recording_is_a_failure(tmp_path: Path, level: float) -> None:
    levels = levels_of(tmp_path, tone(8, level=level))
    assert levels.usual == FLOOR_DB
    assert levels.onset_s == -1
    found = window(levels, 3, 5)
    assert found.leaked_frames == found.frames == 100, "what cannot be told counts as leaked"
    assert not judged(found)


def test_a_recording_without_the_marker_before_fails(tmp_path: Path) -> None:
    found = window(levels_of(tmp_path, masked((0, 5))), 3, 5)
    assert found.leaked_frames == 0
    assert not found.present_around


def test_a_recording_without_the_marker_after_fails(tmp_path: Path) -> None:
    found = window(levels_of(tmp_path, masked((3, 8))), 3, 5)
    assert found.leaked_frames == 0
    assert not found.present_around


def test_a_marker_that_comes_back_fainter_fails(tmp_path: Path) -> None:
    sound = masked((3, 5))
    sound[80_000:] *= 10 ** (-4 / 20)
    found = window(levels_of(tmp_path, sound), 3, 5)
    assert found.leaked_frames == 0
    assert not found.present_around


def test_the_whole_silence_around_a_window_is_measured(tmp_path: Path) -> None:
    """So that a mask that began too early or ended too late is longer than its page."""
    found = window(levels_of(tmp_path, masked((2, 6))), 3, 5)
    assert judged(found)
    assert found.silent_s == pytest.approx(4, abs=FRAME_S)


def test_neighbouring_windows_are_told_apart(tmp_path: Path) -> None:
    levels = levels_of(tmp_path, masked((1, 3), (5, 7)))
    for begin in (1, 5):
        found = window(levels, begin, begin + 2)
        assert judged(found)
        assert found.silent_s == pytest.approx(2, abs=FRAME_S)


@pytest.mark.parametrize(("begin", "end"), [(20.0, 22.0), (4.0, 4.0), (7.9, 9.9), (-3.0, -1.0)])
def test_a_window_outside_of_the_file_proves_nothing(tmp_path: Path, begin: float, end: float) -> None:
    found = window(levels_of(tmp_path, masked((3, 5))), begin, end)
    assert not judged(found) or found.frames == 0


@pytest.mark.parametrize("onset", [0.5, 1.0, 2.34])
def test_two_files_are_laid_beside_each_other_by_the_onset(tmp_path: Path, onset: float) -> None:
    """The PBX's file starts earlier, at half the rate, with waiting music before the call."""
    ours = levels_of(tmp_path, masked((0, 0.5), (3, 5)))
    music = tone(onset, 8_000, hertz=440)
    theirs_sound = masked((0, onset), (onset + 2.5, onset + 4.5), rate=8_000)
    theirs_sound[: len(music)] += music
    theirs = levels_of(tmp_path, theirs_sound, rate=8_000)
    shift = theirs.onset_s - ours.onset_s
    assert shift == pytest.approx(onset - 0.5, abs=FRAME_S)
    assert window(theirs, 3 + FRAME_S + shift, 5 - FRAME_S + shift).leaked_frames == 0


def test_a_click_is_no_onset(tmp_path: Path) -> None:
    sound = masked((0, 2))
    sound[8_000:8_640] = tone(2 * FRAME_S)
    assert levels_of(tmp_path, sound).onset_s == pytest.approx(2, abs=FRAME_S)


def test_an_empty_file_has_no_marker(tmp_path: Path) -> None:
    levels = levels_of(tmp_path, np.zeros(0))
    assert levels.usual == FLOOR_DB
    assert levels.onset_s == -1


def spoken(folder: Path, sound: Sound, rate: int = RATE) -> Words:
    """By way of a file."""
    file = folder / "words.wav"
    soundfile.write(file, sound, rate, subtype="PCM_16")
    return words(file, 0)


def call(*, late: float, lost: float = 0.0) -> Sound:
    """Nine seconds of the caller with the marker, a hole from 3 to 6 s; another file begins `late`
    seconds earlier and has lost a piece of the hole."""
    sound = np.tile(speech(), 3)[: 9 * RATE] + tone(9, RATE)
    sound[3 * RATE : 6 * RATE] = 0
    early = np.zeros(round(late * RATE))
    return np.concatenate([early, sound[: 4 * RATE], sound[4 * RATE + round(lost * RATE) :]])


@pytest.mark.parametrize("lost", [0.0, 0.02, 0.06, 0.3])
@pytest.mark.parametrize("late", [0.0, 0.11, 0.8])
def test_files_are_laid_beside_each_other_by_their_words(tmp_path: Path, late: float, lost: float) -> None:
    mine, other = spoken(tmp_path, call(late=0)), spoken(tmp_path, call(late=late, lost=lost))
    ((before, after),) = laid_beside(mine, other, [(3.0, 6.0)], late)
    assert before == pytest.approx(late, abs=0.006)
    assert after == pytest.approx(late - lost, abs=0.006)


def test_without_words_the_onset_counts(tmp_path: Path) -> None:
    quiet = spoken(tmp_path, masked((3, 6)))
    assert laid_beside(quiet, quiet, [(3.0, 6.0)], 0.25) == [(0.25, 0.25)]
    loud = spoken(tmp_path, call(late=0))
    assert laid_beside(loud, loud, [(0.1, 8.9)], 0.25) == [(0.25, 0.25)], "too little on both sides"
