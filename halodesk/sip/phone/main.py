"""The phone process: wires its parts, waits, and leaves in order.

Order of the end: no new calls, hang up, 300 ms of events, ports and accounts, `libDestroy`
(all in `endpoint`), recordings closed, sound devices closed, socket and `phone.json` gone, the last
notices sent: a window that sees its connection end finds nothing left of this phone.

The sound library is loaded once the phone is ready: it takes as long as all the rest, and a call
does not wait for it.

An orphaned phone is a hot microphone. With no window attached it refuses new calls, and
after `orphan_after_s` it ends those that are up and leaves; a window that comes back in
that time finds everything as it was, the masks above all.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import psutil
import soundfile

from halodesk.crypto.recording_key import RecordingLock
from halodesk.engine.errors import PhoneError
from halodesk.protocol.phone_link import PROTOCOL_VERSION, NetworkNews, NewsKind, SoundChanged, SoundState
from halodesk.runtime.process_memory import disable_core_dumps
from halodesk.sip.link import (
    ALREADY_RUNS,
    READY_LINE,
    Endpoint,
    create_key,
    new_address,
    publish_endpoint,
    read_endpoint,
    withdraw_endpoint,
)
from halodesk.sip.phone.accounts import Accounts
from halodesk.sip.phone.audio.bridge import (
    Bridges,
    Line,
    Loop,
    OneWay,
    Silence,
    Source,
    SourceFactory,
    load_sound,
    pointers_work,
)
from halodesk.sip.phone.audio.sound import Sound
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.calls import Calls
from halodesk.sip.phone.codecs import DEFAULT_CODECS
from halodesk.sip.phone.endpoint import EndpointSettings, SipThread
from halodesk.sip.phone.hub import Hub
from halodesk.sip.phone.kit import CallKit
from halodesk.sip.phone.log import Log, make_log, open_log_file
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.quality import QualityWatch
from halodesk.sip.phone.recorder import GUARD_S
from halodesk.sip.phone.ringing import RingWatch
from halodesk.sip.phone.service import Service
from halodesk.sip.phone.surroundings import Surroundings
from halodesk.sip.phone.trace import TRACE_FILE
from halodesk.sip.phone.transfer import Transfers

FAILED = 1
"""Exit status when the phone cannot start; standard error says why."""

ORPHAN_AFTER_S = 60.0

SoundMode = Literal["auto", "none"]
"""`auto`: the devices of the system, or silence where there are none. `none`: silence."""

_JOIN_RECORDERS_S = 3.0
_NICE = -11
"""That of PulseAudio."""


def run(
    data_dir: Path,
    *,
    start_masked: bool = False,
    orphan_after_s: float = ORPHAN_AFTER_S,
    bind: str = "",
    sip_port: int = 0,
    rtp_port: int = 0,
    rtp_ports: int = 200,
    dscp_sound: int = 46,
    dscp_signalling: int = 24,
    trace: bool = False,
    microphone: Path | None = None,
    recordings: Path | None = None,
    record: bool = True,
    recording_lock: bytes | None = None,
    guard_s: float = GUARD_S,
    log_level: int = 2,
    source: SourceFactory | None = None,
    sound: SoundMode = "auto",
    microphone_device: str = "",
    speaker_device: str = "",
    ring_device: str = "",
    cancel_echo: bool = False,
    codecs: tuple[str, ...] = DEFAULT_CODECS,
) -> int:
    """Runs the phone of `data_dir` until it is asked to quit; returns the exit status.

    To be called on the main thread of a process of its own. `start_masked` holds the lease
    "restart" until the seat gives it back: a phone that replaces a dead one cannot know
    what was masked. `microphone` is a sound file played in a loop instead of a microphone;
    `source` makes each call a voice of its own instead; with either no device is used.
    `microphone_device`, `speaker_device` and `ring_device` are ids, until somebody chooses at this seat.
    `cancel_echo` counts so long, too. `recordings` defaults to `<data_dir>/recordings`; they are
    encrypted for whoever has the private half of `recording_lock` (32 bytes), or plain without it.
    Ports 0: the system chooses.

    0: left in order. 1: could not start. 3 (`ALREADY_RUNS`): another phone runs here.
    """
    os.umask(0o077)
    say_ready = _take_standard_output()
    # Not hidden: sound servers look at who speaks to them through /proc.
    disable_core_dumps(hidden=False)
    _come_first()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _lock(data_dir)
    if lock is None:
        print("Another phone runs on this data folder.", file=sys.stderr)
        return ALREADY_RUNS
    with lock, open_log_file(data_dir) as log_file:
        died = read_endpoint(data_dir)
        settings = EndpointSettings(
            bind=bind,
            sip_port=sip_port,
            last_sip_port=died.sip_port if died is not None else 0,
            rtp_port=rtp_port,
            rtp_ports=rtp_ports,
            dscp_sound=dscp_sound,
            dscp_signalling=dscp_signalling,
            log_level=log_level,
            codecs=codecs,
            trace=data_dir / "logs" / TRACE_FILE if trace else None,
        )
        try:
            voice = source or _source_factory(microphone, silent=sound == "none")
            phone = _Phone(
                data_dir,
                settings,
                make_log(log_file),
                masks=Masks(start_masked=start_masked),
                source=voice,
                devices=(microphone_device, speaker_device, ring_device),
                cancel_echo=cancel_echo,
                recordings=(recordings or data_dir / "recordings") if record else None,
                guard_s=guard_s,
                lock=RecordingLock(recording_lock) if recording_lock is not None else None,
            )
            phone.obey_signals()
            phone.open()
        except (PhoneError, OSError, ValueError, soundfile.SoundFileError) as error:
            print(f"The phone cannot start: {error}", file=sys.stderr)
            return FAILED
        say_ready()
        phone.load_sound()
        phone.wait(orphan_after_s)
        phone.close()
    return 0


class _Waiting(Protocol):
    """What the main thread sleeps on: `threading.Event`, or Qt's loop in its shape."""

    def set(self) -> None: ...

    def clear(self) -> None: ...

    def wait(self, timeout: float | None = None) -> bool: ...


