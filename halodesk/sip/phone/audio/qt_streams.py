"""One open microphone and one open speaker of Qt Multimedia. Audio thread only; see `qt_backend`.

Their state is asked at each tick: a slot connected to a signal would tie knots between objects
that must not be collected elsewhere.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Protocol

from PySide6.QtCore import QIODevice
from PySide6.QtMultimedia import QAudioDevice, QAudioFormat, QAudioSink, QAudioSource, QtAudio

from halodesk.sip.phone.audio.convert import FromDevice, Kind, Layout, ToDevice
from halodesk.sip.phone.audio.patch import Patch
from halodesk.sip.phone.audio.ring import Samples

BUFFER_S = 0.08
"""What the speaker holds: a tick may be that late and nobody hears it."""
STORE_S = 0.25
"""What the library keeps of the microphone between ticks. A device may deliver 64 ms at once; what
finds no room is lost."""
MUTE_S = 2.0
"""A device that moves nothing for this long has stopped."""

PULSE_VARIABLE = "PULSE_LATENCY_MSEC"
MICROPHONE_MS, SPEAKER_MS = 15, 30
"""Asked of a PulseAudio server, whose client library reads the variable as it connects a stream. By itself
Qt gets what the microphone hears in blocks of 64 ms, and the ring has to hold as much. The speaker has
more: it must last until a late tick."""

_KINDS: dict[QAudioFormat.SampleFormat, Kind] = {
    QAudioFormat.SampleFormat.UInt8: "uint8",
    QAudioFormat.SampleFormat.Int16: "int16",
    QAudioFormat.SampleFormat.Int32: "int32",
    QAudioFormat.SampleFormat.Float: "float32",
}
_STOPPED = "has stopped"
_CLOSED = "cannot be opened"


class _Stream:
    """What both have in common."""

    def __init__(self, device: QAudioDevice, id: str, now: float) -> None:
        self.id = id
        self.format = _format(device)
        self.layout = Layout(
            rate=self.format.sampleRate(),
            channels=self.format.channelCount(),
            kind=_KINDS[self.format.sampleFormat()],
        )
        self._moved_at = now

    def _bytes(self, seconds: float) -> int:
        return round(seconds * self.layout.rate) * self.layout.frame_bytes

    def _trouble(self, state: QtAudio.State, now: float) -> str:
        if state is QtAudio.State.StoppedState or now - self._moved_at > MUTE_S:
            return _STOPPED
        return ""


class Capture(_Stream):
    """The microphone: its blocks go to the patch."""

    def __init__(self, device: QAudioDevice, id: str, patch: Patch, now: float) -> None:
        super().__init__(device, id, now)
        self._patch = patch
        self._convert = FromDevice(self.layout)
        self._source = QAudioSource(device, self.format)
        self._source.setBufferSize(self._bytes(STORE_S))
        with asked_of_pulse(MICROPHONE_MS):
            self._io: QIODevice | None = self._source.start()

    def move(self, now: float) -> str:
        """Takes what has come; why it does not go on, as the end of a sentence."""
        if self._io is None or self._source.error() is QtAudio.Error.OpenError:
            return _CLOSED
        data = self._io.readAll().data()
        if data:
            self._moved_at = now
            self._patch.take(self._convert.convert(bytes(data)))
        return self._trouble(self._source.state(), now)

    def close(self) -> None:
        """Lets go of the device."""
        self._source.stop()


class Feed(Protocol):
    """What a speaker plays: the patch, or the ring tone."""

    def give(self, count: int) -> Samples: ...


class Playback(_Stream):
    """The speaker: filled from the feed as it empties."""

    def __init__(self, device: QAudioDevice, id: str, feed: Feed, now: float) -> None:
        super().__init__(device, id, now)
        self._feed = feed
        self._convert = ToDevice(self.layout)
        self._sink = QAudioSink(device, self.format)
        self._sink.setBufferSize(self._bytes(BUFFER_S))
        self._rest = b""
        self._ran = False
        with asked_of_pulse(SPEAKER_MS):
            self._io: QIODevice | None = self._sink.start()
        if self._io is not None:
            zero = b"\x80" if self.layout.kind == "uint8" else b"\0"
            self._io.write(zero * self._free())

    def move(self, now: float) -> str:
        """Fills it up; why it does not go on, as the end of a sentence."""
        if self._io is None or self._sink.error() is QtAudio.Error.OpenError:
            return _CLOSED
        free = self._free()
        if free:
            self._moved_at = now
            frames = max(0, free - len(self._rest)) // self.layout.frame_bytes
            data = self._rest + self._convert.convert(self._feed.give(self._convert.samples_for(frames)))
            written = max(0, self._io.write(data[:free]))
            self._rest = data[written:]
        return self._trouble(self._sink.state(), now)

    def ran_dry(self) -> bool:
        """Whether it has fallen silent since this was last asked; before `move`, which fills it."""
        active = self._sink.state() is QtAudio.State.ActiveState
        dry = self._ran and not active
        self._ran = active
        return dry

    def close(self) -> None:
        """Lets go of the device."""
        self._sink.reset()

    def _free(self) -> int:
        free = self._sink.bytesFree()
        return free - free % self.layout.frame_bytes


@contextlib.contextmanager
def asked_of_pulse(milliseconds: int) -> Iterator[None]:
    """The stream that is opened meanwhile has this latency, unless the environment asks for another."""
    given = PULSE_VARIABLE in os.environ
    if not given:
        os.environ[PULSE_VARIABLE] = str(milliseconds)
    try:
        yield
    finally:
        if not given:
            del os.environ[PULSE_VARIABLE]


def _format(device: QAudioDevice) -> QAudioFormat:
    """The phone's own, where the system converts; else what the device prefers."""
    wanted = QAudioFormat()
    wanted.setSampleRate(Layout().rate)
    wanted.setChannelCount(1)
    wanted.setSampleFormat(QAudioFormat.SampleFormat.Int16)
    return wanted if device.isFormatSupported(wanted) else device.preferredFormat()
