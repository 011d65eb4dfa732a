"""Plays a recording in step with the replay: what the speaker has played is the time.

Rules:
- The file is read as it is played, a quarter of a second at a time: an hour of talk is 230 MB. One
  that is encrypted is decrypted so, too: nothing in clear is ever on the disk.
- Before the beginning and after the end of the recording silence is played, so that one clock,
  the speaker's, leads throughout.
- Without a speaker, or when it goes, the computer's clock leads, and `problem` says why nothing is heard.
- Qt Multimedia is imported when the first recording is opened: the desk starts without it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import soundfile
import soxr
from PySide6.QtCore import QObject, QTimer

from halodesk.engine.errors import SessionFileError
from halodesk.runtime.ports import Clock
from halodesk.runtime.recordings import OpenRecording, open_plain

if TYPE_CHECKING:
    from PySide6.QtCore import QIODevice
    from PySide6.QtMultimedia import QAudioDevice, QAudioFormat, QAudioSink

_BUFFER_S = 0.4
_TICK_MS = 50


class RecordingPlayer(QObject):
    """See `halodesk.runtime.ports.AudioPlayer`."""

    def __init__(
        self, clock: Clock, speaker: Callable[[], str] = str, open_recording: OpenRecording = open_plain
    ) -> None:
        """`speaker`: id of the speaker calls use; where it is unknown the system's is taken."""
        super().__init__()
        self._open_recording = open_recording
        self._sound: BinaryIO | None = None
        self._clock, self._speaker = clock, speaker
        self._file: soundfile.SoundFile | None = None
        self._problem = ""
        self._out: _Speaker | None = None
        self._from_s = self._begun = 0.0
        self._tick = QTimer(self)
        self._tick.setInterval(_TICK_MS)
        self._tick.timeout.connect(self._feed)

    @property
    def problem(self) -> str:
        """Why nothing is heard of the recording that is loaded."""
        return self._problem

    def load(self, path: str) -> None:
        """Opens another recording; empty for none."""
        self.pause()
        if self._file is not None:
            self._file.close()
        if self._sound is not None:
            self._sound.close()
        self._file, self._sound, self._problem = None, None, ""
        if not path:
            return
        try:
            self._sound = self._open_recording(Path(path))
            self._file = soundfile.SoundFile(self._sound)
        except SessionFileError as error:
            self._problem = error.message
            return
        except (soundfile.SoundFileError, OSError):
            self._problem = self.tr("The recording cannot be opened")
            return
        try:
            device = _find_speaker(self._speaker())
        except ImportError:
            self._problem = self.tr("The sound library is missing: ask IT")
            return
        if device is None:
            self._problem = self.tr("No headset or speaker is connected")

    def play(self, from_s: float) -> None:
        """Sounds from that second of the recording; before 0 there is silence first."""
        self.pause()
        self._from_s, self._begun = from_s, self._clock.mono()
        if self._file is None:
            return
        device = _find_speaker(self._speaker())
        if device is None:
            self._problem = self.tr("No headset or speaker is connected")
            return
        self._problem = ""
        self._out = _Speaker(device, self._file, from_s)
        self._tick.start()
        self._feed()

    def pause(self) -> None:
        """Silence, at once."""
        self._tick.stop()
        if self._out is not None:
            self._out.close()
            self._out = None

    def position(self) -> float:
        """Seconds into the recording: what has been heard of it."""
        if self._out is not None:
            return self._from_s + self._out.heard_s()
        return self._from_s + self._clock.mono() - self._begun

    def _feed(self) -> None:
        out = self._out
        if out is None or out.feed():
            return
        self._from_s, self._begun = self.position(), self._clock.mono()
        self.pause()
        self._problem = self.tr("The speaker has stopped")


class _Speaker:
    """One stretch of a recording on its way to a speaker."""

    def __init__(self, device: QAudioDevice, file: soundfile.SoundFile, from_s: float) -> None:
        from PySide6.QtMultimedia import QAudioSink

        self._file = file
        self._format = _format(device, file.samplerate)
        self._frame = self._format.bytesPerFrame()
        self._resample: soxr.ResampleStream | None = None
        rate = self._format.sampleRate()
        if rate != file.samplerate:
            self._resample = soxr.ResampleStream(file.samplerate, rate, file.channels, dtype="float32")
        self._lead = max(0, round(-from_s * rate))
        self._written = 0
        self._rest = b""
        file.seek(min(max(0, round(from_s * file.samplerate)), file.frames))
        self._sink: QAudioSink = QAudioSink(device, self._format)
        self._sink.setBufferSize(round(_BUFFER_S * rate) * self._frame)
        self._io: QIODevice | None = self._sink.start()

    def feed(self) -> bool:
        """Fills the speaker up; False when it takes no more."""
        from PySide6.QtMultimedia import QtAudio

        if self._io is None or self._sink.state() is QtAudio.State.StoppedState:
            return False
        free = self._sink.bytesFree()
        while len(self._rest) < free:
            self._rest += self._next((free - len(self._rest)) // self._frame + 1)
        written = max(0, self._io.write(self._rest[: free - free % self._frame]))
        self._written += written // self._frame
        self._rest = self._rest[written:]
        return True

    def heard_s(self) -> float:
        """Seconds that have left the speaker's buffer."""
        waiting = (self._sink.bufferSize() - self._sink.bytesFree()) // self._frame
        return max(0, self._written - waiting) / self._format.sampleRate()

    def close(self) -> None:
        """Lets go of the speaker."""
        self._sink.reset()

    def _next(self, frames: int) -> bytes:
        from PySide6.QtMultimedia import QAudioFormat

        channels = self._format.channelCount()
        if self._lead:
            silent = min(self._lead, frames)
            self._lead -= silent
            return bytes(silent * self._frame)
        sound = self._file.read(frames, dtype="float32", always_2d=True)
        if not len(sound):
            return bytes(frames * self._frame)
        if self._resample is not None:
            sound = self._resample.resample_chunk(sound)
        if sound.shape[1] != channels:
            sound = np.repeat(sound.mean(axis=1, keepdims=True), channels, axis=1)
        if self._format.sampleFormat() is QAudioFormat.SampleFormat.Float:
            return bytes(sound.astype("<f4").tobytes())
        return bytes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())


def _find_speaker(wanted: str) -> QAudioDevice | None:
    """The wanted speaker, else the system's. Raises `ImportError` where the library is missing."""
    from PySide6.QtMultimedia import QMediaDevices

    for device in QMediaDevices.audioOutputs():
        if wanted and bytes(device.id().data()).decode("utf-8", "backslashreplace") == wanted:
            return device
    found = QMediaDevices.defaultAudioOutput()
    return None if found.isNull() else found


def _format(device: QAudioDevice, rate: int) -> QAudioFormat:
    """The recording's own format where the system takes it, else the speaker's rate and channels."""
    from PySide6.QtMultimedia import QAudioFormat

    wanted = QAudioFormat()
    wanted.setSampleRate(rate)
    wanted.setChannelCount(2)
    wanted.setSampleFormat(QAudioFormat.SampleFormat.Int16)
    if not device.isFormatSupported(wanted):
        wanted = device.preferredFormat()
        if wanted.sampleFormat() is not QAudioFormat.SampleFormat.Float:
            wanted.setSampleFormat(QAudioFormat.SampleFormat.Int16)
    return wanted
