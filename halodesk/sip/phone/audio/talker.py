"""A line on which a program speaks: queued speeches go out, the far end is told to the program.

Rules:

1. `read` and `hear` belong to the media clock; `speak` and `stop` come from the client's thread. One
   lock, held for microseconds.
2. The agent's own line lives on underneath: its microphone is read and thrown away, its speaker gets
   the far end and what the program says, so that a human who listens in can take over at any word.
3. Speeches go out in the order of their first piece. One whose next piece is late is silence until
   then; it is over when its last piece is out, or when it is stopped.
4. While a mask is held the program hears nothing: what is said to a human then is not for a machine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import FarSound, Notice, SpeechEnded, SpeechStarted
from halodesk.protocol.phone_voice import VOICE_RATE
from halodesk.sip.phone.audio.bridge import Line
from halodesk.sip.phone.tape import added

LONGEST_S = 120
"""Sound that may wait to be said."""
_BYTES_A_SECOND = 2 * VOICE_RATE
_STOPPED_KEPT = 64


class _Speech:
    def __init__(self, number: int) -> None:
        self.number = number
        self.sound = bytearray()
        self.ended = False
        self.begun = False
        self.played = 0


class Talker:
    """See the rules of this module. `send` must only enqueue, and may drop `FarSound`."""

    def __init__(
        self, call: str, own: Line, send: Callable[[Notice], None], masked: Callable[[], bool]
    ) -> None:
        """`own`: the agent's line."""
        self.own = own
        self._call, self._send, self._masked = call, send, masked
        self._lock = threading.Lock()
        self._speeches: list[_Speech] = []
        self._stopped: list[int] = []
        self._said = b""
        self.here = True
        """Still on its call."""

    # the program

    def speak(self, number: int, pcm: bytes, *, last: bool) -> None:
        """Queues sound. Raises `PhoneRefusedError` when too much of it waits already."""
        with self._lock:
            if number in self._stopped:
                return
            waiting = sum(len(speech.sound) for speech in self._speeches) + len(pcm)
            if waiting > LONGEST_S * _BYTES_A_SECOND:
                raise PhoneRefusedError(
                    f"More than {LONGEST_S} seconds of speech wait to be said.", "Wait until some are over."
                )
            speech = next((known for known in self._speeches if known.number == number), None)
            if speech is None:
                speech = _Speech(number)
                self._speeches.append(speech)
            if speech.ended:
                raise PhoneRefusedError(f"Speech {number} has had its last piece.")
            speech.sound += pcm[: len(pcm) // 2 * 2]
            speech.ended = last

    def stop(self, numbers: tuple[int, ...]) -> None:
        """Cuts speeches; each that was queued is told to be over."""
        with self._lock:
            cut = [speech for speech in self._speeches if not numbers or speech.number in numbers]
            self._speeches = [speech for speech in self._speeches if speech not in cut]
            self._stopped = [*self._stopped, *(numbers or (speech.number for speech in cut))][-_STOPPED_KEPT:]
        for speech in cut:
            self._over(speech, whole=False)

    # the media clock

    def read(self, samples: int) -> bytes:
        """The next of what is to be said."""
        self.own.read(samples)
        wanted = 2 * samples
        taken = bytearray()
        news: list[Notice] = []
        over: list[_Speech] = []
        with self._lock:
            while self._speeches and len(taken) < wanted:
                speech = self._speeches[0]
                piece = speech.sound[: wanted - len(taken)]
                del speech.sound[: len(piece)]
                if piece and not speech.begun:
                    speech.begun = True
                    news.append(SpeechStarted(call=self._call, speech=speech.number))
                speech.played += len(piece)
                taken += piece
                if speech.sound or not speech.ended:
                    break
                over.append(self._speeches.pop(0))
        for notice in news:
            self._send(notice)
        for speech in over:
            self._over(speech, whole=True)
        self._said = bytes(taken)
        return self._said

    def hear(self, sound: bytes) -> None:
        """To the agent's ear with what the program says, to the program without."""
        said, self._said = self._said, b""
        self.own.hear(added([sound, said]) if said else sound)
        if not self._masked():
            self._send(FarSound(call=self._call, pcm=sound))

    def close(self) -> None:
        """The call is over, and with it all that was to be said."""
        self.here = False
        self.stop(())
        self.own.close()

    def _over(self, speech: _Speech, *, whole: bool) -> None:
        played = 1000 * speech.played // _BYTES_A_SECOND
        self._send(SpeechEnded(call=self._call, speech=speech.number, played_ms=played, whole=whole))
