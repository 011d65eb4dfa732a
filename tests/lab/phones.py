"""Phone processes for tests: `Seat` drives the real client from synchronous test code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import psutil
import soundfile

from halodesk.engine.errors import PhoneAwayError
from halodesk.protocol.phone_link import (
    AnswerCall,
    CallChanged,
    CallInfo,
    CallState,
    Dial,
    Fault,
    HangUp,
    Notice,
    Register,
    Registration,
    RegistrationChanged,
    Reply,
    Request,
    SoundChanged,
    SoundState,
)
from halodesk.sip.client import PhoneClient, phone_argv
from tests.lab.pbx import HOST, Pbx

T = TypeVar("T")
RATE = 16_000
FRAME = 320
PATIENCE_S = 10.0

Sound = npt.NDArray[np.float64]


class Seat:
    """A window without a window: an io loop in a thread, and a phone process of its own.

    Without sound devices, unless `options` ask for them.
    """

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self.notices: list[Notice] = []
        self.away: list[PhoneAwayError] = []
        self._options = options if "--sound" in options else ("--sound", "none", *options)
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="seat-io", daemon=True)
        self._thread.start()
        try:
            self.client = self.run(self._open())
        except BaseException:
            self._stop_loop()
            raise

    async def _open(self) -> PhoneClient:
        return await PhoneClient.attach_or_start(
            self.data_dir,
            argv=phone_argv(self.data_dir, "--bind", HOST, *self._options),
            on_notice=self._heard,
            on_away=self._lost,
        )

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs something on the io loop and waits for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def ask(self, request: Request) -> Reply:
        """One request and its reply."""
        return self.run(self.client.request(request))

    def wait(self, what: str, found: Callable[[Notice], T | None], timeout_s: float = PATIENCE_S) -> T:
        """The first answer of `found` to a notice, past or to come."""
        end = time.monotonic() + timeout_s
        with self._changed:
            seen = 0
            while True:
                for notice in self.notices[seen:]:
                    if (answer := found(notice)) is not None:
                        return answer
                seen = len(self.notices)
                if not self._changed.wait(end - time.monotonic()):
                    raise AssertionError(f"no {what} in {timeout_s} s; had {self.notices[-5:]}")

    def forget(self) -> None:
        """Drops the notices so far."""
        with self._changed:
            self.notices.clear()

    def register(self, pbx: Pbx, user: str) -> Registration:
        """Registers an endpoint of the lab and waits until it is."""
        self.ask(Register(account=pbx.account(user)))
        return self.registration(user, "registered")

    def registration(self, account: str, state: str, timeout_s: float = PATIENCE_S) -> Registration:
        """Waits for a state of a registration."""

        def found(notice: Notice) -> Registration | None:
            match notice:
                case RegistrationChanged(registration=r) if (r.account, r.state) == (account, state):
                    return r
            return None

        return self.wait(f"registration {state}", found, timeout_s)

    def call(self, state: CallState, key: str = "", timeout_s: float = PATIENCE_S) -> CallInfo:
        """Waits for a call (any, or one by key) in a state."""

        def found(notice: Notice) -> CallInfo | None:
            match notice:
                case CallChanged(call=call) if call.state == state and key in ("", call.key):
                    return call
            return None

        return self.wait(f"call {state}", found, timeout_s)

    def sound(self, what: str, found: Callable[[SoundState], bool]) -> SoundState:
        """Waits until the sound is as wanted: now, or by a notice to come."""
        now = self.client.snapshot.sound
        if found(now):
            return now

        def match(notice: Notice) -> SoundState | None:
            match notice:
                case SoundChanged(sound=state) if found(state):
                    return state
            return None

        return self.wait(what, match)

    def fault(self, code: str, timeout_s: float = PATIENCE_S) -> Fault:
        """Waits for a fault."""
        return self.wait(
            f"fault {code}", lambda n: n if isinstance(n, Fault) and n.code == code else None, timeout_s
        )

    def dial(self, to: str, *, key: str, account: str, **headers: str) -> None:
        """Starts a call."""
        self.ask(Dial(call=key, account=account, to=to, headers=headers))

    def answer(self) -> CallInfo:
        """Takes the next incoming call; returns it active."""
        key = self.call("incoming").key
        self.ask(AnswerCall(call=key))
        return self.call("active", key)

    def hang_up(self, key: str) -> CallInfo:
        """Ends a call; returns it ended, its recording closed."""
        self.ask(HangUp(call=key))
        return self.call("ended", key)

    def log(self) -> list[dict[str, Any]]:
        """The phone's log so far."""
        lines = (self.data_dir / "logs" / "phone.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def port(self) -> int:
        """The phone's SIP port."""
        return next(int(line["port"]) for line in self.log() if line["event"] == "phone_started")

    def kill(self) -> None:
        """SIGKILL to the phone; returns when it is gone and this window has noticed."""
        process = psutil.Process(self.client.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)  # the link breaks a moment before the other sockets are free
        with self._changed:
            assert self._changed.wait_for(lambda: self.away, PATIENCE_S), "the phone's death went unnoticed"

    def detach(self) -> None:
        """Leaves the phone to itself."""
        self.run(self.client.close())
        self._stop_loop()

    def quit(self) -> None:
        """Ends the phone, unless it has ended or this window has left it."""
        if self._loop.is_closed():
            return
        try:
            if not self.away:
                self.run(self.client.quit())
        finally:
            self._stop_loop()

    def _heard(self, notice: Notice) -> None:
        with self._changed:
            self.notices.append(notice)
            self._changed.notify_all()

    def _lost(self, error: PhoneAwayError) -> None:
        with self._changed:
            self.away.append(error)
            self._changed.notify_all()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def talk(seconds: float) -> None:
    """Calls run in real time: there is no event for "a second has been spoken"."""
    time.sleep(seconds)


def write_tone(path: Path, hertz: float = 1000.0, level: float = 0.25) -> Path:
    """One second of a tone that loops without a click."""
    steps = np.arange(RATE) / RATE
    soundfile.write(path, level * np.sin(2 * np.pi * hertz * steps), RATE, subtype="PCM_16")
    return path


def read_stereo(call: CallInfo) -> Sound:
    """The recording of an ended call, samples by channels (left agent, right caller)."""
    assert call.recording is not None
    sound, rate = soundfile.read(call.recording.path, dtype="float64", always_2d=True)
    assert rate == RATE == call.recording.sample_rate
    assert sound.shape == (call.recording.samples, 2)
    return np.asarray(sound, dtype=np.float64)


def read_closed(file: Path) -> tuple[Sound, int]:
    """A recording of the PBX, mono, once it is whole, and its sample rate."""
    end = time.monotonic() + 10
    while True:  # MixMonitor completes the header after the channel is gone, and tells nobody
        samples, rate = soundfile.read(file, dtype="float64")
        if len(samples) * 2 + 44 == file.stat().st_size and len(samples):
            return np.asarray(samples, dtype=np.float64), int(rate)
        assert time.monotonic() < end, "the recording was not closed"
        time.sleep(0.02)


def tone_levels(channel: Sound, hertz: float = 1000.0) -> Sound:
    """Level in dB (full-scale sine: 0) of a tone in each 20 ms frame, by Goertzel's sum."""
    frames = channel[: len(channel) // FRAME * FRAME].reshape(-1, FRAME)
    wave = np.exp(-2j * np.pi * hertz * np.arange(FRAME) / RATE)
    amplitude = np.abs(frames @ wave) * 2 / FRAME
    return np.asarray(20 * np.log10(np.maximum(amplitude, 1e-6)), dtype=np.float64)
