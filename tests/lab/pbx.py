"""A real Asterisk for tests: the fixture `pbx` around `asterisk-lab.sh`.

The packages are fetched once into `.lab/` at the repository root and shared; configuration,
state and ports are each run's own. Where the fetch fails twice the tests that need the PBX
fail and say why.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from halodesk.protocol.phone_link import Account, Srtp, Transport

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY / ".lab"
VERSION_FILE = SHARED / "asterisk-version"
SCRIPT = Path(__file__).with_name("asterisk-lab.sh")
HOST = "127.0.0.1"
SECRET = "lab-pass"
RTP_PORTS = 400


@dataclass(frozen=True)
class Pbx:
    """A running PBX. Extensions and endpoints: head of `asterisk-lab.sh`."""

    folder: Path
    environment: dict[str, str]
    sip_port: int
    tls_port: int
    ami_port: int
    http_port: int
    version: str
    secret: str = SECRET
    host: str = HOST

    @property
    def registrar(self) -> str:
        """Host and port for SIP."""
        return f"{self.host}:{self.sip_port}"

    @property
    def certificate(self) -> Path:
        """The PBX's own certificate, signed by itself: believe it to believe the PBX."""
        return self.folder / "var" / "keys" / "lab.crt"

    @property
    def recordings(self) -> Path:
        """Where MixMonitor writes."""
        return self.folder / "var" / "spool" / "monitor"

    def account(
        self,
        user: str,
        *,
        key: str = "",
        password: str = SECRET,
        transport: Transport = "udp",
        srtp: Srtp = "off",
        expires_s: int = 60,
    ) -> Account:
        """The account of an endpoint of the lab."""
        return Account(
            key=key or user,
            uri=f"sip:{user}@{self.host}",
            registrar=f"{self.host}:{self.tls_port}" if transport == "tls" else self.registrar,
            ca_file=str(self.certificate) if transport == "tls" else "",
            srtp=srtp,
            username=user,
            password=password,
            transport=transport,
            expires_s=expires_s,
        )

    def cli(self, command: str) -> str:
        """Output of an Asterisk command."""
        return _lab("cli", self.folder, self.environment, command)

    def up(self) -> None:
        """Starts it; returns when it answers."""
        _lab("up", self.folder, self.environment)

    def down(self) -> None:
        """Stops it."""
        _lab("down", self.folder, self.environment)


class LabError(Exception):
    """The lab script failed; the text is what it said."""


@pytest.fixture(scope="session")
def pbx() -> Iterator[Pbx]:
    """A PBX of this worker's own, stopped at the end."""
    if not (SHARED / "root" / ".unpacked").exists():
        _fetch()
    folder = Path(tempfile.mkdtemp(prefix="halodesk-pbx-"))  # short: it holds a Unix socket
    started = start(folder)
    try:
        yield started
    finally:
        started.down()
        shutil.rmtree(folder, ignore_errors=True)


def _fetch() -> None:
    """Downloads and unpacks, one process at a time; tried twice."""
    SHARED.mkdir(exist_ok=True)
    with open(SHARED / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _lab("fetch", SHARED, _environment())
        except LabError:
            try:
                _lab("fetch", SHARED, _environment())
            except LabError as error:
                pytest.fail(f"The Asterisk packages cannot be fetched (tried twice): {error}", pytrace=False)


def start(folder: Path) -> Pbx:
    """Starts on free ports; tries others when somebody took one in between."""
    failures = []
    for _ in range(3):
        sip, tls, http, ami = _free_ports(4)
        rtp = random.randrange(20_000, 32_000 - RTP_PORTS, 2)
        environment = _environment() | {
            "LAB_SIP_PORT": str(sip),
            "LAB_TLS_PORT": str(tls),
            "LAB_HTTP_PORT": str(http),
            "LAB_AMI_PORT": str(ami),
            "LAB_RTP_START": str(rtp),
            "LAB_RTP_END": str(rtp + RTP_PORTS - 1),
        }
        try:
            _lab("up", folder, environment)
        except LabError as error:
            failures.append(str(error))
            _lab("down", folder, environment)
            continue
        version = _lab("cli", folder, environment, "core show version").split(" built")[0].strip()
        VERSION_FILE.write_text(version + "\n", encoding="utf-8")
        return Pbx(
            folder, environment, sip_port=sip, tls_port=tls, ami_port=ami, http_port=http, version=version
        )
    shutil.rmtree(folder, ignore_errors=True)
    pytest.fail("Asterisk does not start: " + " / ".join(failures), pytrace=False)


def _environment() -> dict[str, str]:
    return {**os.environ, "LAB_BIND": HOST, "LAB_SECRET": SECRET, "LAB_ROOT": str(SHARED / "root")}


def _lab(command: str, folder: Path, environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        ["bash", str(SCRIPT), command, str(folder), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )
    if done.returncode:
        log = folder / "fetch.log"
        tail = log.read_text(errors="replace")[-500:] if command == "fetch" and log.exists() else ""
        raise LabError(f"{command}: {(done.stderr or done.stdout).strip()[-500:]} {tail}".strip())
    return done.stdout


def _free_ports(count: int) -> list[int]:
    """Ports free for TCP and UDP on the test address."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.append(tcp)
            tcp.bind((HOST, 0))
            port = int(tcp.getsockname()[1])
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            held.append(udp)
            try:
                udp.bind((HOST, port))
            except OSError:
                continue
            ports.append(port)
    finally:
        for each in held:
            each.close()
    return ports
