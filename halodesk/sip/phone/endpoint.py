"""The thread that owns pjsua2.

Rules; breaking one of them aborts the process (the wheel's assertions are on):

1. One Python thread creates, uses and drops every pj object and pumps its events
   (`threadCnt=0`, `mainThreadOnly=True`). Others hand it jobs through `post`.
2. Every `Call` is held by a strong reference until it has reported its end, and is let go
   after the event pump, never in its own callback.
3. No exception leaves a callback and no traceback is stored: a frame in it would hold a
   call beyond `libDestroy`. Only text of errors is kept (`Guard`).
4. Python's cycle collector may run on any thread and so drop a pj object on the wrong one.
   It is switched off for the process; this thread runs it when a call has been let go.
5. A part of a pj struct does not keep the struct alive: `for m in call.getInfo().media` reads
   freed memory. Hold the struct in a variable.
6. The end has an order: calls, 300 ms of pumping, ports and accounts, collector, `libDestroy`.

A posted job would wait for the 10 ms poll. An empty datagram to our own SIP port (a
keep-alive of RFC 5626, 4.4.1, which pjsip drops) ends the poll at once: 0.2 ms.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import itertools
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pjsua2 as pj

from halodesk.engine.errors import PhoneError
from halodesk.protocol.phone_link import Capabilities
from halodesk.sip.phone.codecs import DEFAULT_CODECS, NAMES, level_g722
from halodesk.sip.phone.doorman import open_door
from halodesk.sip.phone.log import Log, PjLog, words
from halodesk.sip.phone.pace import Pace
from halodesk.sip.phone.stray_ack import StrayAcks
from halodesk.sip.phone.tls import problem_of
from halodesk.sip.phone.trace import Trace
from halodesk.sip.phone.transports import Transports, TransportSettings

JITTER_MAX_MS = 300
"""Most sound the jitter buffer may hold back; `recorder.GUARD_S` relies on it."""

MAX_CALLS = 4
"""Compiled into the wheel; a fifth INVITE is answered 486 by pjsua itself."""

_POLL_MS = 10
_TRACED_LEVEL = 4
_END_PUMP_S = 0.3
_TELL_STRANGERS_S = 10.0
_WAKE = b"\r\n\r\n"

Job = Callable[[], None]
ChooseAccount = Callable[[int, str, str], int | None]
"""The account pjsua2 would take, address and port an INVITE came from, and its text; returns the
account that takes it, None for nobody's."""


@dataclass(frozen=True, kw_only=True)
class EndpointSettings(TransportSettings):
    """Where and how pjsua2 works. Port 0: the system chooses."""

    rtp_port: int = 0
    """First port of the RTP range."""
    rtp_ports: int = 200
    """Size of the RTP range."""
    dscp_sound: int = 46
    """Mark of RTP packets (RFC 4594: EF for telephony); 0: none."""
    codecs: tuple[str, ...] = DEFAULT_CODECS
    """Keys of `codecs.NAMES` in order of preference; others are off."""
    log_level: int = 2
    """pjsua2's, 1 to 3."""
    trace: Path | None = None
    """Where SIP messages are written, redacted; None: nowhere."""


def _strangers_all(_proposed: int, _source: str, _message: str) -> None:
    """Before there are accounts."""


class Owner(Protocol):
    """Somebody who holds pj objects. All three are called on the SIP thread."""

    def tidy(self) -> None:
        """After each turn of the event pump: let go of what has ended."""

    def end(self) -> None:
        """Say goodbye on the network; the pump runs on for a moment."""

    def drop(self) -> None:
        """Let go of every pj object."""


class Guard:
    """Keeps exceptions inside a callback of pjsua2: `with Guard(log, "on_call_state"):`."""

    def __init__(self, log: Log, job: str) -> None:
        self._log = log
        self._job = job

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        if error is not None:
            self._log.error("callback_failed", job=self._job, error=words(error))
        return True


@dataclass(order=True)
class Timer:
    """A job at a time; `cancel` takes it back."""

    due: float
    number: int
    job: Job | None = field(compare=False)

    def cancel(self) -> None:
        """The job will not run."""
        self.job = None


