"""Sound in and out of a call: a port of the conference bridge written in Python.

Rules:

1. A frame is 20 ms of 16-bit mono at 16 kHz, 640 bytes little-endian. The bridge resamples
   to the codec.
2. The callbacks run on the media clock thread of pjsua2. They must not block, and no
   exception may leave them: pjsua2 would keep the call alive beyond the library's end and
   abort. Faults are counted and logged once.
3. Buffers move by pointer (4 to 8 microseconds). `bytes(vector)` takes 1,466, since it
   crosses the language border once a byte. The layout of `std::vector` (its first word is
   the begin pointer) is a fact of every compiler pjsua2 is built with, but not a promise:
   `pointers_work` writes and reads back once at start, and the slow way takes over if not.
4. One tick of the clock asks for a frame first and delivers one after. The delivery ends the
   tick and feeds the agent's ear and the sink, also when nobody speaks (the bridge then delivers
   an empty frame), so that neither timeline stops during hold.
5. A bridge is never destroyed. The clock thread may call it while Python takes it apart
   (seen after 100 calls: an object without its attributes, then an abort). So bridges are
   disowned, lent to a call and used again (`Bridges`), after a rest in which the conference
   forgets the connections of the last call.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import pjsua2 as pj
import soundfile

from halodesk.sip.phone.endpoint import SipThread
from halodesk.sip.phone.recorder import FRAME_SAMPLES, SAMPLE_RATE

FRAME_BYTES = 2 * FRAME_SAMPLES
SILENCE = bytes(FRAME_BYTES)

REST_S = 0.1
"""The conference carries out the removal of a call's port at its next tick, in 20 ms."""


class Source(Protocol):
    """Where the sound comes from that a bridge sends to the far end."""

    def read(self, samples: int) -> bytes:
        """The next `samples` of 16-bit mono at 16 kHz. Called every 20 ms; must not block.

        Fewer bytes are filled up with silence.
        """


class Line(Source, Protocol):
    """One call's end at the agent. `read` and `hear` are called on the media clock, and must not block."""

    def hear(self, sound: bytes) -> None:
        """What the far end said in the last 20 ms."""

    def close(self) -> None:
        """The call is over. SIP thread."""


class Sink(Protocol):
    """Takes both directions of a call, a frame at a time. Must not block."""

    def push(self, agent: bytes, caller: bytes) -> None:
        """What we sent and what we heard in the same 20 ms, 16-bit mono at 16 kHz."""


LineFactory = Callable[[], Line]
"""Makes the line of a new call."""

SourceFactory = Callable[[], Source]
"""Makes the source of a new call."""