class _Phone:
    """The parts of the process and their order."""

    def __init__(
        self,
        data_dir: Path,
        settings: EndpointSettings,
        log: Log,
        *,
        masks: Masks,
        source: SourceFactory | None,
        devices: tuple[str, str, str],
        cancel_echo: bool,
        recordings: Path | None,
        guard_s: float,
        lock: RecordingLock | None,
    ) -> None:
        self._data_dir = data_dir
        self._log = log
        self._masks = masks
        self._board = Board(masks)
        self._sip = SipThread(settings, log)
        self._source = source
        self._sound: Sound | None = None
        if source is None:
            microphone, speaker, ringer = devices
            self._sound = Sound(
                data_dir,
                self._publish_sound,
                log,
                microphone=microphone,
                speaker=speaker,
                ringer=ringer,
                cancel_echo=cancel_echo,
            )
        else:
            self._publish_sound(SoundState(silent=True))
        bridges = Bridges(self._sip)
        kit = CallKit(self._sip, bridges, self._board, masks, self._line, recordings, guard_s, lock)
        self._accounts = Accounts(self._sip, self._board, lambda: self._calls.up())
        self._calls = Calls(kit, self._accounts)
        self._sip.add_owner(QualityWatch(self._calls, self._board))
        if self._sound is not None:
            self._sip.add_owner(RingWatch(self._calls, self._sound))
        self._around = Surroundings(self._something_changed)
        self._transfers = Transfers(self._calls, masks)
        self._hub: Hub | None = None
        self._endpoint: Endpoint | None = None
        self._wake: _Waiting = threading.Event()
        self._leave = ""

    def open(self) -> None:
        """Opens everything and tells where; raises `PhoneError` or `OSError`."""
        capabilities = self._sip.start()
        service = Service(
            sip=self._sip,
            board=self._board,
            masks=self._masks,
            accounts=self._accounts,
            calls=self._calls,
            transfers=self._transfers,
            capabilities=capabilities,
            sound=self._sound,
            on_quit=lambda: self._ask_to_leave("asked to quit"),
            on_attendance=lambda: self._wake.set(),
        )
        try:
            address = new_address(self._data_dir)
            self._hub = Hub(address, create_key(self._data_dir), service, self._log)
            self._endpoint = Endpoint(
                pid=os.getpid(),
                address=address,
                protocol=PROTOCOL_VERSION,
                started_at=time.time(),
                sip_port=self._sip.sip_port,
            )
            self._hub.start()
            publish_endpoint(self._data_dir, self._endpoint)
        except OSError:
            self._sip.stop()
            raise
        self._around.start()
        self._log.info(
            "phone_started", pid=os.getpid(), version=capabilities.version, port=self._sip.sip_port
        )
        if not pointers_work():
            self._log.warning("audio_slow_path")

    def obey_signals(self) -> None:
        """From here on a signal to end means to leave in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ask_to_leave("signal"))
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal ends no call

    def load_sound(self) -> None:
        """Finds the devices, or says why there are none. From here on Qt's loop is the main thread's."""
        if self._sound is None:
            return
        try:
            # All of Qt first: while a library is loaded nothing of it may call Python (`qt_waiting`).
            from halodesk.sip.phone.audio.qt_backend import QtBackend
            from halodesk.sip.phone.audio.qt_waiting import QtWaiting

            self._wake = QtWaiting(self._log)
        except ImportError as error:  # no library of the system's sound server, say
            self._sound.do_without(
                f"The sound library cannot be loaded: {error}.",
                "Ask IT to install the sound libraries of docs/it.md. Calls have no sound until then.",
            )
            return
        gc.freeze()  # what has come lives to the end, too
        self._sound.begin(QtBackend(self._sound.patch, self._sound, self._sound.ringer))

    def wait(self, orphan_after_s: float) -> None:
        """Blocks the main thread until the phone is to leave."""
        alone_since: float | None = None
        while not self._leave:
            remaining: float | None = None
            if self._board.attended:
                alone_since = None
            else:
                alone_since = alone_since or time.monotonic()
                remaining = alone_since + orphan_after_s - time.monotonic()
                if remaining <= 0:
                    self._leave = "orphaned"
                    break
            self._wake.wait(remaining)
            self._wake.clear()
        self._log.info("phone_leaves", reason=self._leave)

    def close(self) -> None:
        """Ends everything in order."""
        self._around.stop()
        self._sip.stop()
        self._calls.join_recorders(_JOIN_RECORDERS_S)
        if self._sound is not None:
            self._sound.end()
        if self._hub is not None:
            self._hub.let_nobody_in()
        if self._endpoint is not None:
            withdraw_endpoint(self._data_dir, self._endpoint)
        self._log.info("phone_left")
        if self._hub is not None:
            self._hub.close()

    def _something_changed(self, kind: NewsKind) -> None:
        self._log.info("network_news", reason=kind)
        self._sip.post(lambda: self._accounts.around_changed(kind))
        self._board.publish(NetworkNews(kind=kind))

    def _line(self) -> Line:
        if self._sound is not None:
            return self._sound.line()
        return OneWay(self._source() if self._source is not None else Silence())

    def _publish_sound(self, state: SoundState) -> None:
        self._board.publish(SoundChanged(sound=state))

    def _ask_to_leave(self, reason: str) -> None:
        self._leave = reason
        self._wake.set()


def _source_factory(microphone: Path | None, *, silent: bool) -> SourceFactory | None:
    """What speaks instead of a device; None: a device does."""
    if microphone is None:
        return Silence if silent else None
    sound = load_sound(microphone)

    def loop() -> Source:
        return Loop(sound)

    return loop


def _come_first() -> None:
    """Sound before everything else on this machine, as sound servers have it; threads inherit it.

    Many systems let only some people do so: then the phone competes like any other program.
    """
    with contextlib.suppress(psutil.AccessDenied):
        if sys.platform == "win32":
            psutil.Process().nice(psutil.HIGH_PRIORITY_CLASS)
        else:
            psutil.Process().nice(_NICE)


def _lock(data_dir: Path) -> contextlib.AbstractContextManager[object] | None:
    """Held by the process as long as it lives, however it dies; None when another holds it."""
    file = open(data_dir / "phone.lock", "a+b")  # noqa: SIM115 - closed by the caller
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _take_standard_output() -> Callable[[], None]:
    """Keeps standard output for the one line a starting window waits for; returns what says it.

    pjsua2 prints there until its log is set up, and the window may die before us.
    """
    pipe = os.dup(1)
    os.dup2(2, 1)

    def say_ready() -> None:
        with contextlib.suppress(OSError):
            os.write(pipe, READY_LINE)
        os.close(pipe)

    return say_ready
