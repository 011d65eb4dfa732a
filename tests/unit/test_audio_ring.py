"""The elastic ring: two clocks that drift, threads that are late, and what is heard."""

from __future__ import annotations

import heapq
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.sip.phone.audio.ring import FRAME, MEMORY_S, MOST, RATE, TOLERANCE, ElasticRing, Samples


def tone(begin: int, count: int, hertz: float = 440.0) -> Samples:
    """A sine of 10,000, from its sample `begin` on."""
    return np.asarray(10_000 * np.sin(2 * np.pi * hertz * (begin + np.arange(count)) / RATE), dtype=np.int16)


def converse(
    ring: ElasticRing,
    *,
    push: int,
    pull: int,
    drift: float,
    seconds: float,
    late_ms: float = 0.0,
    seed: int = 0,
) -> tuple[Samples, list[float]]:
    """One side pushes `push` samples a block on a clock that is `drift` faster than the other's.

    Each block comes up to `late_ms` late, yet none is left out. What came out, and the delay in
    samples from the third second on.
    """
    chance = random.Random(seed)
    events: list[tuple[float, int, int]] = []
    for side, size, rate in ((0, push, RATE * (1 + drift)), (1, pull, float(RATE))):
        due = 0.0
        for number in range(int(seconds * rate / size)):
            due = max(due, (number + 1) * size / rate + chance.random() * late_ms / 1000)
            heapq.heappush(events, (due, side, number))
    heard: list[Samples] = []
    delays: list[float] = []
    pushed = 0
    while events:
        at, side, _ = heapq.heappop(events)
        if side == 0:
            ring.push(tone(pushed, push))
            pushed += push
        else:
            heard.append(ring.pull(pull))
            if at > 3:
                delays.append(ring.figures().level)
    return np.concatenate(heard), delays


@given(
    drift=st.floats(-0.003, 0.003),
    blocks=st.sampled_from([(160, 320), (320, 160), (320, 320), (640, 320), (320, 257), (441, 320)]),
    seed=st.integers(0, 1000),
)
def test_no_drift_runs_dry_or_grows(drift: float, blocks: tuple[int, int], seed: int) -> None:
    ring = ElasticRing()
    _, delays = converse(ring, push=blocks[0], pull=blocks[1], drift=drift, seconds=20, late_ms=4, seed=seed)
    figures = ring.figures()
    assert (figures.under_runs, figures.over_runs) == (0, 0)
    assert max(delays) <= figures.target + 2 * FRAME
    assert min(delays) >= FRAME / 2


def test_ten_minutes_at_the_worst_drift_hold_the_target() -> None:
    for drift in (-0.003, 0.003):
        ring = ElasticRing()
        _, delays = converse(ring, push=320, pull=320, drift=drift, seconds=600)
        figures = ring.figures()
        assert (figures.under_runs, figures.over_runs) == (0, 0)
        assert abs(delays[-1] - figures.target) < 2 * TOLERANCE
        assert max(delays) - min(delays) < 2 * FRAME
        assert figures.bent > 1000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3000)), max_size=200))
def test_it_never_holds_more_than_its_most_and_keeps_the_order(moves: list[tuple[bool, int]]) -> None:
    ring = ElasticRing()
    pushed = 0
    last = 0
    for push, count in moves:
        if push:
            ring.push(np.arange(pushed + 1, pushed + 1 + count).astype(np.int16))
            pushed = (pushed + count) % 20_000
            if pushed < count:
                pushed, last = 0, 0
                ring.restart()
        else:
            found = ring.pull(count)
            assert len(found) == count
            sounding = found[found != 0].astype(int)
            if len(sounding):
                assert (np.diff(sounding) >= 0).all()
                assert sounding[0] >= last - 1
                last = int(sounding[-1])
        assert ring._held <= MOST


def test_the_silence_before_the_first_sound_is_no_under_run_and_running_dry_is_one() -> None:
    ring = ElasticRing()
    for _ in range(10):
        assert not ring.pull(320).any()
    assert ring.figures().under_runs == 0
    ring = ElasticRing()
    for _ in range(2):
        ring.push(tone(1, 320))
    assert ring.pull(320).any()
    assert ring.pull(320).any()
    assert not ring.pull(320).any()
    assert ring.figures().under_runs == 1
    assert not ring.pull(320).any()
    assert ring.figures().under_runs == 1, "one break of the sound is one under-run"


def test_a_late_thread_costs_one_under_run_and_then_the_ring_knows() -> None:
    ring = ElasticRing()

    def beat(times: int, *, gap: int = 0) -> None:
        for _ in range(gap):
            ring.pull(320)
        for _ in range(gap):
            ring.push(tone(0, 320))
        for _ in range(times):
            ring.push(tone(0, 320))
            ring.pull(320)

    beat(200)
    before = ring.figures().under_runs
    beat(50, gap=4)
    after_first = ring.figures().under_runs
    assert after_first == before + 1
    beat(50, gap=4)
    assert ring.figures().under_runs == after_first
    assert ring.figures().target >= 5 * 320
    beat(int(2.5 * MEMORY_S * RATE / FRAME))
    assert ring.figures().target <= 640
    assert ring.figures().level < 640 + 2 * TOLERANCE


def test_a_break_longer_than_the_ring_is_no_reason_for_delay() -> None:
    ring = ElasticRing()
    for gap in (0,) * 100 + (250,) + (0,) * 200:
        for _ in range(gap):
            ring.pull(320)
        ring.push(tone(0, 320))
        ring.pull(320)
    figures = ring.figures()
    assert figures.under_runs == 1
    assert figures.level < 640 + FRAME + 2 * TOLERANCE


def test_a_first_burst_does_not_stay_as_delay() -> None:
    ring = ElasticRing()
    ring.push(tone(0, 3000))
    for number in range(int(2.5 * MEMORY_S * RATE / FRAME)):
        ring.push(tone(3000 + 320 * number, 320))
        ring.pull(320)
    figures = ring.figures()
    assert figures.level < 640 + 2 * TOLERANCE
    assert (figures.under_runs, figures.over_runs) == (0, 0)


@pytest.mark.parametrize("drift", [-0.003, 0.0, 0.003])
def test_a_tone_stays_a_tone(drift: float) -> None:
    ring = ElasticRing()
    heard, _ = converse(ring, push=160, pull=320, drift=drift, seconds=12)
    steady = heard[-8 * RATE :].astype(float)
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(len(steady))))
    hertz = np.fft.rfftfreq(len(steady), 1 / RATE)
    peak = hertz[spectrum.argmax()]
    assert abs(peak - 440 * (1 + drift)) < 3
    near = np.abs(hertz - peak) < 25
    noise = np.sqrt((spectrum[~near] ** 2).sum() / (spectrum**2).sum())
    assert noise < 0.01, "clicks or gaps"
    steps = np.abs(np.diff(steady))
    assert steps.max() < 10_000 * 2 * np.pi * 440 / RATE * 1.2


def test_after_a_restart_nothing_of_the_old_device_is_heard() -> None:
    ring = ElasticRing()
    ring.push(np.full(1000, 7, dtype=np.int16))
    ring.restart()
    ring.push(np.full(1280, 9, dtype=np.int16))
    assert set(ring.pull(320).tolist()) == {9}
    assert ring.figures().under_runs == 0


def test_too_much_at_once_keeps_the_newest() -> None:
    ring = ElasticRing()
    for value in (1, 2, 3):
        ring.push(np.full(2000, value, dtype=np.int16))
    assert ring.figures().over_runs >= 1
    left = ring.pull(3000)
    assert left.any()
    assert 1 not in left
    assert int(left[-1]) == 3
