"""Making HaloDesk the program that opens tel:, sip:, sips: and callto: links, for this person only.

| system | how |
| --- | --- |
| Linux | a desktop entry with the schemes, made the default by `xdg-mime` (`links_freedesktop`) |
| Windows | classes and capabilities in HKEY_CURRENT_USER (`links_windows`); the person confirms in Settings |
| macOS | the application's bundle declares them (`url_types`); macOS hands links over as open events |
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from halodesk.engine.dial_link import SCHEMES
from halodesk.engine.errors import DesktopError


class LinksStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands. `handlers`: what opens each scheme, empty where nothing does or it is not known."""

    version: int = 1
    installed: bool
    """HaloDesk is known to the desktop as a program for such links."""
    ours: tuple[str, ...]
    """Schemes that open HaloDesk."""
    handlers: dict[str, str]
    message: str
    todo: str = ""


class LinkHandlers(Protocol):
    """The desktop's list of programs for links. All raise `DesktopError`."""

    def install(self, command: Sequence[str]) -> None:
        """Open links by this command, which gets the link as one more argument."""
        ...

    def remove(self) -> None:
        """As it was before; does nothing where nothing was installed."""
        ...

    def status(self) -> LinksStatus: ...


def handlers(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> LinkHandlers:
    """Those of this system. Raises `DesktopError` where a program cannot register itself."""
    if platform == "win32":
        from halodesk.connectors.desktop.links_windows import WindowsLinks, current_user

        return WindowsLinks(current_user())
    if platform == "darwin":
        raise DesktopError(
            "On macOS the installed application itself tells which links it opens.",
            "Install the HaloDesk package and open it once.",
        )
    from halodesk.connectors.desktop.links_freedesktop import FreedesktopLinks

    return FreedesktopLinks(Path.home(), environ)


def url_types() -> list[dict[str, Any]]:
    """CFBundleURLTypes for the Info.plist of a macOS bundle."""
    return [
        {
            "CFBundleURLName": "com.halodesk.call",
            "CFBundleTypeRole": "Viewer",
            "CFBundleURLSchemes": list(SCHEMES),
        }
    ]


def standing(found: Mapping[str, str], ours: str, *, installed: bool) -> LinksStatus:
    """Words for which scheme opens what; `ours` is how HaloDesk is called there."""
    mine = tuple(scheme for scheme in SCHEMES if found.get(scheme) == ours)
    others = sorted({name for name in found.values() if name and name != ours})
    if len(mine) == len(SCHEMES):
        return LinksStatus(
            installed=installed,
            ours=mine,
            handlers=dict(found),
            message=f"Links open HaloDesk: {', '.join(mine)}.",
        )
    words = f"Links that open HaloDesk: {', '.join(mine) or 'none'}."
    if others:
        words += f" The others open {', '.join(others)}."
    return LinksStatus(
        installed=installed,
        ours=mine,
        handlers=dict(found),
        message=words,
        todo="Run: halodesk links install",
    )
