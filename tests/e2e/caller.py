"""The synthetic caller of the demo as a test's own process: speech, and the marker when told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from halodesk.engine.errors import PhoneAwayError
from halodesk.protocol.phone_link import CallInfo
from halodesk.sip.client import PhoneClient
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat

START_S = 20.0


class Caller(Seat):
    """Endpoint 1002 of the lab. `tests.lab.phones.Seat` tells what it hears and lets it dial."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        with (folder / "stderr.log").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "halodesk.demo.caller", "--data", str(folder), "--bind", HOST],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                text=True,
            )
        try:
            super().__init__(folder)
        except BaseException:
            self._stop_process()
            raise

    async def _open(self) -> PhoneClient:
        deadline = asyncio.get_running_loop().time() + START_S
        while True:
            try:
                return await PhoneClient.attach(self.data_dir, on_notice=self._heard, on_away=self._lost)
            except PhoneAwayError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.05)

    def ring(self, pbx: Pbx, number: str) -> None:
        """Registers and dials; the call's key is its number."""
        self.register(pbx, "1002")
        self.dial(number, key=number, account="1002")

    def marker(self) -> None:
        """From now on the marker tone sounds."""
        assert self._process.stdin is not None
        self._process.stdin.write("marker\n")
        self._process.stdin.flush()

    def up(self, key: str) -> bool:
        """The caller's call is up and nobody has hung up."""
        calls: tuple[CallInfo, ...] = self.client.snapshot.calls
        return any(call.key == key and call.state == "active" for call in calls)

    def quit(self) -> None:
        """Hangs up and ends the process."""
        try:
            super().quit()
        finally:
            self._stop_process()

    def _stop_process(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
