"""`halodesk doctor`: each thing a seat needs, looked at for real, with what to do."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from halodesk.connectors.payments import providers
from halodesk.engine.errors import HaloDeskError
from halodesk.recording import control_type, peer
from halodesk.runtime import settings as s
from halodesk.runtime.flow_files import load_all
from halodesk.runtime.sandbox import JsSandbox
from halodesk.runtime.threads import SystemClock
from halodesk.sip.client import PhoneClient
from halodesk.store.seat_store import FILE, SeatStore

LEAST_FREE_MB = 500


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `warning`: it works, but someone should know."""

    name: str
    state: Literal["ok", "warning", "failed", "not_set"]
    message: str
    todo: str = ""


def examine(folder: Path) -> list[Check]:
    """All checks, in an order a person would go by."""
    settings, first = _settings(folder)
    checks: list[Callable[[], Check]] = [
        lambda: _python(),
        lambda: _disk(folder),
        lambda: _store(folder),
        lambda: _phone(folder),
        lambda: _functions(),
        lambda: _flows(settings),
        lambda: _pbx(settings),
        lambda: _recorders(settings),
        lambda: _gateways(settings),
    ]
    return [first, *(_safely(check) for check in checks)]


def _safely(check: Callable[[], Check]) -> Check:
    try:
        return check()
    except HaloDeskError as error:
        return Check(name="check", state="failed", message=error.message, todo=error.todo)


def _settings(folder: Path) -> tuple[s.Settings, Check]:
    file = folder / "settings.json"
    if not file.exists():
        return s.Settings(), Check(
            name="settings", state="not_set", message=f"No settings.json in {folder}.", todo="See docs/it.md."
        )
    try:
        return s.load(file), Check(name="settings", state="ok", message=str(file))
    except HaloDeskError as error:
        return s.Settings(), Check(name="settings", state="failed", message=error.message, todo=error.todo)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        name="program", state="ok", message=f"Python {version}, Qt {metadata.version('PySide6-Essentials')}"
    )


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free // 2**20
    if free < LEAST_FREE_MB:
        return Check(
            name="disk",
            state="warning",
            message=f"{free} MB free in {folder}.",
            todo="Free some space for recordings.",
        )
    return Check(name="disk", state="ok", message=f"{free} MB free")


def _store(folder: Path) -> Check:
    if not (folder / FILE).exists():
        return Check(
            name="store", state="not_set", message="No sessions yet; the database is made on first start."
        )
    store = SeatStore(folder)
    try:
        begun, there = store.sessions.count()
        status = store.key_status
    finally:
        store.close()
    if _opens_without_key(folder / FILE):
        return Check(
            name="store", state="failed", message="The database is not encrypted.", todo="Report this."
        )
    if begun != there:
        return Check(
            name="store",
            state="failed",
            message=f"{begun - there} of {begun} sessions are missing.",
            todo="Tell IT.",
        )
    state: Literal["ok", "warning"] = "ok" if status.strong else "warning"
    return Check(name="store", state=state, message=f"{there} sessions, encrypted. {status.message}")


def _opens_without_key(path: Path) -> bool:
    """A plain SQLite file begins with these words; an encrypted one begins with its random salt."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _phone(folder: Path) -> Check:
    async def look() -> Check:
        probe = folder / "doctor-phone"
        try:
            client = await PhoneClient.attach_or_start(
                probe, on_notice=lambda notice: None, on_away=lambda error: None
            )
        except HaloDeskError as error:
            return Check(name="phone", state="failed", message=error.message, todo=error.todo)
        try:
            found = client.capabilities
        finally:
            await client.quit()
            shutil.rmtree(probe, ignore_errors=True)
        lacks = [name for name, there in (("TLS", found.tls), ("SRTP", found.srtp)) if not there]
        words = f"pjsua2 {found.version}, {found.max_calls} calls, codecs {', '.join(found.codecs)}"
        if lacks:
            return Check(
                name="phone", state="warning", message=f"{words}. Not in this build: {', '.join(lacks)}."
            )
        return Check(name="phone", state="ok", message=words)

    return asyncio.run(look())


def _functions() -> Check:
    async def look() -> object:
        async with JsSandbox(SystemClock()) as sandbox:
            return await sandbox.evaluate("1 + 1", {})

    good = asyncio.run(look()) == 2
    return Check(name="functions", state="ok" if good else "failed", message="JavaScript worker answers")


def _flows(settings: s.Settings) -> Check:
    if not settings.flows:
        return Check(
            name="flows", state="not_set", message="No flows set.", todo="Name files or folders in `flows`."
        )
    found = load_all(settings.flows)
    return Check(
        name="flows", state="ok", message=", ".join(f"{flow.name} v{flow.version}" for flow in found)
    )


def _pbx(settings: s.Settings) -> Check:
    account = settings.account
    if account is None:
        return Check(
            name="pbx", state="not_set", message="No SIP account set.", todo="Fill `account` in the settings."
        )
    if not account.registrar:
        return Check(name="pbx", state="ok", message="Direct calls only: no registrar is set.")
    host, port = _host_port(account.registrar, 5060)
    try:
        socket.getaddrinfo(host, port)
    except OSError:
        return Check(
            name="pbx", state="failed", message=f"{host} is not known here.", todo="Check DNS and the name."
        )
    return Check(name="pbx", state="ok", message=f"{account.uri} at {host}:{port}")


def _recorders(settings: s.Settings) -> Check:
    if not settings.controls:
        return Check(
            name="recorders",
            state="warning",
            message="Only our own recorder is masked.",
            todo="Name in `recorders` whatever else records calls.",
        )
    said = []
    for wanted in settings.controls:
        key = control_type(wanted).key
        where = peer(wanted)
        if where is None:
            said.append(f"{key}: whether the server can be asked shows in the window")
            continue
        check = _reach("recorders", *where, f"the recorder {key}")
        if check.state == "failed":
            return check
        said.append(check.message)
    return Check(name="recorders", state="ok", message="; ".join(said))


def _gateways(settings: s.Settings) -> Check:
    if not settings.gateways:
        return Check(name="gateway", state="not_set", message="No payment gateway set.")
    for found in settings.gateways:
        if found.provider not in providers():
            names = ", ".join(sorted(providers()))
            return Check(
                name="gateway",
                state="failed",
                message=f"No gateway is called {found.provider}.",
                todo=f"Use: {names}.",
            )
        parts = urlsplit(found.url)
        check = _reach("gateway", parts.hostname or "", parts.port or 443, f"the gateway {found.name}")
        if check.state == "failed":
            return check
    return Check(name="gateway", state="ok", message=", ".join(found.name for found in settings.gateways))


def _reach(name: str, host: str, port: int, what: str) -> Check:
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Check(
            name=name,
            state="failed",
            message=f"{what} at {host}:{port} does not answer ({reason}).",
            todo="Is it up?",
        )
    return Check(name=name, state="ok", message=f"{what} answers at {host}:{port}")


def _host_port(uri: str, default: int) -> tuple[str, int]:
    parts = urlsplit(uri.replace("sips:", "//").replace("sip:", "//"))
    return parts.hostname or "", parts.port or default
