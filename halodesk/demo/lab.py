"""The Asterisk lab of the source tree, for the demo: a real PBX on loopback, where it runs."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import structlog

from halodesk.engine.errors import DemoError

SCRIPT = Path(__file__).resolve().parent.parent.parent / "tests" / "lab" / "asterisk-lab.sh"
SECRET = "lab-pass"  # noqa: S105  # loopback test value of the lab
RECORDED_QUEUE = "7700"
START_S = 300.0

_log = structlog.get_logger("lab")


class Lab:
    """One PBX of ours on free ports, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sip_port, self.ami_port = free_port(), free_port()
        rtp = 12_000 + (os.getpid() * 64) % 40_000
        self._environment = {
            **os.environ,
            "LAB_SIP_PORT": str(self.sip_port),
            "LAB_TLS_PORT": str(free_port()),
            "LAB_HTTP_PORT": str(free_port()),
            "LAB_AMI_PORT": str(self.ami_port),
            "LAB_RTP_START": str(rtp),
            "LAB_RTP_END": str(rtp + 63),
        }
        root = SCRIPT.parent.parent.parent / ".lab"
        if os.access(root.parent, os.W_OK):
            self._environment.setdefault("LAB_ROOT", str(root / "root"))

    def start(self) -> None:
        """Fetch where needed, and start. Raises `DemoError` with the reason."""
        if not SCRIPT.exists():
            raise DemoError("The PBX lab is not part of this installation.")
        self._run("up", timeout_s=START_S)

    def stop(self) -> None:
        """Stop the PBX this lab started."""
        self._run("down", timeout_s=20)

    def version(self) -> str:
        """Name and version, `Asterisk 22.9.0` say."""
        return " ".join(self._run("cli", "core show version", timeout_s=20).split()[:2])

    def recordings(self) -> list[Path]:
        """Recordings the PBX has made, oldest first."""
        found = (self.folder / "var" / "spool" / "monitor").glob("rec-*.wav")
        return sorted(found, key=lambda path: path.stat().st_mtime)

    def _run(self, command: str, *arguments: str, timeout_s: float) -> str:
        try:
            done = subprocess.run(
                ["bash", str(SCRIPT), command, str(self.folder), *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DemoError(f"The PBX lab did not come up: {type(error).__name__}.") from None
        if done.returncode != 0:
            raise DemoError(f"The PBX lab did not come up: {(done.stderr or done.stdout).strip()[-200:]}")
        return done.stdout


def free_port() -> int:
    """A port that is free now for UDP and TCP on loopback."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
