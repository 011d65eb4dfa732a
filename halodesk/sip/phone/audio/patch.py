"""Which call hears which device: every call has a ring from the microphone and one to the speaker.

The microphone's blocks go to every line; what the lines heard is mixed for the speaker. Locks are
held for some microseconds, by the media clock, the sound library and the SIP thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from halodesk.protocol.phone_link import Meters, SoundFigures, SoundSide, StreamFigures
from halodesk.sip.phone.audio.echo import EchoCanceller
from halodesk.sip.phone.audio.level import Level
from halodesk.sip.phone.audio.ring import RATE, ElasticRing, RingFigures, Samples

_GAPS_MS = 1_000
"""Longer gaps count as this."""


class Patch:
    """The lines of all calls that are up. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: tuple[DeviceLine, ...] = ()
        self._open: set[SoundSide] = set()
        self._past: dict[SoundSide, RingFigures] = _nothing()
        self._reset: dict[SoundSide, RingFigures] = _nothing()
        self._dry = 0
        self._echo: EchoCanceller | None = None
        self.gaps = Gaps()
        self.levels: dict[SoundSide, Level] = {"microphone": Level(), "speaker": Level()}

    def attach(self, line: DeviceLine) -> None:
        """A new line."""
        with self._lock:
            self._lines = (*self._lines, line)

    def remove(self, line: DeviceLine) -> int:
        """Takes a line out; returns how many are left."""
        with self._lock:
            if line in self._lines:
                self._lines = tuple(known for known in self._lines if known is not line)
                for side, ring in line.rings.items():
                    self._past[side] = _sum(self._past[side], ring.figures())
            return len(self._lines)

    def take(self, block: Samples) -> None:
        """A block of the microphone."""
        if self._echo is not None:
            block = self._echo.heard(block)
        self.levels["microphone"].note(block)
        for line in self._lines:
            line.rings["microphone"].push(block)

    def give(self, count: int) -> Samples:
        """The next samples for the speaker."""
        sound = self._mixed(self._lines, count)
        if self._echo is not None:
            self._echo.played(sound)
        self.levels["speaker"].note(sound)
        return sound

    def _mixed(self, lines: tuple[DeviceLine, ...], count: int) -> Samples:
        if len(lines) == 1:
            return lines[0].rings["speaker"].pull(count)
        mixed = np.zeros(count, dtype=np.int32)
        for line in lines:
            mixed += line.rings["speaker"].pull(count)
        return np.asarray(np.clip(mixed, -32_768, 32_767), dtype=np.int16)

    def cancel_echo(self, on: bool) -> None:
        """From now on, or no more; audio thread. Raises `ImportError` where the library is missing."""
        if on and self._echo is None:
            self._echo = EchoCanceller()
        elif not on:
            self._echo = None

    def is_open(self, side: SoundSide) -> bool:
        """Whether a device moves sound on this side."""
        return side in self._open

    def set_open(self, side: SoundSide, is_open: bool) -> None:
        """A device has begun, or ended; the rings of that side begin anew."""
        with self._lock:
            (self._open.add if is_open else self._open.discard)(side)
            for line in self._lines:
                line.rings[side].restart()

    def ran_dry(self) -> None:
        """The speaker had nothing to play although its ring had."""
        with self._lock:
            self._dry += 1

    def meters(self) -> Meters:
        """How loud it was since this was last asked."""
        return Meters(
            microphone_db=self.levels["microphone"].take(), speaker_db=self.levels["speaker"].take()
        )

    def figures(self, *, reset: bool = False) -> SoundFigures:
        """Since the last reset, which this may be."""
        with self._lock:
            whole = dict(self._past)
            for line in self._lines:
                for side, ring in line.rings.items():
                    whole[side] = _sum(whole[side], ring.figures())
            dry, since = self._dry, self._reset
            if reset:
                self._reset, self._dry = whole, 0
        frames, p99, longest = self.gaps.figures(reset=reset)
        return SoundFigures(
            microphone=_stream(whole["microphone"], since["microphone"], 0),
            speaker=_stream(whole["speaker"], since["speaker"], dry),
            frames=frames,
            gap_p99_ms=p99,
            gap_max_ms=longest,
        )


class DeviceLine:
    """One call's end at the devices; see `bridge.Line`."""

    def __init__(self, patch: Patch, on_close: Callable[[DeviceLine], object]) -> None:
        self.rings: dict[SoundSide, ElasticRing] = {"microphone": ElasticRing(), "speaker": ElasticRing()}
        self._patch, self._on_close = patch, on_close
        self._heard_at = 0.0

    def read(self, samples: int) -> bytes:
        """What the microphone heard."""
        return self.rings["microphone"].pull(samples).tobytes()

    def hear(self, sound: bytes) -> None:
        """What the other side said."""
        now = time.monotonic()
        if self._heard_at:
            self._patch.gaps.note(now - self._heard_at)
        self._heard_at = now
        if self._patch.is_open("speaker"):
            self.rings["speaker"].push(np.frombuffer(sound, dtype="<i2"))

    def close(self) -> None:
        """The call is over."""
        self._on_close(self)


class Gaps:
    """Time between frames, in steps of a millisecond. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = np.zeros(_GAPS_MS + 1, dtype=np.int64)
        self._longest = 0.0

    def note(self, seconds: float) -> None:
        """One more."""
        with self._lock:
            self._counts[min(int(seconds * 1000), _GAPS_MS)] += 1
            self._longest = max(self._longest, seconds * 1000)

    def figures(self, *, reset: bool) -> tuple[int, float, float]:
        """How many, the 99th of a hundred and the longest, in ms."""
        with self._lock:
            counts, longest = self._counts.copy(), self._longest
            if reset:
                self._counts[:] = 0
                self._longest = 0.0
        total = int(counts.sum())
        if not total:
            return 0, 0.0, 0.0
        p99 = float(np.searchsorted(np.cumsum(counts), 0.99 * total)) + 1.0
        return total, min(p99, longest), round(longest, 1)


def _nothing() -> dict[SoundSide, RingFigures]:
    return {"microphone": RingFigures(), "speaker": RingFigures()}


def _sum(first: RingFigures, second: RingFigures) -> RingFigures:
    return RingFigures(
        under_runs=first.under_runs + second.under_runs,
        over_runs=first.over_runs + second.over_runs,
        level=second.level,
        target=second.target,
        bent=first.bent + second.bent,
    )


def _stream(now: RingFigures, since: RingFigures, dry: int) -> StreamFigures:
    return StreamFigures(
        under_runs=now.under_runs - since.under_runs + dry,
        over_runs=now.over_runs - since.over_runs,
        level_ms=round(now.level * 1000 / RATE, 1),
        target_ms=round(now.target * 1000 / RATE, 1),
        bent_samples=now.bent - since.bent,
    )