class OneWay:
    """A line that speaks with a source's voice and hears nothing."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, samples: int) -> bytes:
        """The source's."""
        return self._source.read(samples)

    def hear(self, sound: bytes) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing to close."""


class Silence:
    """A microphone nobody speaks into."""

    def read(self, samples: int) -> bytes:
        return bytes(2 * samples)


class Loop:
    """A sound file over and over, for tests and synthetic callers."""

    def __init__(self, sound: bytes) -> None:
        """`sound`: 16-bit mono at 16 kHz (see `load_sound`)."""
        self._sound = sound or SILENCE
        self._at = 0

    def read(self, samples: int) -> bytes:
        wanted = 2 * samples
        taken = bytearray()
        while len(taken) < wanted:
            piece = self._sound[self._at : self._at + wanted - len(taken)]
            taken += piece
            self._at = (self._at + len(piece)) % len(self._sound)
        return bytes(taken)


def load_sound(path: Path) -> bytes:
    """A sound file of any rate and number of channels as 16-bit mono at 16 kHz.

    Raises `soundfile.SoundFileError` when it cannot be read.
    """
    data, rate = soundfile.read(path, dtype="float64", always_2d=True)
    mono = data.mean(axis=1)
    if rate != SAMPLE_RATE:
        count = round(len(mono) * SAMPLE_RATE / rate)
        mono = np.interp(np.arange(count) * rate / SAMPLE_RATE, np.arange(len(mono)), mono)
    sound: bytes = (np.clip(mono, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    return sound


def _begin(vector: pj.ByteVector) -> int:
    """Address of the first byte of a `std::vector<unsigned char>`; 0 when it is empty."""
    return ctypes.c_void_p.from_address(int(vector.this)).value or 0


def _fast_read(vector: pj.ByteVector, size: int) -> bytes:
    return ctypes.string_at(_begin(vector), size) if size else b""


def _fast_write(frame: pj.MediaFrame, data: bytes) -> None:
    frame.buf.resize(len(data))
    ctypes.memmove(_begin(frame.buf), data, len(data))


def _slow_read(vector: pj.ByteVector, size: int) -> bytes:
    return bytes(vector)[:size]


def _slow_write(frame: pj.MediaFrame, data: bytes) -> None:
    frame.buf = pj.ByteVector(data)


@functools.cache
def pointers_work() -> bool:
    """Whether the fast way writes and reads back what the slow way sees."""
    sample = bytes(range(256)) * 3
    frame = pj.MediaFrame()
    try:
        _fast_write(frame, sample)
        return bytes(frame.buf) == sample and _fast_read(frame.buf, len(sample)) == sample
    except (TypeError, ValueError, AttributeError):
        return False


class Bridge(pj.AudioMediaPort):
    """One call's port: sends what `line` says and lets it hear, hands both directions to `sink`.

    Made by `Bridges`, on the SIP thread.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.line: Line = OneWay(Silence())
        self.sink: Sink | None = None
        self.muted = False
        """The far end and the recorder get silence; the line is read all the same."""
        self.on_fault: Callable[[str], None] = _nobody
        self._sent = SILENCE
        fast = pointers_work()
        self._read = _fast_read if fast else _slow_read
        self._write = _fast_write if fast else _slow_write
        layout = pj.MediaFormatAudio()
        layout.init(pj.PJMEDIA_FORMAT_PCM, SAMPLE_RATE, 1, 20_000, 16)
        self.createPort(name, layout)
        self.__disown__()

    def onFrameRequested(self, frame: pj.MediaFrame) -> None:
        """The bridge wants the next frame for the far end."""
        try:
            data = self.line.read(FRAME_SAMPLES)[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        except Exception as error:
            data = SILENCE
            self._fault(error)
        if self.muted:
            data = SILENCE
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        self._write(frame, data)
        frame.size = len(data)
        self._sent = data

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:
        """The bridge has a frame from the far end; ends the tick."""
        sink, sent, self._sent = self.sink, self._sent, SILENCE
        try:
            heard = self._read(frame.buf, frame.size) if frame.size else SILENCE
            self.line.hear(heard)
            if sink is not None:
                sink.push(sent, heard)
        except Exception as error:
            self._fault(error)

    def _fault(self, error: Exception) -> None:
        # Text only: the traceback of a callback would keep the call alive (see endpoint).
        tell, self.on_fault = self.on_fault, _nobody
        tell(f"{type(error).__name__}: {error}")


def _nobody(_text: str) -> None:
    """Hears of faults while no call has the bridge, and of all but the first of a call."""


class Bridges:
    """Lends bridges to calls. SIP thread only."""

    def __init__(self, sip: SipThread) -> None:
        self._sip = sip
        self._free: list[Bridge] = []
        self._made = 0

    def lend(self, line: Line, on_fault: Callable[[str], None]) -> Bridge:
        """A bridge nothing is connected to. `on_fault` is told the first error of line or sink."""
        if self._free:
            bridge = self._free.pop()
        else:
            self._made += 1
            bridge = Bridge(f"bridge-{self._made}")
        bridge.line = line
        bridge.on_fault = on_fault
        return bridge

    def give_back(self, bridge: Bridge) -> None:
        """Takes a bridge back whose call is over."""
        bridge.sink = None
        bridge.muted = False
        line, bridge.line = bridge.line, OneWay(Silence())
        line.close()
        bridge.on_fault = _nobody
        self._sip.call_later(REST_S, lambda: self._free.append(bridge))
