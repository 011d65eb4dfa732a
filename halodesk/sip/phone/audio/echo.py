"""Takes what the loudspeaker plays out of what the microphone hears: WebRTC's canceller (AEC3).

Rules:
- It works on the phone's own format (16 kHz mono) in steps of 10 ms, on the audio thread: what is to be
  played goes through `played`, what was heard through `heard`. 60 to 90 µs a step; nothing waits.
- The canceller finds the delay between the two by itself. It is told of none.
- The library (`livekit`, 30 MB) is loaded when the canceller is first wanted, and never otherwise.
- An error in it ends it, and the sound goes on as it came: a bad echo is better than no call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from halodesk.sip.phone.audio.ring import RATE, Samples

STEP = RATE // 100
"""10 ms, as the library wants it."""

_NONE = np.zeros(0, dtype=np.int16)


class EchoCanceller:
    """One for all calls: there is one loudspeaker. Audio thread only.

    Raises `ImportError` where the library is missing.
    """

    def __init__(self) -> None:
        from livekit import rtc

        self._frame: Any = rtc.AudioFrame
        self._module: Any = rtc.AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
        self._module.set_stream_delay_ms(0)
        self._to_come = self._rest = _NONE
        self.fault = ""

    def played(self, sound: Samples) -> None:
        """What goes to the loudspeaker now."""
        self._to_come = np.concatenate((self._to_come, sound))
        while len(self._to_come) >= STEP:
            self._run(self._module.process_reverse_stream, self._to_come[:STEP])
            self._to_come = self._to_come[STEP:]

    def heard(self, sound: Samples) -> Samples:
        """What the microphone heard, without what the loudspeaker played; some wait for the next time."""
        self._rest = np.concatenate((self._rest, sound))
        whole = len(self._rest) - len(self._rest) % STEP
        pieces = [
            self._run(self._module.process_stream, self._rest[at : at + STEP]) for at in range(0, whole, STEP)
        ]
        self._rest = self._rest[whole:]
        return np.concatenate(pieces) if pieces else _NONE

    def _run(self, step: Any, sound: Samples) -> Samples:
        if self.fault:
            return sound
        frame = self._frame(bytearray(sound.tobytes()), RATE, 1, STEP)
        try:
            step(frame)
        except RuntimeError as error:
            self.fault = str(error)
            return sound
        return np.frombuffer(bytes(frame.data), dtype="<i2")
