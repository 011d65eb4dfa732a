"""A player for tests: time goes on, nothing is heard."""

from __future__ import annotations

from halodesk.runtime.ports import Clock


class SilentPlayer:
    """See `AudioPlayer`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._from_s = self._begun = 0.0

    @property
    def problem(self) -> str:
        """Always: there is nothing to hear it with."""
        return "No sound device in this build"

    def load(self, path: str) -> None:
        """Nothing to open."""

    def play(self, from_s: float) -> None:
        """Lets the time run from there."""
        self._from_s, self._begun = from_s, self._clock.mono()

    def pause(self) -> None:
        """Nothing sounds."""

    def position(self) -> float:
        """Seconds into the recording."""
        return self._from_s + self._clock.mono() - self._begun
