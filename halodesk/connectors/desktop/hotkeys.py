"""Keys that work while another program has the keyboard: which way this desktop offers, and its words.

| desktop | way |
| --- | --- |
| X11 | `hotkeys_x11`: each key is grabbed at the X server, and no other key is seen |
| Wayland | `hotkeys_portal`: the GlobalShortcuts portal, where the desktop has it; no other way exists |
| Windows | `hotkeys_windows`: RegisterHotKey |
| macOS | none yet |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from halodesk.connectors.desktop.session_bus import SessionBus
from halodesk.runtime.desktop_settings import Action, Combination

Pressed = Callable[[Action], None]
"""Called on another thread than the main one."""
Way = Literal["x11", "portal", "windows", "none"]

DOES: Mapping[Action, str] = {"answer": "answer", "hang_up": "hang up", "mute": "mute the microphone"}


class HotkeyPort(Protocol):
    """One way to have them."""

    async def start(self, wanted: Mapping[Action, Combination]) -> list[str]:
        """Take the keys; sentences about those that cannot be had. Never raises."""
        ...

    async def close(self) -> None:
        """Give them back."""
        ...


def way(platform: str, environ: Mapping[str, str]) -> Way:
    """Which way this desktop offers, as far as its surroundings tell."""
    if platform == "win32":
        return "windows"
    if platform == "darwin":
        return "none"
    if environ.get("WAYLAND_DISPLAY"):
        return "portal"  # an X server beside it hears only the keys of X programs
    return "x11" if environ.get("DISPLAY") else "none"


def open_hotkeys(
    platform: str, environ: Mapping[str, str], bus: SessionBus, pressed: Pressed
) -> HotkeyPort | None:
    """The way of this desktop; None where there is none."""
    match way(platform, environ):
        case "x11":
            from halodesk.connectors.desktop.hotkeys_x11 import X11Hotkeys

            return X11Hotkeys(environ["DISPLAY"], pressed)
        case "portal":
            from halodesk.connectors.desktop.hotkeys_portal import PortalHotkeys

            return PortalHotkeys(bus, pressed)
        case "windows":
            from halodesk.connectors.desktop.hotkeys_windows import WindowsHotkeys, system_keys

            return WindowsHotkeys(system_keys(), pressed)
        case _:
            return None


def taken_words(combination: Combination, action: Action) -> str:
    """Another program has the key."""
    return f"{combination} is taken by another program and does not {DOES[action]} from outside the window."
