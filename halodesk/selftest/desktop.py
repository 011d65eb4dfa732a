"""The doctor's lines about the desktop: tray, hotkeys, notifications and media keys, links.

Keys are grabbed for a moment and given back; where the window of this folder is open they are its own,
and are left alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from halodesk.connectors.desktop.hotkeys import way
from halodesk.connectors.desktop.links import handlers
from halodesk.connectors.desktop.session_bus import SessionBus
from halodesk.engine.errors import DesktopError, HaloDeskError
from halodesk.runtime.door import sign_file
from halodesk.runtime.settings import Settings
from halodesk.selftest.checks import Check, not_checked, ok, warning

_NO_DESKTOP = "There is no desktop here (no screen): nothing to look at."
_PORTAL = "org.freedesktop.portal.Desktop"


def _has_desktop(environ: Mapping[str, str]) -> bool:
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(environ.get(name) for name in names)


def tray(given: Settings, environ: Mapping[str, str] = os.environ) -> Check:
    """Whether there is a tray to go on in when the window is closed."""
    if not given.desktop.tray:
        return not_checked("tray", "Switched off in the settings (desktop.tray).")
    if not _has_desktop(environ):
        return not_checked("tray", _NO_DESKTOP)
    if not sys.platform.startswith("linux"):
        return ok("tray", "This system has a tray.")
    if asyncio.run(_names(environ, "org.kde.StatusNotifierWatcher")) or _x_tray(environ):
        return ok("tray", "The desktop has a tray.")
    return warning(
        "tray",
        "The desktop has no tray: closing the window ends HaloDesk.",
        "On GNOME: install the extension AppIndicator. Otherwise start the tray of the desktop.",
    )


def hotkeys(folder: Path, given: Settings, environ: Mapping[str, str] = os.environ) -> Check:
    """Whether keys reach HaloDesk while another program has the keyboard."""
    wanted = given.desktop.hotkeys.combinations()
    if not wanted:
        return not_checked("hotkeys", "None are set (desktop.hotkeys).")
    keys = ", ".join(map(str, wanted.values()))
    match way(sys.platform, environ):
        case "windows":
            return ok("hotkeys", f"Windows gives {keys}, unless another program has them.")
        case "portal":
            if asyncio.run(_names(environ, _PORTAL)):
                return ok("hotkeys", f"The desktop asks once whether HaloDesk may have {keys} (portal).")
            return warning(
                "hotkeys",
                "On Wayland no program hears keys outside its window, and this desktop has no portal.",
                "Install xdg-desktop-portal with the part of your desktop.",
            )
        case "x11":
            if sign_file(folder).exists():
                return ok("hotkeys", f"X11; the window that is open has {keys}, or says which it has not.")
            return asyncio.run(_try_x11(environ["DISPLAY"], given))
        case _ if sys.platform == "darwin":
            return not_checked("hotkeys", "HaloDesk has no hotkeys on macOS yet.")
        case _:
            return not_checked("hotkeys", _NO_DESKTOP)


def bus(environ: Mapping[str, str] = os.environ) -> Check:
    """Notifications and media keys, which come over the session bus."""
    if not sys.platform.startswith("linux"):
        return not_checked("desktop_bus", "Notifications come at the tray's icon; media keys are Linux's.")
    found = asyncio.run(_names(environ, "org.freedesktop.Notifications"))
    if found is None and not _has_desktop(environ):
        return not_checked("desktop_bus", _NO_DESKTOP)
    if found is None:
        return warning(
            "desktop_bus",
            "There is no session bus: no notifications with buttons, no media keys.",
            "Start HaloDesk inside a desktop session.",
        )
    if not found:
        return warning(
            "desktop_bus",
            "Media keys work; the desktop shows no notifications.",
            "Start the notification service of the desktop.",
        )
    return ok("desktop_bus", "Notifications and media keys work.")


def links(environ: Mapping[str, str] = os.environ) -> Check:
    """Whether links of other programs open HaloDesk."""
    if not _has_desktop(environ):
        return not_checked("links", _NO_DESKTOP)
    try:
        found = handlers(environ=environ).status()
    except DesktopError as error:
        return not_checked("links", error.message, error.todo)
    if found.todo:
        return not_checked("links", found.message, found.todo)
    return ok("links", found.message)


async def _names(environ: Mapping[str, str], name: str) -> bool | None:
    """Whether a program of this name is on the session bus; None where there is no bus."""
    session = SessionBus(environ)
    try:
        return await session.has_name(name)
    except HaloDeskError:
        return None
    finally:
        await session.close()


async def _try_x11(display: str, given: Settings) -> Check:
    from halodesk.connectors.desktop.hotkeys_x11 import X11Hotkeys

    wanted = given.desktop.hotkeys.combinations()
    tried = X11Hotkeys(display, lambda action: None)
    words = await tried.start(wanted)
    await tried.close()
    if words:
        return warning("hotkeys", " ".join(words), "Choose other keys in the settings (desktop.hotkeys).")
    return ok("hotkeys", f"X11 gives {', '.join(map(str, wanted.values()))}.")


def _x_tray(environ: Mapping[str, str]) -> bool:
    """Whether somebody owns the tray of the screen (System Tray Protocol)."""
    if not environ.get("DISPLAY"):
        return False
    from Xlib import X, error
    from Xlib.display import Display

    try:
        display = Display(environ["DISPLAY"])
    except (error.DisplayError, error.XauthError, OSError):
        return False
    try:
        atom = display.intern_atom(f"_NET_SYSTEM_TRAY_S{display.get_default_screen()}")
        return bool(display.get_selection_owner(atom) != X.NONE)
    finally:
        display.close()
