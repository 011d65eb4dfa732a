"""Starts the sandbox gateway as a child process and stops it again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec

from halodesk.demo.gateway.__main__ import API_KEY_VARIABLE
from halodesk.demo.gateway.app import SANDBOX_API_KEY
from halodesk.engine.errors import DemoError

GATEWAY_COMMAND = (sys.executable, "-m", "halodesk.demo.gateway")
"""How an unpackaged HaloDesk starts the gateway."""

_START_SECONDS = 30.0
_STOP_SECONDS = 5.0


class _Announcement(msgspec.Struct):
    port: int = 0
    error: str = ""


class GatewayChild:
    """A running sandbox gateway that belongs to this process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"

    def wait_for_death(self) -> int:
        """Exit code of a gateway that was scripted to die. Raises `DemoError` if it lives on."""
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError("The sandbox gateway is still running.") from None


@contextmanager
def gateway_child(
    *,
    script: Sequence[str] = (),
    state_file: Path | None = None,
    log_file: Path | None = None,
    port: int = 0,
    today: date | None = None,
    api_key: str = SANDBOX_API_KEY,
    command: Sequence[str] = GATEWAY_COMMAND,
) -> Iterator[GatewayChild]:
    """Run a gateway for the length of a `with` block; parameters as in `serve.serve`.

    Its journal goes to `log_file`, or nowhere. It also stops when this process dies, as its
    standard input ends then. Raises `DemoError` with the child's own words if it does not start.
    """
    arguments = [*command, "--port", str(port), "--stop-with-stdin", "--script", ",".join(script)]
    if state_file is not None:
        arguments += ["--state-file", str(state_file)]
    if today is not None:
        arguments += ["--today", today.isoformat()]
    log = os.open(log_file or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, API_KEY_VARIABLE: api_key},
        )
    finally:
        os.close(log)
    with process:
        try:
            yield GatewayChild(process, _announced_port(process))
        finally:
            _stop(process)


def _announced_port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None  # noqa: S101 - opened as a pipe above
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
        watchdog.join()
    if not line:
        raise DemoError("The sandbox gateway did not start.", "Run it by hand to see why.")
    said = msgspec.json.decode(line, type=_Announcement)
    if said.error:
        raise DemoError(said.error)
    return said.port


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
