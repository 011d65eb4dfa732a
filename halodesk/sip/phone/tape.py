"""Several legs on one recording: the customer's file holds whoever spoke while the call was up.

Rules:

1. A tape belongs to the call whose file it is. Its own tick makes a frame, on hold too, so that the
   timeline never stops; the frames the other legs brought since then are laid over it.
2. Right: all far ends, added up. Left: the agent, who says the same to every leg: the first leg
   that is let hear it counts, or the voice would be there twice, a few milliseconds apart.
3. Everything passes the one gate of that file (`recorder`), so a mask covers every leg on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from halodesk.sip.phone.audio.bridge import SILENCE, Sink

_WAITING = 2
"""Frames of a leg that wait for the next tick; older ones are late and dropped."""


class Tape:
    """What a call's bridge feeds instead of the recorder. `push` belongs to the media clock."""

    def __init__(self, file: Sink) -> None:
        self._file = file
        self._tracks: tuple[Track, ...] = ()

    def join(self) -> Track:
        """A track for another leg. SIP thread."""
        track = Track(self)
        self._tracks = (*self._tracks, track)
        return track

    def leave(self, track: Track) -> None:
        """That leg is over. SIP thread."""
        self._tracks = tuple(known for known in self._tracks if known is not track)

    def push(self, agent: bytes, caller: bytes) -> None:
        """A frame of the call itself, and with it those of the other legs."""
        heard = [caller]
        for track in self._tracks:
            said, other = track.take()
            if _silent(agent):
                agent = said
            heard.append(other)
        self._file.push(agent, caller if len(heard) == 1 else added(heard))


class Track:
    """Another leg's place on a tape; a `Sink`."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._frames: deque[tuple[bytes, bytes]] = deque(maxlen=_WAITING)

    def push(self, agent: bytes, caller: bytes) -> None:
        """A frame of this leg; media clock."""
        self._frames.append((agent, caller))

    def take(self) -> tuple[bytes, bytes]:
        """The oldest frame that waits, or silence; media clock."""
        return self._frames.popleft() if self._frames else (SILENCE, SILENCE)

    def leave(self) -> None:
        """No more of this leg. SIP thread."""
        self._tape.leave(self)


class Fan:
    """One leg on several tapes."""

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        self._sinks = sinks

    def push(self, agent: bytes, caller: bytes) -> None:
        """To each of them."""
        for sink in self._sinks:
            sink.push(agent, caller)


class Tapes:
    """Which tapes a leg is on: its own, if it has a file, and those of other calls. SIP thread only."""

    def __init__(self, key: str, beside: str) -> None:
        self.own: Tape | None = None
        self._key, self._beside = key, beside
        self._tracks: dict[str, Track] = {}
        self._feed: Callable[[Sink | None], None] | None = None

    def connect(self, feed: Callable[[Sink | None], None]) -> None:
        """`feed` takes what the leg's bridge is to push to."""
        self._feed = feed
        self._change()

    def begin(self, file: Sink) -> Tape:
        """This leg gets a file of its own."""
        self.own = Tape(file)
        self._change()
        return self.own

    def join(self, key: str, tape: Tape | None) -> None:
        """From now on this leg is on the tape of call `key`, too."""
        if tape is not None and key not in self._tracks and key != self._key:
            self._tracks[key] = tape.join()
            self._change()

    def leave(self, key: str) -> None:
        """No longer on the tape of call `key`, unless it is there for that call's sake."""
        if key in self._tracks and key != self._beside:
            self._tracks.pop(key).leave()
            self._change()

    def end(self) -> None:
        """The call is over."""
        for track in self._tracks.values():
            track.leave()
        self._tracks.clear()
        self.own = self._feed = None

    def _change(self) -> None:
        own: tuple[Sink, ...] = () if self.own is None else (self.own,)
        sinks = (*own, *self._tracks.values())
        if self._feed is not None:
            self._feed(sinks[0] if len(sinks) == 1 else Fan(sinks) if sinks else None)


def added(sounds: list[bytes]) -> bytes:
    """Sum of 16-bit sounds, held at full scale; the shorter ones end in silence."""
    length = max(map(len, sounds)) // 2
    total = np.zeros(length, dtype=np.int32)
    for sound in sounds:
        samples = np.frombuffer(sound, dtype="<i2")
        total[: len(samples)] += samples
    return np.clip(total, -32_768, 32_767).astype("<i2").tobytes()


def _silent(sound: bytes) -> bool:
    return sound.count(0) == len(sound)
