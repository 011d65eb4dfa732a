"""The doctor's lines about this computer: program, settings, files, disk, store, keyring, flows."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from halodesk.crypto import keystore
from halodesk.engine.errors import HaloDeskError
from halodesk.runtime import crash
from halodesk.runtime import settings as s
from halodesk.runtime.flow_agent.library import IMPORT, Library, unknown_agents
from halodesk.runtime.flow_files import load_all
from halodesk.runtime.phone_settings import flow_agents_of
from halodesk.runtime.sandbox import JsSandbox
from halodesk.runtime.threads import SystemClock
from halodesk.selftest.checks import Check, not_checked, ok, problem, warning
from halodesk.store.seat_store import FILE, SeatStore

SCARCE_MB, FULL_MB = 500, 20
_PRIVATE = ("settings.json", FILE, "seat.key", "seat.secret", "phone.key")


def settings(folder: Path) -> tuple[s.Settings, Check]:
    """The settings, and the line about them; those a fresh seat has where the file is no good."""
    file = folder / "settings.json"
    if not file.exists():
        line = not_checked("settings", f"There is no settings.json in {folder}.", "See docs/it.md.")
        return s.Settings(), line
    try:
        return s.load(file), ok("settings", str(file))
    except HaloDeskError as error:
        return s.Settings(), problem("settings", error.message, error.todo)


def program() -> Check:
    """What runs here."""
    version = ".".join(map(str, sys.version_info[:3]))
    qt = metadata.version("PySide6-Essentials")
    return ok("program", f"HaloDesk {metadata.version('halodesk')}, Python {version}, Qt {qt}")


def files(folder: Path) -> Check:
    """Whether the data folder can be written, and by its owner only."""
    if not folder.exists():
        return not_checked("files", f"There is no {folder} yet: it is made on first start.")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return problem(
            "files",
            f"Nothing can be written into {folder}: {error.strerror}.",
            "Free some space, or give this folder to the person who works here.",
        )
    if os.name != "posix":
        return ok("files", f"{folder} can be written.")
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        return problem("files", f"Others can look into {folder}.", f"Run: chmod 700 {folder}")
    open_to_others = [
        name
        for name in _PRIVATE
        if (folder / name).exists() and stat.S_IMODE((folder / name).stat().st_mode) & 0o077
    ]
    if open_to_others:
        names = " ".join(str(folder / name) for name in open_to_others)
        return problem("files", f"Others can read {', '.join(open_to_others)}.", f"Run: chmod 600 {names}")
    return ok("files", f"{folder} can be written and is closed to others.")


def disk(folder: Path) -> Check:
    """Room for sessions and recordings."""
    there = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    free = shutil.disk_usage(there).free // 2**20
    message = f"{free} MB are free on the disk of {folder}."
    if free < FULL_MB:
        return problem("disk", message, "Free some space now: what agents enter cannot be saved any more.")
    if free < SCARCE_MB:
        return warning("disk", message, "Free some space for recordings.")
    return ok("disk", message)


def store(folder: Path) -> Check:
    """The database opens with its key, is whole, and nobody took a session out."""
    path = folder / FILE
    if not path.exists() or not path.stat().st_size:
        return not_checked("store", "There are no sessions yet: the database is made on first start.")
    with path.open("rb") as file:
        if file.read(16) == b"SQLite format 3\0":  # an encrypted one begins with its random salt
            return problem("store", "The database is not encrypted.", "Keep the folder as it is and tell IT.")
    opened = SeatStore(folder, as_it_is=True)
    try:
        health = opened.health()
        if health.damage:
            return problem(
                "store",
                f"The database is damaged: {health.damage[0]} ({len(health.damage)} places or more).",
                "Stop HaloDesk, keep the folder as it is and tell IT.",
            )
        if health.schema > health.newest:
            return problem(
                "store", "The database was written by a newer HaloDesk.", "Update HaloDesk on this seat."
            )
        if health.schema < health.newest:
            return warning(
                "store",
                f"The database is of version {health.schema or '0'}; this HaloDesk uses {health.newest}.",
                "Start HaloDesk: it brings the database up to date.",
            )
        begun, there = opened.sessions.count()
        gaps = opened.sessions.missing() if begun != there else []
    finally:
        opened.close()
    if begun != there:
        shown = ", ".join(map(str, gaps[:10])) + (" …" if len(gaps) > 10 else "")
        return problem(
            "store",
            f"{begun - there} of {begun} sessions are missing: number {shown}.",
            "Somebody took them out of the database. Keep the folder as it is and tell IT.",
        )
    return ok("store", f"{there} sessions, encrypted and whole, version {health.schema} of the database.")


def keyring(folder: Path) -> Check:
    """Where the database's key is, and whether it is there."""
    found = keystore.look(folder)
    loose = [name for name, mode in found.modes.items() if os.name == "posix" and mode & 0o077]
    if loose:
        names = " ".join(str(folder / name) for name in loose)
        return problem("keyring", f"Others can read {', '.join(loose)}.", f"Run: chmod 600 {names}")
    if (folder / FILE).exists() and (folder / FILE).stat().st_size:
        _, status = keystore.load_key(folder)  # a database of ours: nothing is made here
        if status.strong:
            return ok("keyring", status.message)
    elif found.safe and "seat.key" not in found.modes:
        return ok("keyring", f"The key will lie in the keyring ({found.safe.rpartition('.')[2]}).")
    elif found.passphrase:
        return ok("keyring", "The key will lie in a file, wrapped with the passphrase of this seat.")
    words = f"The keyring set here ({found.backend}) is not one that encrypts and is not used. "
    return warning(
        "keyring",
        ("" if found.safe else words) + "The key lies in a file: a copy of the whole folder can be opened.",
        "Set up the desktop's keyring before the first start, or set HALODESK_PASSPHRASE for this seat.",
    )


