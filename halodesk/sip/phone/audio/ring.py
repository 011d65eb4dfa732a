"""The elastic ring: samples between two clocks that are never quite the same.

A sound device and the phone's own clock both claim 16,000 samples a second and differ by up to
some tenths of a per cent. A plain ring would run dry, or grow, every few seconds.

Rules:

1. Samples are 16-bit mono. One thread pushes, another pulls; a pull never waits.
2. The target is the deepest dip plus what a pull takes. A dip is how far the level fell below its
   mean: because blocks come at once, or because a busy machine let the filling side wait. (That the
   emptying side waited costs nothing: what gathers meanwhile is taken in a row.) It is remembered for
   `MEMORY_S` to twice that, so that the delay shrinks again. One that is deeper than the ring is a
   break, against which no delay helps.
3. The level is what lies in the ring before a pull, smoothed over about a second. More than
   `TOLERANCE` off the target, a pull takes one sample more or less for each begun 10 ms of it and
   bends them to length by linear interpolation (at most 0.6 %: nobody hears that).
4. A ring that starts, or has run dry, first fills up to its target and gives silence. Running dry
   is an under-run; the silence of the first start is none. Each raises the target a frame above the level
   there was, for as long as dips are remembered: one break is not to become many.
5. `SETTLE_S` after each start the level is cut to the target at once: what a device delivered in
   its first burst would else stay as delay. Later the same is done, that often, when it is more than
   `CUT` too high: bending alone would take a minute.
6. It never holds more than `MOST`. What comes on top pushes the oldest out: an over-run.
"""

from __future__ import annotations

import threading

import msgspec
import numpy as np
import numpy.typing as npt

RATE = 16_000
FRAME = 320
"""20 ms."""

TOLERANCE = 0.4 * FRAME
MOST = 3_840
"""240 ms. The guard time of the recorder relies on it (`recorder.GUARD_S`)."""
MEMORY_S = 20.0
SETTLE_S = 2.0
CUT = 2 * FRAME
_SMOOTH = 1.0 * RATE
_DEEPEST = MOST - 2 * FRAME
_LEAST = FRAME + FRAME // 2
_LONGEST_BLOCK = 3 * FRAME
"""What a device that has just been opened may deliver at once; more is a burst."""
_STEP = 160

Samples = npt.NDArray[np.int16]


class RingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a ring has been through. Levels in samples."""

    under_runs: int = 0
    over_runs: int = 0
    level: float = 0.0
    target: int = 0
    bent: int = 0
    """Samples taken more or less to hold the target."""


class ElasticRing:
    """Any thread; see the rules of this module."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._store: Samples = np.zeros(MOST, dtype=np.int16)
        self._begin = 0
        self._held = 0
        self._under_runs = self._over_runs = self._bent = 0
        self._last = 0
        self._need = _Need()
        self._dip: float | None = None
        """How far below its mean the level would be, since it ran dry; None once something has come."""
        self._filling, self._sounded, self._settled = True, False, False
        self._pulled, self._level = 0, 0.0

    def push(self, samples: Samples) -> None:
        """Puts samples in; the oldest give way."""
        with self._lock:
            self._came(len(samples))
            if len(samples) + self._held > MOST:
                self._over_runs += 1
                samples = samples[-self._need.target :]
                self._drop(max(0, self._held + len(samples) - self._need.target))
            end = (self._begin + self._held) % MOST
            first = min(len(samples), MOST - end)
            self._store[end : end + first] = samples[:first]
            self._store[: len(samples) - first] = samples[first:]
            self._held += len(samples)

    def pull(self, count: int) -> Samples:
        """The next `count` samples; silence where there are none."""
        with self._lock:
            self._need.pulled(count)
            if self._filling and not self._sounded:
                self._need.block(count)
            if self._filling and self._dip is not None:
                self._dip += count
            if self._filling and self._held < max(self._need.target, count):
                return np.zeros(count, dtype=np.int16)
            if self._filling:
                self._filling, self._sounded = False, True
                self._level = float(self._held)
            self._pulled += count
            self._settle(count)
            self._need.dipped(self._level - self._held, count)
            wanted = count + self._bend(count)
            if self._held < wanted:
                return self._run_dry(count)
            taken = self._take(wanted)
            if wanted == count:
                self._last = int(taken[-1]) if count else self._last
                return taken
            self._bent += 1
            return self._interpolate(taken, count)

    def restart(self) -> None:
        """Another device: what is left of the old one goes, and nothing counts as a fault."""
        with self._lock:
            self._drop(self._held)
            self._need, self._dip = _Need(), None
            self._sounded = False
            self._start()

    def figures(self) -> RingFigures:
        """So far."""
        with self._lock:
            return RingFigures(
                under_runs=self._under_runs,
                over_runs=self._over_runs,
                level=self._level,
                target=self._need.target,
                bent=self._bent,
            )

    def _start(self) -> None:
        """Fills up anew."""
        self._filling, self._settled = True, False
        self._pulled, self._level = 0, 0.0

    def _came(self, count: int) -> None:
        """Something is about to be put in."""
        if not count:
            return
        if self._filling and not self._sounded:
            self._need.block(count)
        if self._dip is not None and self._dip <= _DEEPEST:
            self._need.dipped(self._dip, FRAME)
        self._dip = None

    def _settle(self, count: int) -> None:
        share = min(1.0, count / _SMOOTH)
        self._level += share * (self._held - self._level)
        if self._pulled < SETTLE_S * RATE:
            return
        excess = min(round(self._level), self._held) - self._need.target
        if excess > (CUT if self._settled else TOLERANCE):
            self._drop(excess)
            self._level -= excess
        self._settled = True
        self._pulled = 0

    def _bend(self, count: int) -> int:
        off = self._level - self._need.target
        if abs(off) <= TOLERANCE:
            return 0
        step = -(-count // _STEP)
        return step if off > 0 else -step

    def _run_dry(self, count: int) -> Samples:
        self._under_runs += 1
        self._need.at_least(min(round(self._level), _DEEPEST) + FRAME)
        self._dip = self._level - self._held
        rest = np.zeros(count, dtype=np.int16)
        held = min(self._held, count)
        rest[:held] = self._take(held)
        self._last = 0
        self._start()
        return rest

    def _interpolate(self, taken: Samples, count: int) -> Samples:
        """`taken` stretched or squeezed to `count`; begins right after the sample given last."""
        known = np.concatenate(([self._last], taken))
        at = np.arange(1, count + 1) * (len(taken) / count)
        bent = np.interp(at, np.arange(len(known)), known)
        self._last = int(taken[-1])
        return np.asarray(np.rint(bent), dtype=np.int16)

    def _take(self, count: int) -> Samples:
        first = min(count, MOST - self._begin)
        taken = np.concatenate((self._store[self._begin : self._begin + first], self._store[: count - first]))
        self._drop(count)
        return taken

    def _drop(self, count: int) -> None:
        self._begin = (self._begin + count) % MOST
        self._held -= count


class _Need:
    """The most the ring has had to hold before a pull, in the last `MEMORY_S` to twice that."""

    def __init__(self) -> None:
        self._now = self._before = 2 * FRAME
        self._since = 0

    @property
    def target(self) -> int:
        """In samples."""
        return max(self._now, self._before)

    def at_least(self, samples: int) -> None:
        """So much was needed just now."""
        self._now = max(self._now, samples)

    def block(self, count: int) -> None:
        """Before the first sound: what one side moves at once; more than a device's block is a burst."""
        self.at_least(min(count, _LONGEST_BLOCK) + FRAME)

    def dipped(self, dip: float, count: int) -> None:
        """The level fell so far below its mean before `count` were taken."""
        if dip > 0:
            self.at_least(min(int(dip), _DEEPEST) + count + int(TOLERANCE))

    def pulled(self, count: int) -> None:
        """The side that empties has moved; it measures the time."""
        self._since += count
        if self._since >= MEMORY_S * RATE:
            self._since = 0
            self._before, self._now = self._now, _LEAST
