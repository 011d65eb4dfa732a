"""The recorders this server masks: `recorders.json` in its data folder.

    {"recorders": [{"tenant": "main", "pbx": "main", "control": "ami", "host": …, …}, …]}

All recorders of one PBX must confirm before a mask of a call there counts, so each that exists is named.
At least one of them must be able to tell whose call it is: it is what proves that a seat holds a call.
The file holds credentials and must be its owner's alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from halodesk.engine.errors import SettingsError
from halodesk.recording import open_control
from halodesk.recording.control import Control, Surroundings, no_server
from halodesk.runtime.ports import RecorderAnswer

FILE = "recorders.json"
CONTROL_SECONDS = 0.6
"""Within this a control answers here: the seat waits 0.7 s, the way included."""

Pbx = tuple[str, str]
"""Tenant and the PBX's name there."""
Changed = Callable[[Pbx, str, RecorderAnswer], None]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    recorders: tuple[dict[str, Any], ...] = ()


def load(folder: Path) -> tuple[dict[str, Any], ...]:
    """The recorders of the folder's file, none without one. Raises `SettingsError`."""
    file = folder / FILE
    if not file.exists():
        return ()
    if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise SettingsError(
            f"{FILE} holds the PBX's credentials and can be read by others.", f"Run: chmod 600 {FILE}"
        )
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File).recorders
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise SettingsError(f"{FILE}: {error}.", "See docs/server.md for what it may say.") from None


def build(recorders: tuple[dict[str, Any], ...], on_changed: Changed) -> dict[Pbx, list[Control]]:
    """Controls of each PBX, not started. Raises `SettingsError` in words."""
    found: dict[Pbx, list[Control]] = {}
    for settings in recorders:
        rest = dict(settings)
        tenant, name = rest.pop("tenant", "main"), rest.pop("pbx", "main")
        if not isinstance(tenant, str) or not isinstance(name, str):
            raise SettingsError(f"{FILE}: `tenant` and `pbx` are names.")
        found.setdefault((tenant, name), []).append(_open((tenant, name), rest, on_changed))
    for (tenant, name), controls in found.items():
        names = [control.name for control in controls]
        if len(set(names)) < len(names):
            raise SettingsError(f"{FILE}: two recorders of {tenant}/{name} have the same name.")
        if not any(control.tells_holders for control in controls):
            raise SettingsError(
                f"{FILE}: no recorder of {tenant}/{name} can tell whose call is whose.",
                "A webhook needs `account`; without it any seat could mask any call.",
            )
    return found


def _open(pbx: Pbx, settings: dict[str, Any], on_changed: Changed) -> Control:
    def changed(sip_call_id: str, answer: RecorderAnswer) -> None:
        on_changed(pbx, sip_call_id, answer)

    return open_control(settings, Surroundings(on_changed=changed, line=no_server, timeout_s=CONTROL_SECONDS))
