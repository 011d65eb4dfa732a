"""The sound of the phone: which devices are used, by whom, and what the seat is told.

Rules:

1. Devices are open while a call has sound or the agent tests them, and only then: nobody listens
   between calls. What rings is open while a call rings.
2. A call never waits for a device and never ends for want of one: it sends silence.
3. The preferred device is used whenever it is there. One that is pulled out gives way to the one
   chosen before it, at last to the system's own choice; plugged in again it is taken back, in mid-call too.
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
from halodesk.protocol.phone_sound import Ringing, SoundTest
from halodesk.sip.phone.audio import preference
from halodesk.sip.phone.audio.backend import Backend
from halodesk.sip.phone.audio.choice import MOST_REMEMBERED, Preferred, choose, end_of, words
from halodesk.sip.phone.audio.patch import DeviceLine, Patch
from halodesk.sip.phone.audio.rehearsal import Rehearsal
from halodesk.sip.phone.audio.ringer import Ringer
from halodesk.sip.phone.log import Log

FORGIVE_S = 5.0

SIDES: tuple[SoundSide, SoundSide] = ("microphone", "speaker")
_CALL_RUNS = PhoneRefusedError("There is a call: a test would be heard in it.", "Hang up first.")


class _Side:
    """One direction."""

    def __init__(self, preferred: Preferred, before: tuple[Preferred, ...] = ()) -> None:
        self.preferred, self.before = preferred, before
        self.used = Preferred()
        self.lost = Preferred()
        self.failed: dict[str, tuple[str, float]] = {}
        self.open = False
        self.asked = ""

    @property
    def order(self) -> list[str]:
        """Ids as they are preferred; none where the system's choice is followed."""
        return [found.id for found in (self.preferred, *self.before) if found.id and self.preferred.id]


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
        ringer: str = "",
        cancel_echo: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`microphone`, `speaker` and `ringer`: ids that count until somebody chooses at this seat."""
        self.patch = Patch()
        self.ringer = Ringer()
        self._data_dir, self._publish, self._log, self._clock = data_dir, publish, log, clock
        self._lock = threading.RLock()
        kept = preference.read(data_dir)
        self._kept = kept
        self._sides: dict[SoundSide, _Side] = {
            "microphone": _Side(
                kept.microphone or Preferred(id=microphone), kept.before.get("microphone", ())
            ),
            "speaker": _Side(kept.speaker or Preferred(id=speaker), kept.before.get("speaker", ())),
            "ringer": _Side(kept.ringer or Preferred(id=ringer), kept.before.get("ringer", ())),
        }
        self._rings = self._rings_in_call = False
        self._rung: tuple[str, ...] = ()
        self._cancel_echo = kept.cancel_echo if kept.cancel_echo is not None else cancel_echo
        self._echo_trouble = ""
        self._rehearsal: Rehearsal | None = None
        self._tests: set[DeviceLine] = set()
        """Lines of tests; one that has just been ended is still there for a moment."""
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
        if self._cancel_echo:
            backend.cancel_echo(True)

    def do_without(self, message: str, todo: str) -> None:
        """There is no library; `message` and `todo` say why."""
        with self._lock:
            self._known, self._trouble = True, (message, todo)
            self._log.warning("no_sound", reason=message)
            self._tell()

    def end(self) -> None:
        """Closes the devices and the library."""
        with self._lock:
            self._end_test()
            backend, self._backend = self._backend, None
        if backend is not None:
            backend.stop()

    # the calls

    def line(self) -> DeviceLine:
        """A new call has sound."""
        with self._lock:
            self._end_test()
            return self._new_line()

    def ring(self, on: bool, *, in_call: bool = False) -> None:
        """Whether a call rings; `in_call`: softly, another one is up."""
        with self._lock:
            self._rings, self._rings_in_call = on, in_call
            self._apply()

    def _new_line(self) -> DeviceLine:
        line = DeviceLine(self.patch, self._line_closed)
        with self._lock:
            self.patch.attach(line)
            self._lines += 1
            self._forgive(0.0)
            self._apply()
        return line

    def _line_closed(self, line: DeviceLine) -> None:
        with self._lock:
            self._tests.discard(line)
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
                ringer=self._use("ringer"),
                ringing=self._kept.ringing,
                cancel_echo=self._cancel_echo and not self._echo_trouble,
                echo_trouble=self._echo_trouble,
                test=self._rehearsal.phase if self._rehearsal is not None else "off",
            )

    def figures(self, *, reset: bool) -> SoundFigures:
        """How well it flows."""
        return self.patch.figures(reset=reset)

    def choose(self, side: SoundSide, device: str) -> SoundState:
        """Uses `device` from now on and keeps the choice.

        Raises `PhoneRefusedError` when it is not there or the choice cannot be kept.
        """
        with self._lock:
            found = next((d for d in self._devices if d.side == end_of(side) and d.id == device), None)
            known = self._sides[side].preferred
            if device and found is None and device != known.id:
                raise PhoneRefusedError("This device is no longer there.", "Choose another one.")
            chosen = Preferred(id=device, name=found.name) if found else known if device else Preferred()
            before = tuple(
                one
                for one in (known, *self._sides[side].before)
                if chosen.id and one.id not in ("", chosen.id)
            )[:MOST_REMEMBERED]
            self._sides[side].preferred, self._sides[side].before = chosen, before
            self._sides[side].lost = Preferred()
            self._forgive(0.0)
            order = {**self._kept.before, side: before}
            self._kept = msgspec.structs.replace(self._kept, **{side: chosen, "before": order})
            self._apply()
            self._keep()
            return self.state()

    def set_ringing(self, ringing: Ringing) -> SoundState:
        """How calls ring from now on. Raises `PhoneRefusedError` when that cannot be kept."""
        if not 0 <= ringing.volume <= 100:
            raise PhoneRefusedError("The volume goes from 0 to 100.", "Choose one in between.")
        with self._lock:
            self._kept = msgspec.structs.replace(self._kept, ringing=ringing)
            self._apply()
            self._keep()
            return self.state()

    def cancel_echo(self, on: bool) -> SoundState:
        """Takes the loudspeaker out of the microphone. Raises `PhoneRefusedError`: that cannot be kept."""
        with self._lock:
            self._cancel_echo, self._echo_trouble = on, ""
            self._kept = msgspec.structs.replace(self._kept, cancel_echo=on)
            if self._backend is not None:
                self._backend.cancel_echo(on)
            self._tell()
            self._keep()
            return self.state()

    def no_echo_canceller(self, words: str) -> None:
        """See `Listener.no_echo_canceller`."""
        with self._lock:
            self._log.warning("no_echo_canceller", reason=words)
            self._echo_trouble = "The echo canceller cannot be loaded. Use a headset, and tell IT."
            self._tell()

    def test(self, wanted: SoundTest) -> SoundState:
        """Begins a test, or ends the one that runs. Raises `PhoneRefusedError`: a call is up, no devices."""
        with self._lock:
            self._end_test()
            if wanted in ("hear", "record"):
                if self._lines > len(self._tests):
                    raise _CALL_RUNS
                if self._backend is None:
                    raise PhoneRefusedError("The sound library is not there.", "Ask IT.")
                line = self._new_line()
                self._tests.add(line)
                self._rehearsal = Rehearsal(line, wanted, self._test_changed)
                self._rehearsal.start()
            self._tell()
            return self.state()

    def _end_test(self) -> None:
        if self._rehearsal is not None:
            self._rehearsal.stop()
            self._rehearsal = None

    def _test_changed(self, rehearsal: Rehearsal, phase: SoundTest) -> None:
        """On the test's thread."""
        with self._lock:
            if self._rehearsal is rehearsal:
                if phase == "off":
                    self._rehearsal = None
                self._tell()

    def _keep(self) -> None:
        try:
            preference.write(self._data_dir, self._kept)
        except OSError as error:
            raise PhoneRefusedError(
                f"The choice counts, but it cannot be kept: {error.strerror}.",
                "Free space on the disk, then choose again.",
            ) from None

    # the library

    def devices(self, found: tuple[SoundDevice, ...]) -> None:
        """See `Listener.devices`."""
        with self._lock:
            self._known, self._devices = True, found
            for name, side in self._sides.items():
                here = {device.id for device in found if device.side == end_of(name)}
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
            if side == "ringer":
                self._sides[side].open = device in self._rung
                self._tell()
            elif self._sides[side].asked == device:
                self._sides[side].open = True
                self.patch.set_open(side, True)
                self._log.info("sound_device_open", side=side, device=device)
                self._tell()

    def failed(self, side: SoundSide, device: str, words: str) -> None:
        """See `Listener.failed`."""
        with self._lock:
            self._log.warning("sound_device_failed", side=side, device=device, reason=words)
            self._sides[side].failed[device] = (words, self._clock())
            if side == "ringer":
                self._rung = tuple(one for one in self._rung if one != device)
            elif self._sides[side].asked == device:
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
            end = end_of(name)
            used = choose(self._devices, name, side.order, side.failed)
            side.used = Preferred(id=used, name=names.get((end, used), ""))
            if side.preferred.id and (known := names.get((end, side.preferred.id), "")):
                side.preferred = Preferred(id=side.preferred.id, name=known)
            if name == "ringer":
                continue
            wanted = used if self._lines else ""
            if wanted != side.asked:
                self._shut(name)
                side.asked, changed = wanted, True
        if changed and self._backend is not None:
            self._backend.use(self._sides["microphone"].asked, self._sides["speaker"].asked)
        self._apply_ringing()
        self._tell()

    def _apply_ringing(self) -> None:
        how = self._kept.ringing
        wanted: tuple[str, ...] = ()
        if self._rings and how.volume:
            ringer, headset = self._sides["ringer"], self._sides["speaker"]
            also = headset.used.id if how.headset_too else ""
            wanted = tuple(
                dict.fromkeys(id for id in (ringer.used.id, also) if id and id not in ringer.failed)
            )
        self.ringer.set(how.volume, in_call=self._rings_in_call)
        if wanted != self._rung:
            self._rung = wanted
            self._sides["ringer"].open = False
            if self._backend is not None:
                self._backend.ring(wanted)

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
