"""Programs the demo starts end with it, in order: nothing of theirs stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.records import log_lines, phone_pids, until

pytestmark = pytest.mark.e2e


def tethered(*arguments: str) -> subprocess.Popen[bytes]:
    """The program on a line to this test."""
    return subprocess.Popen(
        [sys.executable, "-m", "halodesk.demo.tethered", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )


def let_go(process: subprocess.Popen[bytes]) -> int:
    """Cut the line; the program's exit code."""
    assert process.stdin is not None
    process.stdin.close()
    code = process.wait(20)
    assert process.stdout is not None
    process.stdout.close()
    return code


def test_a_server_ends_when_it_is_let_go(tmp_path: Path) -> None:
    process = tethered("server", "--data", str(tmp_path), "--port", "0")
    assert process.stdout is not None
    assert b"port" in process.stdout.readline()
    assert let_go(process) in (0, -15)


def test_a_window_that_is_told_to_end_takes_its_phone_along(tmp_path: Path) -> None:
    folder = tmp_path / "seat"
    folder.mkdir(mode=0o700)
    process = tethered("--data", str(folder))
    log = folder / "logs" / "seat.log"
    until("the phone", lambda: any(line["event"] == "phone_attached" for line in log_lines(log)) or None, 60)
    (phone,) = phone_pids(folder)
    assert let_go(process) == 0
    until("the phone to leave", lambda: not psutil.pid_exists(phone) or None)