def crashes(folder: Path) -> Check:
    """Whether the program met errors it did not expect in the last week."""
    found = crash.reports(folder / "crashes", time.time() - 7 * 86_400)
    if found:
        return warning(
            "crashes",
            f"{len(found)} reports of crashes in the last week, in {folder / 'crashes'}.",
            "Send them to whoever maintains HaloDesk: they hold no data of callers.",
        )
    return ok("crashes", "No crash in the last week.")


def functions() -> Check:
    """The worker for flow authors' JavaScript answers."""

    async def look() -> object:
        async with JsSandbox(SystemClock()) as sandbox:
            return await sandbox.evaluate("1 + 1", {})

    if asyncio.run(look()) == 2:
        return ok("functions", "The JavaScript worker answers.")
    return problem("functions", "The JavaScript worker counts wrong.", "Install HaloDesk anew.")


def flows(given: s.Settings) -> Check:
    """The flows of the settings can be read."""
    if not given.flows:
        return not_checked("flows", "No flows are set.", "Name files or folders in `flows`.")
    found = load_all(given.flows)
    if not found:
        return problem("flows", "There is no flow in what `flows` names.", "Put *.flow.json files there.")
    return ok("flows", ", ".join(f"{flow.name} v{flow.version}" for flow in found))


def flow_agents(folder: Path, settings: s.Settings) -> Check:
    """Those that answer calls are there."""
    wanted = list(flow_agents_of(settings).values())
    if not wanted:
        return ok("flow_agents", "No flow agent answers calls.")
    library = Library(folder)
    missing = unknown_agents(library, wanted)
    if missing:
        return problem("flow_agents", " ".join(missing), IMPORT)
    if not settings.llm and "realtime" not in settings.speech:  # which is a model, too
        return problem(
            "flow_agents",
            "A flow agent is to answer calls, and there is no model.",
            "Add `llm` to the settings.",
        )
    for line in wanted:
        library.load(line.answers)
    return ok(
        "flow_agents", f"Calls are answered by: {', '.join(sorted({line.answers for line in wanted}))}."
    )
