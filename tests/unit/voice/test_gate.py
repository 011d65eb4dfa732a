"""The fast gate: how soon it opens, and what does not open it."""

from __future__ import annotations

import numpy as np

from halodesk.voice.gate import FRAME_BYTES, FRAME_MS, Gate

LOUD = np.full(FRAME_BYTES // 2, 3000, dtype="<i2").tobytes()
QUIET = bytes(FRAME_BYTES)
FAINT = np.full(FRAME_BYTES // 2, 120, dtype="<i2").tobytes()
NOISE = np.full(FRAME_BYTES // 2, 300, dtype="<i2").tobytes()


def test_it_opens_within_three_frames_of_speech() -> None:
    gate = Gate(lambda frame: True)
    assert [gate.take(LOUD) for _ in range(3)] == [None, None, True]
    assert 3 * FRAME_MS <= 100, "the paper's fast gate: 60 to 100 ms"


def test_one_click_does_not_open_it() -> None:
    gate = Gate(lambda frame: True)
    assert [gate.take(frame) for frame in (LOUD, QUIET, QUIET, QUIET, LOUD, QUIET)] == [None] * 6


def test_what_is_no_speech_by_its_sound_does_not_open_it() -> None:
    gate = Gate(lambda frame: False)
    assert [gate.take(LOUD) for _ in range(20)] == [None] * 20


def test_a_pause_between_words_does_not_close_it() -> None:
    gate = Gate(lambda frame: True)
    for _ in range(3):
        gate.take(LOUD)
    assert [gate.take(QUIET) for _ in range(15)] == [None] * 15
    assert gate.take(LOUD) is None
    assert gate.open
    closing = [gate.take(QUIET) for _ in range(20)]
    assert closing == [*[None] * 19, False]


def test_a_hush_is_noticed_before_the_detector_believes_in_silence() -> None:
    gate = Gate(lambda frame: True)
    for _ in range(5):
        gate.take(LOUD)
    assert gate.hush_ms == 0
    for _ in range(3):
        gate.take(FAINT)
    assert gate.open
    assert gate.hush_ms == 3 * FRAME_MS
    gate.take(LOUD)
    assert gate.hush_ms == 0


def test_a_hush_is_told_from_the_noise_of_the_line() -> None:
    gate = Gate(lambda frame: frame == LOUD)
    for _ in range(200):
        gate.take(NOISE)
    for _ in range(5):
        gate.take(LOUD)
    for _ in range(3):
        gate.take(NOISE)
    assert gate.hush_ms == 3 * FRAME_MS


def test_closed_by_hand_it_opens_for_what_comes_next() -> None:
    gate = Gate(lambda frame: True)
    for _ in range(3):
        gate.take(LOUD)
    gate.close()
    assert [gate.take(LOUD) for _ in range(3)] == [None, None, True]
