"""Links on Windows: the classes and capabilities of "Default Programs", in HKEY_CURRENT_USER.

Since Windows 8 no program can make itself the default: it registers what it can open, and the person
chooses it once in Settings. What was chosen is read from `UserChoice`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

from halodesk.connectors.desktop.links import LinksStatus, standing
from halodesk.engine.dial_link import SCHEMES
from halodesk.engine.errors import DesktopError

CLASS = "HaloDesk.Link"
_CLASS_KEY = rf"Software\Classes\{CLASS}"
_OURS = r"Software\HaloDesk"
_CAPABILITIES = rf"{_OURS}\Capabilities"
_REGISTERED = r"Software\RegisteredApplications"
_CHOICE = r"Software\Microsoft\Windows\Shell\Associations\UrlAssociations\{scheme}\UserChoice"


class Registry(Protocol):
    """HKEY_CURRENT_USER, as far as it is needed. Text values only."""

    def read(self, key: str, name: str) -> str:
        """Empty where there is none."""
        ...

    def write(self, key: str, name: str, value: str) -> None: ...

    def remove_value(self, key: str, name: str) -> None: ...

    def remove_key(self, key: str) -> None:
        """With all below it; nothing where there is none."""
        ...


class WindowsLinks:
    """The registry of one person."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def install(self, command: Sequence[str]) -> None:
        """Register what HaloDesk opens; the person chooses it in Settings."""
        write = self._registry.write
        # `%1` in quotes: a link holds no quote (RFC 3986), and what is passed anyway is one argument to us.
        write(_CLASS_KEY, "", "HaloDesk call link")
        write(_CLASS_KEY, "URL Protocol", "")
        write(rf"{_CLASS_KEY}\shell\open\command", "", f'{subprocess.list2cmdline(command)} "%1"')
        write(_CAPABILITIES, "ApplicationName", "HaloDesk")
        write(_CAPABILITIES, "ApplicationDescription", "Calls and guided workflows")
        for scheme in SCHEMES:
            write(rf"{_CAPABILITIES}\UrlAssociations", scheme, CLASS)
        write(_REGISTERED, "HaloDesk", _CAPABILITIES)

    def remove(self) -> None:
        """Take all of it out; what the person chose for these links then counts no more."""
        self._registry.remove_value(_REGISTERED, "HaloDesk")
        self._registry.remove_key(_CAPABILITIES)
        self._registry.remove_key(_CLASS_KEY)

    def status(self) -> LinksStatus:
        """What the person chose for each scheme."""
        read = self._registry.read
        chosen: dict[str, str] = {scheme: read(_CHOICE.format(scheme=scheme), "ProgId") for scheme in SCHEMES}
        installed = read(_REGISTERED, "HaloDesk") == _CAPABILITIES
        found = standing(chosen, CLASS, installed=installed)
        if installed and found.todo:
            return LinksStatus(
                installed=True,
                ours=found.ours,
                handlers=found.handlers,
                message=found.message,
                todo="Choose HaloDesk in Settings, Apps, Default apps.",
            )
        return found


def current_user() -> Registry:
    """HKEY_CURRENT_USER itself. Raises `DesktopError` elsewhere than on Windows."""
    if sys.platform == "win32":
        import winreg

        class CurrentUser:
            """See `Registry`."""

            def read(self, key: str, name: str) -> str:
                try:
                    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                        return str(winreg.QueryValueEx(opened, name)[0])
                except OSError:
                    return ""

            def write(self, key: str, name: str, value: str) -> None:
                try:
                    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
                        winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)
                except OSError as error:
                    raise DesktopError(f"The registry takes nothing under {key}: {error.strerror}.") from None

            def remove_value(self, key: str, name: str) -> None:
                try:
                    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, winreg.KEY_SET_VALUE) as opened:
                        winreg.DeleteValue(opened, name)
                except FileNotFoundError:
                    return
                except OSError as error:
                    raise DesktopError(f"The registry keeps {name}: {error.strerror}.") from None

            def remove_key(self, key: str) -> None:
                try:
                    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                        below = [
                            winreg.EnumKey(opened, index) for index in range(winreg.QueryInfoKey(opened)[0])
                        ]
                    for name in below:
                        self.remove_key(rf"{key}\{name}")
                    winreg.DeleteKey(winreg.HKEY_CURRENT_USER, key)
                except FileNotFoundError:
                    return
                except OSError as error:
                    raise DesktopError(f"The registry keeps {key}: {error.strerror}.") from None

        return CurrentUser()
    raise DesktopError("This registry is of Windows.")
