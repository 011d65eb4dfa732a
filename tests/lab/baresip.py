"""baresip as the other phone: a program nobody here wrote, told what to do over its control port."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import soundfile

from tests.lab.pbx import HOST, SECRET, Pbx
from tests.lab.sipp import free_port

RATE = 8_000
_CONFIG = """poll_method epoll
sip_listen {host}:{sip}
call_local_timeout 60
call_max_calls 4
audio_source aufile,{voice}
audio_player aufile,{sink}
audio_alert aufile,{sink}
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}-{rtp_end}
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
module ctrl_tcp.so
module_tmp account.so
module_app menu.so
snd_path {folder}
ctrl_tcp_listen {host}:{control}
"""


def modules() -> str:
    """Where Debian keeps its modules; empty where it is not installed."""
    found = next(Path("/usr/lib").glob("**/baresip/modules/ctrl_tcp.so"), None)
    return str(found.parent) if found is not None else ""


class Baresip:
    """One baresip with one account; ended with the `with` block."""

    def __init__(self, folder: Path, account: str, *, voice: Path) -> None:
        """`account`: a line of its accounts file; `voice`: a wave file of 8 kHz it speaks."""
        program = shutil.which("baresip")
        assert program is not None, "not installed: baresip (package baresip-core)"
        assert modules(), "not installed: baresip's modules (package baresip-core)"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.sip_port, control = folder, free_port(), free_port()
        rtp = 2 * (free_port() // 2) % 30_000 + 20_000
        (folder / "config").write_text(
            _CONFIG.format(
                host=HOST,
                sip=self.sip_port,
                voice=voice,
                sink=folder / "sink.wav",
                rate=RATE,
                rtp=rtp,
                rtp_end=rtp + 40,
                modules=modules(),
                folder=folder,
                control=control,
            )
        )
        (folder / "accounts").write_text(account + "\n")
        self._events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._output = open(folder / "out.txt", "wb")  # noqa: SIM115 - closed in __exit__
        self.process = subprocess.Popen(
            [program, "-f", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        self._line = _connected(control)
        self._thread = threading.Thread(target=self._read, name="baresip", daemon=True)
        self._thread.start()

    @classmethod
    def at(cls, pbx: Pbx, user: str, folder: Path, *, voice: Path, auto: bool = False) -> Baresip:
        """Registered at the lab's PBX; `auto`: it answers by itself."""
        line = f"<sip:{user}@{pbx.registrar}>;auth_user={user};auth_pass={SECRET};regint=60"
        found = cls(folder, line + (";answermode=auto" if auto else ""), voice=voice)
        end = time.monotonic() + 15
        while "OK" not in found.do("reginfo"):  # the event comes before anybody could hear it
            assert time.monotonic() < end, "baresip is not registered"
            time.sleep(0.05)
        return found

    def __enter__(self) -> Baresip:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._line.close()
        self.process.terminate()
        self.process.wait(10)
        self._output.close()

    def do(self, command: str, parameters: str = "") -> str:
        """One command; what it answers."""
        with self._changed:
            known = len(self._events)
        body = json.dumps({"command": command, "params": parameters, "token": "t"}).encode()
        self._line.sendall(b"%d:%s," % (len(body), body))
        reply = self._find(lambda event: bool(event.get("response")), known, f"answer to {command}")
        assert reply.get("ok"), reply
        return str(reply.get("data", ""))

    def until(self, kind: str, *, known: int = 0) -> dict[str, Any]:
        """The first event of a kind ("CALL_ESTABLISHED", say), past or to come."""
        return self._find(lambda event: event.get("type") == kind, known, kind)

    def forget(self) -> None:
        """Drops the events so far."""
        with self._changed:
            self._events.clear()

    def heard(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """All it has heard since its sound was last set up, at 8 kHz."""
        files = sorted(self.folder.glob("dump-*-dec.wav"))  # their names hold the time
        kept = [path for path in files if soundfile.info(path).frames]
        assert kept, "it has kept no sound"
        sound, rate = soundfile.read(kept[-1], dtype="float64", always_2d=True)
        assert rate == RATE
        return np.asarray(sound[:, 0], dtype=np.float64)

    def _find(self, found: Callable[[dict[str, Any]], bool], seen: int, what: str) -> dict[str, Any]:
        end = time.monotonic() + 15
        with self._changed:
            while True:
                for event in self._events[seen:]:
                    if found(event):
                        return event
                seen = min(seen, len(self._events))
                if not self._changed.wait(end - time.monotonic()):
                    raise AssertionError(f"no {what}; had {self._events[-6:]}")

    def _read(self) -> None:
        data = b""
        while True:
            try:
                piece = self._line.recv(65_536)
            except OSError:
                return
            if not piece:
                return
            data += piece
            while (colon := data.find(b":")) > 0:  # netstrings: length, colon, text, comma
                size = int(data[:colon])
                if len(data) < colon + size + 2:
                    break
                event = json.loads(data[colon + 1 : colon + 1 + size])
                data = data[colon + size + 2 :]
                with self._changed:
                    self._events.append(event)
                    self._changed.notify_all()


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection((HOST, port), timeout=None)
        except OSError:
            assert time.monotonic() < end, "baresip did not start"
            time.sleep(0.02)


def spectrum_peak(sound: np.ndarray[tuple[int], np.dtype[np.float64]], rate: int = RATE) -> float:
    """The loudest frequency in Hz (FFT with a Hann window)."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(power) * rate / len(sound))