class _PjEndpoint(pj.Endpoint):
    """Passes on that a connection to a server has gone."""

    def __init__(self, sip: SipThread) -> None:
        super().__init__()
        self._sip = sip

    def onTransportState(self, prm: pj.OnTransportStateParam) -> None:
        with Guard(self._sip.log, "transport_state"):
            self._sip.transports.note_tls(problem_of(prm.tlsInfo))
            if prm.state == pj.PJSIP_TP_STATE_DISCONNECTED:
                for listener in self._sip.on_disconnected:
                    listener()

    def onSelectAccount(self, prm: pj.OnSelectAccountParam) -> None:
        with Guard(self._sip.log, "select_account"):
            rdata = prm.rdata
            message = rdata.wholeMsg
            if not message.startswith("INVITE "):
                return
            proposed, prm.accountIndex = prm.accountIndex, self._sip.door
            found = self._sip.choose_account(proposed, rdata.srcAddress, message)
            if found is not None:
                prm.accountIndex = found
            else:
                self._sip.count_stranger()


class SipThread:
    """Runs pjsua2. At most one in a process."""

    def __init__(self, settings: EndpointSettings, log: Log) -> None:
        self.settings = settings
        self.log = log
        self.on_disconnected: list[Job] = []
        """Called on this thread when a TCP connection breaks."""
        self.transports = Transports(settings, log)
        self._acks = StrayAcks(log, lambda: Guard(log, "stray_ack"))
        self.door = -1
        """pjsua2's id of the account of strangers, once started."""
        self.choose_account: ChooseAccount = _strangers_all
        self.pace = Pace()
        self._door: pj.Account | None = None
        self._strangers = 0
        self._owners: list[Owner] = []
        self._jobs: deque[Job] = deque()
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._failure = ""
        self._capabilities: Capabilities | None = None
        self._collect = False
        self._waker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="sip", daemon=True)

    def start(self) -> Capabilities:
        """Opens pjsua2 and its sockets; returns what the build can do.

        Raises `PhoneError` when a port is taken or the library does not start. Switches the
        cycle collector of this process off (rule 4).
        """
        gc.disable()
        self._thread.start()
        self._ready.wait()
        if self._capabilities is None:
            self._thread.join()
            raise PhoneError(
                f"The phone cannot open its SIP port: {self._failure}.",
                "Close the program that uses the port, or choose another port in the settings.",
            )
        return self._capabilities

    def stop(self) -> None:
        """Ends calls and library in order; returns when both are gone. Any other thread only."""
        self._stopping.set()
        self._wake()
        self._thread.join()
        self._waker.close()

    @property
    def sip_port(self) -> int:
        """UDP port in use, once started."""
        return self.transports.sip_port

    @property
    def capabilities(self) -> Capabilities:
        """What the build can do; raises `PhoneError` before it has started."""
        if self._capabilities is None:
            raise PhoneError("The phone has not started.")
        return self._capabilities

    def drop_connections(self) -> None:
        """TCP and TLS connections are dead or lead through a network that is gone: open new ones."""
        change = pj.IpChangeParam()
        change.restartListener = False  # bound to every address, or to one that must stay
        change.shutdownTransport = True
        with Guard(self.log, "ip_change"):
            pj.Endpoint.instance().handleIpChange(change)

    def count_stranger(self) -> None:
        """A stranger was turned away: the first is told at once, a flood once in `_TELL_STRANGERS_S`."""
        self._strangers += 1
        if self._strangers == 1:
            self.log.info("strangers_refused", samples=1)
            self.call_later(_TELL_STRANGERS_S, self._tell_strangers)

    def _tell_strangers(self) -> None:
        if self._strangers > 1:
            self.log.warning("strangers_refused", samples=self._strangers)
        self._strangers = 0

    def post(self, job: Job) -> None:
        """Runs `job` on the SIP thread as soon as possible; any thread may ask."""
        self._jobs.append(job)
        if threading.current_thread() is not self._thread:
            self._wake()

    def call_later(self, seconds: float, job: Job) -> Timer:
        """Runs `job` after `seconds`, to about 10 ms. SIP thread only."""
        self.assert_here()
        timer = Timer(time.monotonic() + seconds, next(self._numbers), job)
        heapq.heappush(self._timers, timer)
        return timer

    def add_owner(self, owner: Owner) -> None:
        """Registers somebody who holds pj objects; ended and dropped in this order."""
        self._owners.append(owner)

    def collect_soon(self) -> None:
        """A call has been let go: run the collector on this thread after this turn."""
        self._collect = True

    def assert_here(self) -> None:
        """Raises `RuntimeError` on any thread but the SIP thread (pjsua2 would abort)."""
        if threading.current_thread() is not self._thread:
            raise RuntimeError("pj objects belong to the SIP thread")

    def _wake(self) -> None:
        host = self.settings.bind or "127.0.0.1"
        with contextlib.suppress(OSError):  # no room in the buffer: then it is awake anyway
            self._waker.sendto(_WAKE, (host, self.sip_port))

    def _run(self) -> None:
        try:
            endpoint = self._open()
        except pj.Error as error:
            self._failure = words(error)
            with contextlib.suppress(pj.Error):
                pj.Endpoint.instance().libDestroy()
            self._ready.set()
            return
        self._ready.set()
        while not self._stopping.is_set():
            self._turn(endpoint)
        self._close(endpoint)

    def _turn(self, endpoint: pj.Endpoint) -> None:
        endpoint.libHandleEvents(_POLL_MS)
        for _ in range(len(self._jobs)):
            with Guard(self.log, "posted"):
                self._jobs.popleft()()
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            job = heapq.heappop(self._timers).job
            if job is not None:
                with Guard(self.log, "timer"):
                    job()
        for owner in self._owners:
            with Guard(self.log, "tidy"):
                owner.tidy()
        if self._collect:
            self._collect = False
            gc.collect()

    def _open(self) -> pj.Endpoint:
        endpoint = _PjEndpoint(self)
        endpoint.libCreate()
        endpoint.libInit(self._config())
        self._acks.open()
        self.transports.open(endpoint)
        endpoint.libStart()
        self._door = open_door()
        self.door = self._door.getId()
        endpoint.audDevManager().setNullDev()
        codecs = tuple(codec.codecId for codec in endpoint.codecEnum2())
        levelled = level_g722()
        for codec in codecs:
            usable = levelled or not codec.startswith(NAMES["g722"])
            endpoint.codecSetPriority(codec, self._priority(codec) if usable else 0)
        self._capabilities = Capabilities(
            version=endpoint.libVersion().full,
            tls=self.transports.has_tls(endpoint),
            srtp=bool(len(endpoint.srtpCryptoEnum())),
            codecs=codecs,
            sound_devices=endpoint.audDevManager().getDevCount(),
            max_calls=MAX_CALLS,
        )
        gc.collect()
        gc.freeze()  # what lives by now lives to the end: later collections take microseconds
        return endpoint

    def _config(self) -> pj.EpConfig:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = MAX_CALLS
        config.uaConfig.userAgent = "HaloDesk"
        config.medConfig.clockRate = 16_000
        config.medConfig.audioFramePtime = 20
        config.medConfig.noVad = True
        config.medConfig.jbMax = JITTER_MAX_MS
        traced = self.settings.trace is not None
        config.logConfig.level = _TRACED_LEVEL if traced else self.settings.log_level
        config.logConfig.consoleLevel = config.logConfig.level  # the gate of the writer, too
        config.logConfig.msgLogging = int(traced)
        config.logConfig.decor = 0
        trace = Trace(self.settings.trace).write if self.settings.trace is not None else None
        config.logConfig.writer = PjLog(self.log, self.settings.log_level, trace).__disown__()
        return config

    def _priority(self, codec: str) -> int:
        for rank, wanted in enumerate(self.settings.codecs):
            if codec.startswith(NAMES[wanted]):
                return 250 - rank
        return 0

    def _close(self, endpoint: pj.Endpoint) -> None:
        for owner in self._owners:
            with Guard(self.log, "end"):
                owner.end()
        end = time.monotonic() + _END_PUMP_S
        while time.monotonic() < end:
            self._turn(endpoint)
        for owner in self._owners:
            with Guard(self.log, "drop"):
                owner.drop()
        self._owners.clear()
        self._timers.clear()
        self._jobs.clear()
        self.on_disconnected.clear()
        self.choose_account = _strangers_all
        if self._door is not None:
            self._door.shutdown()
            self._door = None
        gc.unfreeze()
        gc.collect()
        endpoint.libDestroy()
