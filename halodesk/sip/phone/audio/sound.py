"""The sound of the phone: which devices are used, by whom, and what the seat is told.

Rules:

1. Devices are open while a call has sound, and only then: nobody listens between calls.
2. A call never waits for a device and never ends for want of one: it sends silence.
3. The preferred device is used whenever it is there. One that is pulled out gives way to the
   system's own choice; plugged in again it is taken back, in mid-call too.
4. A device that does not open or stops is left out for `FORGIVE_S`, then tried again.
5. What is not as it should be is said (`SoundUse.message`) and stays said until it is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import SoundDevice, SoundFigures, SoundSide, SoundState, SoundUse
from halodesk.sip.phone.audio import preference
from halodesk.sip.phone.audio.backend import Backend
from halodesk.sip.phone.audio.choice import Preferred, choose, words
from halodesk.sip.phone.audio.patch import DeviceLine, Patch
from halodesk.sip.phone.log import Log

FORGIVE_S = 5.0

SIDES: tuple[SoundSide, SoundSide] = ("microphone", "speaker")


class _Side:
    """One direction."""

    def __init__(self, preferred: Preferred) -> None:
        self.preferred = preferred
        self.used = Preferred()
        self.lost = Preferred()
        self.failed: dict[str, tuple[str, float]] = {}
        self.open = False
        self.asked = ""


class Sound:
    """Any thread. `publish` is told of every change; it must only enqueue."""

    def __init__(
        self,
        data_dir: Path,
        publish: Callable[[SoundState], None],
        log: Log,
        *,
        microphone: str = "",
        speaker: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`microphone` and `speaker`: ids that count until somebody chooses at this seat."""
        self.patch = Patch()
        self._data_dir, self._publish, self._log, self._clock = data_dir, publish, log, clock
        self._lock = threading.RLock()
        kept = preference.read(data_dir)
        self._kept = kept
        self._sides: dict[SoundSide, _Side] = {
            "microphone": _Side(kept.microphone or Preferred(id=microphone)),
            "speaker": _Side(kept.speaker or Preferred(id=speaker)),
        }
        self._devices: tuple[SoundDevice, ...] = ()
        self._backend: Backend | None = None
        self._known = False
        self._lines = 0
        self._trouble = ("", "")
        self._told = SoundState()

    # the process

    def begin(self, backend: Backend) -> None:
        """The library is there."""
        with self._lock:
            self._backend = backend
        backend.start()

    def do_without(self, message: str, todo: str) -> None:
        """There is no library; `message` and `todo` say why."""
        with self._lock:
            self._known, self._trouble = True, (message, todo)
            self._log.warning("no_sound", reason=message)
            self._tell()

    def end(self) -> None:
        """Closes the devices and the library."""
        with self._lock:
            backend, self._backend = self._backend, None
        if backend is not None:
            backend.stop()

    # the calls

    def line(self) -> DeviceLine:
        """A new call has sound."""
        line = DeviceLine(self.patch, self._line_closed)
        with self._lock:
            self.patch.attach(line)
            self._lines += 1
            self._forgive(0.0)
            self._apply()
        return line

    def _line_closed(self, line: DeviceLine) -> None:
        with self._lock:
            self._lines = self.patch.remove(line)
            if not self._lines:
                for side in self._sides.values():
                    side.lost = Preferred()
            self._apply()

    # the seat

    def state(self) -> SoundState:
        """As it is now."""
        with self._lock:
            return SoundState(
                backend=self._backend.name if self._backend is not None and self._known else "",
                devices=self._devices,
                microphone=self._use("microphone"),
                speaker=self._use("speaker"),
            )

    def figures(self, *, reset: bool) -> SoundFigures:
        """How well it flows."""
        return self.patch.figures(reset=reset)

    def choose(self, side: SoundSide, device: str) -> SoundState:
        """Uses `device` from now on and keeps the choice.

        Raises `PhoneRefusedError` when it is not there or the choice cannot be kept.
        """
        with self._lock:
            found = next((d for d in self._devices if d.side == side and d.id == device), None)
            known = self._sides[side].preferred
            if device and found is None and device != known.id:
                raise PhoneRefusedError("This device is no longer there.", "Choose another one.")
            chosen = Preferred(id=device, name=found.name) if found else known if device else Preferred()
            self._sides[side].preferred = chosen
            self._sides[side].lost = Preferred()
            self._forgive(0.0)
            self._kept = msgspec.structs.replace(self._kept, **{side: chosen})
            self._apply()
            try:
                preference.write(self._data_dir, self._kept)
            except OSError as error:
                raise PhoneRefusedError(
                    f"The device is in use, but the choice cannot be kept: {error.strerror}.",
                    "Free space on the disk, then choose it again.",
                ) from None
            return self.state()

    # the library

    def devices(self, found: tuple[SoundDevice, ...]) -> None:
        """See `Listener.devices`."""
        with self._lock:
            self._known, self._devices = True, found
            for name, side in self._sides.items():
                here = {device.id for device in found if device.side == name}
                side.failed = {}  # a device that comes or goes may free another
                if self._lines and side.used.id and side.used.id not in here:
                    self._log.warning("sound_device_gone", side=name, device=side.used.id)
                    side.lost = side.lost if side.lost.id else side.used
                if side.lost.id in here:
                    side.lost = Preferred()
            self._apply()

    def opened(self, side: SoundSide, device: str) -> None:
        """See `Listener.opened`."""
        with self._lock:
            if self._sides[side].asked == device:
                self._sides[side].open = True
                self.patch.set_open(side, True)
                self._log.info("sound_device_open", side=side, device=device)
                self._tell()

    def failed(self, side: SoundSide, device: str, words: str) -> None:
        """See `Listener.failed`."""
        with self._lock:
            self._log.warning("sound_device_failed", side=side, device=device, reason=words)
            self._sides[side].failed[device] = (words, self._clock())
            if self._sides[side].asked == device:
                self._shut(side)
            self._apply()

    def ran_dry(self) -> None:
        """See `Listener.ran_dry`."""
        self.patch.ran_dry()

    def beat(self) -> None:
        """See `Listener.beat`."""
        with self._lock:
            if self._forgive(FORGIVE_S):
                self._apply()

    # within the lock

    def _forgive(self, after_s: float) -> bool:
        due = self._clock() - after_s
        forgiven = False
        for side in self._sides.values():
            kept = {key: why for key, why in side.failed.items() if why[1] > due}
            forgiven = forgiven or len(kept) < len(side.failed)
            side.failed = kept
        return forgiven

    def _apply(self) -> None:
        names = {(device.side, device.id): device.name for device in self._devices}
        changed = False
        for name, side in self._sides.items():
            used = choose(self._devices, name, side.preferred.id, side.failed)
            side.used = Preferred(id=used, name=names.get((name, used), ""))
            if side.preferred.id and (known := names.get((name, side.preferred.id), "")):
                side.preferred = Preferred(id=side.preferred.id, name=known)
            wanted = used if self._lines else ""
            if wanted != side.asked:
                self._shut(name)
                side.asked, changed = wanted, True
        if changed and self._backend is not None:
            self._backend.use(self._sides["microphone"].asked, self._sides["speaker"].asked)
        self._tell()

    def _shut(self, name: SoundSide) -> None:
        side = self._sides[name]
        if side.open:
            self._log.info("sound_device_closed", side=name, device=side.asked)
        side.open, side.asked = False, ""
        self.patch.set_open(name, False)

    def _use(self, name: SoundSide) -> SoundUse:
        side = self._sides[name]
        told = self._trouble
        if not told[0] and self._known:
            why = {key: found[0] for key, found in side.failed.items()}
            told = words(self._devices, name, side.preferred, side.lost, side.used.id, why)
        return SoundUse(
            preferred=side.preferred.id,
            preferred_name=side.preferred.name,
            device=side.used.id,
            name=side.used.name,
            open=side.open,
            message=told[0],
            todo=told[1],
        )

    def _tell(self) -> None:
        state = self.state()
        if state != self._told:
            self._told = state
            self._publish(state)
