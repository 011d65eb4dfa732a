"""linphonec, Linphone's phone for a console, as the other phone of a benchmark; in a folder of its own."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.pbx import HOST, Pbx

PROGRAM = "linphonec"
PATIENCE_S = 20.0
_CONFIG = """[sip]
sip_port={sip}
sip_tcp_port=0
sip_tls_port=0
use_ipv6=0
bind_address={host}
auto_net_state_mon=0
media_encryption=none
[rtp]
audio_rtp_port={rtp}
[video]
automatically_initiate=0
automatically_accept=0
capture=0
display=0
"""


def installed() -> bool:
    """Whether this machine has it (Debian: `linphone-cli`)."""
    return shutil.which(PROGRAM) is not None


class Linphone:
    """One linphonec that is up; its sound is a file that is silent."""

    def __init__(self, process: subprocess.Popen[bytes], pbx: Pbx, user: str) -> None:
        self.process, self._pbx, self._user = process, pbx, user
        self._heard = b""

    def begin(self) -> None:
        """Waits until it takes commands; tells it the account."""
        self._until(b"linphonec>")
        self._do("soundcard use files")
        self._until(b"Using wav files")
        where = self._pbx.registrar
        self._do(f"register sip:{self._user}@{where} sip:{where} {self._pbx.secret}")

    def call(self, number: str) -> float:
        """Dials, waits until it is connected, hangs up; seconds until it was."""
        self._heard = b""
        begun = time.perf_counter()
        self._do(f"call sip:{number}@{self._pbx.registrar}")
        self._until(b" connected.")
        took = time.perf_counter() - begun
        self._do("terminate")
        self._until(b" ended")
        return took

    def _do(self, command: str) -> None:
        if self.process.stdin is None:
            raise RuntimeError("linphonec hears nothing")
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def _until(self, words: bytes) -> None:
        out = self.process.stdout
        end = time.monotonic() + PATIENCE_S
        while out is not None and words not in self._heard:
            ready, _, _ = select.select([out], [], [], max(0.0, end - time.monotonic()))
            data = os.read(out.fileno(), 65_536) if ready else b""
            if not data:
                break
            self._heard += data
        if words not in self._heard:
            raise RuntimeError(f"linphonec says no {words!r}: {self._heard[-300:]!r}")


@contextmanager
def linphone(pbx: Pbx, user: str, folder: Path) -> Iterator[Linphone]:
    """A linphonec that may call, ended with the block."""
    # Without the folder of its database it starts, and never listens.
    (folder / ".local" / "share" / "linphone").mkdir(parents=True)
    (folder / "rc").write_text(_CONFIG.format(host=HOST, sip=_free_port(), rtp=43_000), encoding="utf-8")
    environment = {**os.environ, "HOME": str(folder), "LANG": "C", "TERM": "dumb"}
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        environment.pop(name, None)
    process = subprocess.Popen(
        ["stdbuf", "-oL", PROGRAM, "-c", str(folder / "rc")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    found = Linphone(process, pbx, user)
    try:
        found.begin()
        yield found
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
