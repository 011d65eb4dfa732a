"""The recorder gate: nothing leaks, the timeline stays, windows tell the truth."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

from halodesk.protocol.phone_link import RESTART_LEASE, MaskWindow
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.recorder import FRAME_SAMPLES, SAMPLE_RATE, Gate

PUBLIC = 1000
SECRET = 9999


def frame(value: int, samples: int = FRAME_SAMPLES) -> bytes:
    return np.full(samples, value, dtype="<i2").tobytes()


def stereo(data: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    return np.frombuffer(data, dtype="<i2").reshape(-1, 2)


def silent_stretches(sound: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> list[tuple[int, int]]:
    """Every stretch in which both channels are exactly zero."""
    silent = np.concatenate([[0], (~sound.any(axis=1)).astype(np.int8), [0]])
    edges = np.diff(silent)
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def test_left_is_the_agent_and_right_the_caller() -> None:
    gate = Gate()
    sound = stereo(gate.take(frame(1), frame(2)))
    assert sound.shape == (FRAME_SAMPLES, 2)
    assert set(sound[:, 0]) == {1}
    assert set(sound[:, 1]) == {2}


def test_a_short_or_missing_frame_ends_in_silence() -> None:
    gate = Gate()
    sound = stereo(gate.take(frame(1, 100), b""))
    assert sound.shape == (100, 2)
    assert not sound[:, 1].any()
    sound = stereo(gate.take(frame(1, 100), frame(2)))
    assert not sound[100:, 0].any()
    assert gate.position == 100 + FRAME_SAMPLES


@pytest.mark.parametrize("guard_ms", [20, 33, 500])
@pytest.mark.parametrize("seed", range(4))
def test_masks_at_random_phase_leak_nothing(seed: int, guard_ms: int) -> None:
    """A simulated clock, counted in samples: a frame every 320, masks at any moment in between.

    A secret is spoken from the moment `mask` has returned until `unmask` is called, and
    reaches the gate as late as the guard time allows: so much later, less the frame it
    is collected in.
    """
    chance = random.Random(seed)
    guard = guard_ms * SAMPLE_RATE // 1000
    latency = guard - FRAME_SAMPLES
    gate = Gate(guard_s=guard / SAMPLE_RATE)
    spans: list[tuple[int, int]] = []  # secret, from and until
    masked_since: int | None = None
    next_change = chance.randrange(8_000)
    output: list[bytes] = []
    spoken_secrets = 0
    frames = 10_000
    for handed_over in range(FRAME_SAMPLES, (frames + 1) * FRAME_SAMPLES, FRAME_SAMPLES):
        while next_change < handed_over:
            if masked_since is None:
                assert gate.mask(("card",)) == gate.position
                masked_since = next_change
            else:
                gate.unmask()
                spans.append((masked_since, next_change))
                masked_since = None
            next_change += chance.randrange(1, 14_000)
        spoken = np.arange(handed_over - latency - FRAME_SAMPLES, handed_over - latency)
        recent = spans[-20:] if masked_since is None else [*spans[-20:], (masked_since, handed_over)]
        is_secret = np.zeros(FRAME_SAMPLES, dtype=bool)
        for begin, end in recent:
            is_secret |= (spoken >= begin) & (spoken < end)
        spoken_secrets += int(is_secret.sum())
        sound = np.where(is_secret, SECRET, PUBLIC).astype("<i2").tobytes()
        output.append(gate.take(sound, sound))
    recorded = stereo(b"".join(output))
    assert len(spans) > 200
    assert spoken_secrets > 1_000_000
    assert not (recorded == SECRET).any()
    assert len(recorded) == frames * FRAME_SAMPLES == gate.position
    total = len(recorded)
    windows = [(w.from_sample, min(w.to_sample or total, total)) for w in gate.windows()]
    assert silent_stretches(recorded) == [window for window in windows if window[0] < total]


def test_masks_of_another_thread_leak_nothing() -> None:
    """The audio thread runs free; the guard of one frame covers what it holds in its hands."""
    masks = Masks()
    gate = Gate(guard_s=FRAME_SAMPLES / SAMPLE_RATE)
    masks.admit("call", gate)
    secret = threading.Event()
    stop = threading.Event()
    leaked = secrets = frames = 0

    def audio() -> None:
        nonlocal leaked, secrets, frames
        while not stop.is_set():
            value = SECRET if secret.is_set() else PUBLIC
            taken = gate.take(frame(value), frame(value))
            frames += 1
            secrets += value == SECRET
            leaked += bool((stereo(taken) == SECRET).any())

    thread = threading.Thread(target=audio)
    thread.start()
    for _ in range(300):
        masks.mask("card")
        secret.set()
        position = gate.position
        while gate.position < position + 2 * FRAME_SAMPLES:
            time.sleep(0)  # lets the audio thread have the interpreter
        secret.clear()
        masks.unmask("card")
        position = gate.position
        while gate.position < position + 2 * FRAME_SAMPLES:
            time.sleep(0)  # lets the audio thread have the interpreter
    stop.set()
    thread.join()
    assert leaked == 0
    assert secrets > 300
    assert gate.position == frames * FRAME_SAMPLES
    assert len(gate.windows()) == 300


def test_nested_leases_hold_until_the_last() -> None:
    masks = Masks()
    gate = Gate(guard_s=0.02)
    masks.admit("call", gate)
    gate.take(frame(1), frame(1))
    assert masks.mask("card").positions == {"call": FRAME_SAMPLES}
    state = masks.mask("id")
    assert state.leases == ("card", "id")
    assert state.positions == {"call": FRAME_SAMPLES}, "still the moment at which it fell silent"
    assert masks.mask("card").leases == ("card", "id"), "the same lease again counts once"
    assert masks.unmask("card").masked
    assert not stereo(gate.take(frame(1), frame(1))).any()
    assert masks.unmask("unknown").leases == ("id",)
    state = masks.unmask("id")
    assert (state.masked, state.leases) == (False, ())
    assert state.positions == {"call": 3 * FRAME_SAMPLES}
    assert not stereo(gate.take(frame(1), frame(1))).any(), "guard time"
    assert stereo(gate.take(frame(1), frame(1))).all()
    (window,) = gate.windows()
    assert window == MaskWindow(from_sample=FRAME_SAMPLES, to_sample=3 * FRAME_SAMPLES, leases=("card", "id"))


def test_masking_in_the_guard_time_goes_on_with_the_window() -> None:
    masks = Masks()
    gate = Gate(guard_s=0.1)
    masks.admit("call", gate)
    masks.mask("a")
    gate.take(frame(1), frame(1))
    masks.unmask("a")
    gate.take(frame(1), frame(1))
    masks.mask("b")
    for _ in range(20):
        assert not stereo(gate.take(frame(1), frame(1))).any()
    assert gate.windows() == (MaskWindow(from_sample=0, to_sample=None, leases=("a", "b")),)


def test_unmasking_what_is_not_masked_changes_nothing() -> None:
    masks = Masks()
    gate = Gate()
    masks.admit("call", gate)
    masks.unmask("card")
    assert stereo(gate.take(frame(1), frame(1))).all()
    assert gate.windows() == ()


def test_a_recorder_that_starts_under_a_lease_starts_masked() -> None:
    masks = Masks(start_masked=True)
    assert masks.state().leases == (RESTART_LEASE,)
    gate = Gate(guard_s=0.0)
    masks.admit("call", gate)
    assert not stereo(gate.take(frame(1), frame(1))).any()
    masks.unmask(RESTART_LEASE)
    assert stereo(gate.take(frame(1), frame(1))).all()
    masks.dismiss("call")
    masks.mask("card")
    assert masks.state().positions == {}
    assert stereo(gate.take(frame(1), frame(1))).all(), "the gate of an ended call is let alone"
