"""Sound through Qt Multimedia, on a QThread of its own.

Rules:

1. All Qt objects here are made, used and dropped on the audio thread. From outside only queued
   signals reach it. None of them may be part of a reference cycle: the SIP thread runs the cycle
   collector, and would destroy them on the wrong thread.
2. Both streams are in push mode and are served by one precise 10 ms tick. (`readyRead` came 2,000
   times a second on one device; an overridden `QIODevice.writeData` gets text, not bytes.)
3. Qt does not tell when a microphone of PulseAudio goes (6.11: its list keeps it until one comes), and
   the server meanwhile lets us hear another source, be it the speaker's own sound. So `PulseWatch`
   looks at the server itself where there is one.
4. The speaker's buffer is filled with silence at first and refilled as it empties: so it asks for
   samples at the pace of its own clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot
from PySide6.QtMultimedia import QAudioDevice, QMediaDevices

from halodesk.protocol.phone_link import SoundDevice, SoundSide
from halodesk.sip.phone.audio.backend import Listener
from halodesk.sip.phone.audio.patch import Patch
from halodesk.sip.phone.audio.pulse import PulseWatch
from halodesk.sip.phone.audio.qt_streams import Capture, Playback
from halodesk.sip.phone.audio.ringer import Ringer

TICK_MS = 10
_BEAT_MS = 1_000
_STOP_MS = 3_000


class QtBackend:
    """See `backend.Backend`. Made on the main thread, after its QCoreApplication."""

    name = "Qt Multimedia"

    def __init__(self, patch: Patch, listener: Listener, ringer: Ringer) -> None:
        self._thread = QThread()
        self._thread.setObjectName("audio")
        self._worker = _Worker(patch, listener, ringer)
        self._worker.moveToThread(self._thread)
        self._thread.started.connect(self._worker.begin)

    def start(self) -> None:
        """Begins to tell of devices."""
        self._thread.start(QThread.Priority.TimeCriticalPriority)

    def use(self, microphone: str, speaker: str) -> None:
        """Opens, changes and closes devices. Any thread."""
        self._worker.wanted.emit(microphone, speaker)

    def ring(self, devices: tuple[str, ...]) -> None:
        """Opens and closes what rings. Any thread."""
        self._worker.rung.emit(devices)

    def cancel_echo(self, on: bool) -> None:
        """Switches the canceller. Any thread."""
        self._worker.echo_wanted.emit(on)

    def stop(self) -> None:
        """Closes everything; returns when the thread has ended. The main thread only."""
        self._worker.leaving.emit()
        self._thread.wait(_STOP_MS)


class _Worker(QObject):
    """Lives on the audio thread."""

    wanted = Signal(str, str)
    rung = Signal(object)
    echo_wanted = Signal(bool)
    leaving = Signal()
    changed = Signal()

    def __init__(self, patch: Patch, listener: Listener, ringer: Ringer) -> None:
        super().__init__()
        self._patch, self._listener, self._ringer = patch, listener, ringer
        self._rings: list[Playback] = []
        self._capture: Capture | None = None
        self._playback: Playback | None = None
        self._media: QMediaDevices | None = None
        self._tick = QTimer(self)
        self._tick.setTimerType(Qt.TimerType.PreciseTimer)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self.tick)
        self._watch = PulseWatch(self.changed.emit)
        self._beat = QTimer(self)
        self._beat.setInterval(_BEAT_MS)
        self._beat.timeout.connect(self.beat)
        self.wanted.connect(self.use, Qt.ConnectionType.QueuedConnection)
        self.rung.connect(self.ring, Qt.ConnectionType.QueuedConnection)
        self.echo_wanted.connect(self.cancel_echo, Qt.ConnectionType.QueuedConnection)
        self.changed.connect(self.look, Qt.ConnectionType.QueuedConnection)
        self.leaving.connect(self.leave, Qt.ConnectionType.QueuedConnection)

    @Slot()
    def begin(self) -> None:
        """The thread has started."""
        self._media = QMediaDevices(self)
        self._media.audioInputsChanged.connect(self.look)
        self._media.audioOutputsChanged.connect(self.look)
        self._beat.start()
        self._watch.start()
        self.look()

    @Slot()
    def look(self) -> None:
        """Tells of the devices there are."""
        inputs, outputs = QMediaDevices.audioInputs(), QMediaDevices.audioOutputs()
        found = (*_told("microphone", inputs), *_told("speaker", outputs))
        gone = self._watch.gone(device.id for device in found)
        self._listener.devices(tuple(device for device in found if device.id not in gone))

    @Slot(str, str)
    def use(self, microphone: str, speaker: str) -> None:
        """Closes what is not wanted, opens what is."""
        now = time.monotonic()
        if self._capture is not None and self._capture.id != microphone:
            self._capture.close()
            self._capture = None
        if self._playback is not None and self._playback.id != speaker:
            self._playback.close()
            self._playback = None
        if self._capture is None and microphone:
            device = _find(QMediaDevices.audioInputs(), microphone)
            if device is not None:
                self._capture = Capture(device, microphone, self._patch, now)
                self._listener.opened("microphone", microphone)
        if self._playback is None and speaker:
            device = _find(QMediaDevices.audioOutputs(), speaker)
            if device is not None:
                self._playback = Playback(device, speaker, self._patch, now)
                self._listener.opened("speaker", speaker)
        self._tick_as_needed()

    @Slot(object)
    def ring(self, wanted: tuple[str, ...]) -> None:
        """Closes what is to ring no more, opens what is to ring."""
        now = time.monotonic()
        for found in [ringing for ringing in self._rings if ringing.id not in wanted]:
            found.close()
            self._rings.remove(found)
        for id in wanted:
            device = _find(QMediaDevices.audioOutputs(), id)
            if device is not None and all(ringing.id != id for ringing in self._rings):
                self._rings.append(Playback(device, id, self._ringer.feed(), now))
                self._listener.opened("ringer", id)
        self._tick_as_needed()

    def _tick_as_needed(self) -> None:
        if self._capture is None and self._playback is None and not self._rings:
            self._tick.stop()
        elif not self._tick.isActive():
            self._tick.start()

    @Slot(bool)
    def cancel_echo(self, on: bool) -> None:
        """Loading the library takes a moment, here and once: between calls, mostly."""
        try:
            self._patch.cancel_echo(on)
        except (ImportError, OSError, RuntimeError) as error:
            self._listener.no_echo_canceller(f"{type(error).__name__}: {error}")

    @Slot()
    def tick(self) -> None:
        """Moves what there is."""
        now = time.monotonic()
        capture, playback = self._capture, self._playback
        if capture is not None and (words := capture.move(now)):
            capture.close()
            self._capture = None
            self._listener.failed("microphone", capture.id, words)
        if playback is not None:
            if playback.ran_dry():
                self._listener.ran_dry()
            if words := playback.move(now):
                playback.close()
                self._playback = None
                self._listener.failed("speaker", playback.id, words)
        for found in tuple(self._rings):
            if words := found.move(now):
                found.close()
                self._rings.remove(found)
                self._listener.failed("ringer", found.id, words)

    @Slot()
    def beat(self) -> None:
        """A second has passed."""
        self._listener.beat()

    @Slot()
    def leave(self) -> None:
        """Drops what belongs to this thread, then ends it."""
        self.ring(())
        self.use("", "")
        self._beat.stop()
        self._watch.stop()
        if self._media is not None:
            self._media.audioInputsChanged.disconnect(self.look)
            self._media.audioOutputsChanged.disconnect(self.look)
            self._media.deleteLater()
            self._media = None
        self.thread().quit()


def _told(side: SoundSide, devices: Sequence[QAudioDevice]) -> Iterator[SoundDevice]:
    for device in devices:
        yield SoundDevice(id=_id(device), name=device.description(), side=side, default=device.isDefault())


def _find(devices: Sequence[QAudioDevice], wanted: str) -> QAudioDevice | None:
    return next((device for device in devices if _id(device) == wanted), None)


def _id(device: QAudioDevice) -> str:
    return bytes(device.id().data()).decode("utf-8", "backslashreplace")
