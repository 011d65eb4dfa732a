"""Recording controls: one module each, found by itself.

A module of this package that defines `CONTROL` (`control.ControlType`) is a control; adding one is
adding its module. Settings name it: `{"control": "ami", …}`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from halodesk.engine.errors import SettingsError
from halodesk.recording.control import Control, ControlType, Surroundings
from halodesk.runtime.discovery import found_in


@functools.cache
def control_types() -> Mapping[str, ControlType]:
    """Every kind of control by its key."""
    return found_in(__path__, __name__, "CONTROL", ControlType)


def control_type(settings: Mapping[str, Any]) -> ControlType:
    """The kind that settings name. Raises `SettingsError` where there is none of that name."""
    key = settings.get("control")
    found = control_types().get(key) if isinstance(key, str) else None
    if found is None:
        names = ", ".join(sorted(control_types()))
        raise SettingsError(f"There is no recorder control “{key}”.", f"Choose one of: {names}.")
    return found


def open_control(settings: Mapping[str, Any], surroundings: Surroundings) -> Control:
    """A control as settings want it, not started yet. Raises `SettingsError` in words."""
    return control_type(settings).build(_own(settings), surroundings)


def peer(settings: Mapping[str, Any]) -> tuple[str, int] | None:
    """Host and port a control talks to, None where it has none of its own. Raises `SettingsError`."""
    return control_type(settings).peer(_own(settings))


def _own(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "control"}
