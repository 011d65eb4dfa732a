"""Processes the doctor starts for a moment: a phone that registers, a look at the sound devices.

Rules:
- A phone of the doctor's own lives in a folder of its own, on ports of its own, and records nothing.
- It never registers beside a phone of this seat that runs: a PBX that allows one contact would
  forget the seat's. A phone with a window is asked instead; one without a window is left alone,
  because whoever attaches to it takes over what it keeps for the window.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from halodesk.engine.errors import HaloDeskError, PhoneAwayError
from halodesk.protocol.phone_link import (
    Capabilities,
    Notice,
    Register,
    Registration,
    RegistrationChanged,
)
from halodesk.runtime import settings as s
from halodesk.runtime.phone_settings import MAIN, account_of
from halodesk.sip.client import PhoneClient
from halodesk.sip.link import Endpoint, read_endpoint

REGISTER_S = 10.0
"""A REGISTER without an answer is told as lost by the phone itself after about half of this."""
DEVICES_S = 20.0

Whose = Literal["own", "window", "alone"]


class Devices(msgspec.Struct, frozen=True, kw_only=True):
    """Sound devices by name, the default first. `missing`: why they could not be listed."""

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    missing: str = ""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What a phone said. `whose`: one of the doctor's own, the one of the open window, or one that is
    alone and was not asked."""

    whose: Whose = "own"
    capabilities: Capabilities | None = None
    registration: Registration | None = None
    registered_ms: float = 0.0
    failure: str = ""
    todo: str = ""


def command() -> list[str]:
    """How this very program is started again: itself in a bundle, else the interpreter."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "halodesk"]


def devices() -> Devices:
    """Lists the sound devices in a child: Qt stays out of this process, and may crash there."""
    try:
        done = subprocess.run(
            [*command(), "sound-devices"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEVICES_S,
            env=os.environ | {"QT_QPA_PLATFORM": "minimal"},
        )
        return msgspec.json.decode(done.stdout, type=Devices)
    except subprocess.TimeoutExpired:
        return Devices(missing="The list of sound devices did not come in time.")
    except (OSError, msgspec.DecodeError):
        return Devices(missing="The process that lists sound devices has died.")


def running_phone(folder: Path) -> Endpoint | None:
    """The phone process of this data folder, if it runs."""
    found = read_endpoint(folder)
    if found is None or not _lives(found.pid, found.started_at):
        return None
    return found


def window_open(folder: Path) -> bool:
    """Whether a window holds this data folder; its lock file says which process it is."""
    lock = folder / "seat.lock"
    try:
        pid = int(lock.read_text(encoding="utf-8", errors="replace").partition("\n")[0])
        return _lives(pid, lock.stat().st_mtime)
    except (OSError, ValueError):
        return False


def probe(folder: Path, settings: s.Settings) -> Probe:
    """Ask the phone of the open window, else a phone of our own that registers for a moment."""
    try:
        if running_phone(folder) is not None:
            return asyncio.run(_ask(folder)) if window_open(folder) else Probe(whose="alone")
        with tempfile.TemporaryDirectory(prefix="halodesk-doctor-") as place:
            return asyncio.run(_register(Path(place), settings))
    except HaloDeskError as error:
        return Probe(failure=error.message, todo=error.todo)


async def _ask(folder: Path) -> Probe:
    client = await PhoneClient.attach(folder, on_notice=lambda notice: None, on_away=lambda error: None)
    try:
        known = sorted(client.snapshot.registrations, key=lambda entry: entry.account != MAIN)
        return Probe(
            whose="window", capabilities=client.capabilities, registration=known[0] if known else None
        )
    finally:
        await client.close()


async def _register(place: Path, settings: s.Settings) -> Probe:
    told: asyncio.Queue[Registration] = asyncio.Queue()

    def heard(notice: Notice) -> None:
        if isinstance(notice, RegistrationChanged):
            told.put_nowait(notice.registration)

    argv = [*command(), "phone", "--data", str(place), "--no-record", "--no-sound"]
    argv += ["--bind", settings.sip_bind] if settings.sip_bind else []
    client = await PhoneClient.attach_or_start(
        place, argv=argv, on_notice=heard, on_away=lambda error: told.put_nowait(_died(error))
    )
    try:
        account = settings.lines[0] if settings.lines else None
        if account is None or not account.registrar:
            return Probe(capabilities=client.capabilities)
        begun = time.perf_counter()
        try:
            await client.request(Register(account=account_of(account)))
            registration = await _settled(told)
        except HaloDeskError as error:
            return Probe(capabilities=client.capabilities, failure=error.message, todo=error.todo)
        spent = (time.perf_counter() - begun) * 1e3
        return Probe(capabilities=client.capabilities, registration=registration, registered_ms=spent)
    finally:
        await client.quit()


async def _settled(told: asyncio.Queue[Registration]) -> Registration:
    last = Registration(account="main", state="failed", message="server away")
    try:
        async with asyncio.timeout(REGISTER_S):
            while True:
                last = await told.get()
                if last.state in ("registered", "failed"):
                    return last
    except TimeoutError:
        return msgspec.structs.replace(last, state="failed", message="no answer in time")


def _died(error: PhoneAwayError) -> Registration:
    return Registration(account="main", state="failed", message=error.message, todo=error.todo)


def _lives(pid: int, since: float) -> bool:
    """Whether the process that wrote a file then is still there: its number may be another's by now."""
    try:
        return psutil.Process(pid).create_time() <= since + 1.0
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
