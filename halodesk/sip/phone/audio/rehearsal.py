"""Hear oneself without a call: the microphone in the speaker, at once or after a recording.

Rules:
- It stands at the devices as a call does (`patch.DeviceLine`), with a clock of its own: 20 ms, never behind.
- `hear` plays what was said `DELAY_S` ago: late enough to be told from the own voice, and a loudspeaker does
  not howl at once. `record` takes `RECORD_S`, then plays it and ends by itself.
- Nothing of it is kept: what was recorded is in memory, and gone when it ends.
- A call ends it at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from halodesk.protocol.phone_sound import SoundTest
from halodesk.sip.phone.audio.patch import DeviceLine
from halodesk.sip.phone.audio.ring import FRAME, RATE

DELAY_S = 0.6
RECORD_S = 5.0
LONGEST_S = 60.0
"""A test somebody forgot: a microphone nobody thinks of."""
_FRAME_S = FRAME / RATE


class Rehearsal:
    """One test. `on_change` hears of each phase, "off" last, on the test's thread."""

    def __init__(
        self,
        line: DeviceLine,
        test: SoundTest,
        on_change: Callable[[Rehearsal, SoundTest], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line, self._on_change, self._clock = line, on_change, clock
        self.phase: SoundTest = test
        self._leaving = threading.Event()
        self._frames: deque[bytes] = deque()
        self._thread = threading.Thread(target=self._run, name="rehearsal", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; returns at once."""
        self._leaving.set()

    def step(self) -> None:
        """The next 20 ms."""
        heard = self._line.read(FRAME)
        match self.phase:
            case "hear":
                self._frames.append(heard)
                late = len(self._frames) > DELAY_S / _FRAME_S
                self._line.hear(self._frames.popleft() if late else bytes(2 * FRAME))
            case "record":
                self._frames.append(heard)
                self._line.hear(bytes(2 * FRAME))
                if len(self._frames) >= RECORD_S / _FRAME_S:
                    self._change("play")
            case "play":
                self._line.hear(self._frames.popleft() if self._frames else bytes(2 * FRAME))
                if not self._frames:
                    self._leaving.set()
            case "off":
                self._leaving.set()

    def _run(self) -> None:
        begun = due = self._clock()
        while not self._leaving.is_set() and due - begun < LONGEST_S:
            self.step()
            due += _FRAME_S
            self._leaving.wait(max(0.0, due - self._clock()))
        self._leaving.wait(0.3 if self.phase == "play" else 0.0)  # what the speaker still holds
        self._frames.clear()
        self._line.close()
        self._change("off")

    def _change(self, phase: SoundTest) -> None:
        self.phase = phase
        self._on_change(self, phase)
