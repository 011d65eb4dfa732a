"""Links on Linux desktops: Desktop Entry 1.5, MIME Applications 1.0.1, `xdg-mime` of xdg-utils.

Rules:
- The entry is this person's (`~/.local/share/applications`), never the system's.
- What opened a scheme before is kept in the entry and is the default again after `remove`.
- Other lines of anybody's `mimeapps.list` stay as they are, byte by byte.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from halodesk.connectors.desktop.links import LinksStatus, standing
from halodesk.engine.dial_link import SCHEMES
from halodesk.engine.errors import DesktopError

ENTRY = "halodesk.desktop"
_PATIENCE_S = 30
_BEFORE = "X-HaloDesk-Before-"
_NEEDS_QUOTES = re.compile(r"[^A-Za-z0-9_./:=@+,-]")
_ESCAPED = re.compile(r'(["`$\\])')


def exec_line(command: Sequence[str]) -> str:
    """The Exec key for a command that gets the link (`%u`). Quoting: Desktop Entry 1.5, "The Exec key"."""
    parts = []
    for part in command:
        if re.search(r"[\x00-\x1f\x7f]", part):
            raise DesktopError("The path of HaloDesk holds control signs: links cannot be installed.")
        plain = part.replace("%", "%%")
        if _NEEDS_QUOTES.search(part):
            plain = '"' + _ESCAPED.sub(r"\\\1", plain) + '"'
        parts.append(plain.replace("\\", "\\\\"))  # and once more, as in every string of an entry
    return " ".join([*parts, "%u"])


class FreedesktopLinks:
    """The lists of one person's desktop."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        self._applications = data / "applications"
        self._entry = self._applications / ENTRY
        self._lists = (config / "mimeapps.list", self._applications / "mimeapps.list")

    def install(self, command: Sequence[str]) -> None:
        """Write the entry and make it the default of each scheme."""
        before = self._before() or {
            scheme: name for scheme, name in self._defaults().items() if name and name != ENTRY
        }
        mime = "".join(f"x-scheme-handler/{scheme};" for scheme in SCHEMES)
        lines = [
            "[Desktop Entry]",
            "Type=Application",
            "Name=HaloDesk",
            "GenericName=Softphone",
            "Comment=Calls and guided workflows",
            f"Exec={exec_line(command)}",
            "Icon=halodesk",
            "Terminal=false",
            "Categories=Network;Telephony;",
            "StartupNotify=true",
            f"MimeType={mime}",
            *(f"{_BEFORE}{scheme}={name}" for scheme, name in before.items()),
        ]
        try:
            self._applications.mkdir(parents=True, exist_ok=True)
            _replace(self._entry, "\n".join(lines) + "\n")
        except OSError as error:
            raise DesktopError(f"{self._entry} cannot be written: {error.strerror}.") from None
        self._refresh()
        self._run("default", ENTRY, *(f"x-scheme-handler/{scheme}" for scheme in SCHEMES))

    def remove(self) -> None:
        """Take the entry away; what was the default before is it again."""
        before = self._before()
        self._entry.unlink(missing_ok=True)
        for file in self._lists:
            self._forget(file)
        self._refresh()
        for scheme, name in before.items():
            self._run("default", name, f"x-scheme-handler/{scheme}")

    def status(self) -> LinksStatus:
        """What opens each scheme now."""
        return standing(self._defaults(), ENTRY, installed=self._entry.exists())

    def _defaults(self) -> dict[str, str]:
        return {scheme: self._run("query", "default", f"x-scheme-handler/{scheme}") for scheme in SCHEMES}

    def _before(self) -> dict[str, str]:
        """What the entry remembers; only names that a list of programs can hold."""
        try:
            lines = self._entry.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        pairs = (line.removeprefix(_BEFORE).partition("=") for line in lines if line.startswith(_BEFORE))
        return {
            scheme: name
            for scheme, _, name in pairs
            if scheme in SCHEMES and re.fullmatch(r"[\w.-]{1,200}\.desktop", name)
        }

    def _forget(self, file: Path) -> None:
        """Our name out of the lines of our schemes; a line that names nobody else goes."""
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return
        kept = []
        for line in text.splitlines(keepends=True):
            key, equals, value = line.partition("=")
            if equals and key.strip() in {f"x-scheme-handler/{scheme}" for scheme in SCHEMES}:
                names = [name.strip() for name in value.split(";") if name.strip()]
                if ENTRY in names:
                    others = [name for name in names if name != ENTRY]
                    if others:
                        kept.append(f"{key}={';'.join(others)};\n")
                    continue
            kept.append(line)
        if kept != text.splitlines(keepends=True):
            try:
                _replace(file, "".join(kept))
            except OSError as error:
                raise DesktopError(f"{file} cannot be written: {error.strerror}.") from None

    def _refresh(self) -> None:
        """The cache desktops read; where its program is missing they read the entries themselves."""
        if (program := shutil.which("update-desktop-database", path=self._environ.get("PATH"))) is not None:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    [program, "-q", str(self._applications)],
                    env=self._environ,
                    capture_output=True,
                    timeout=_PATIENCE_S,
                    check=False,
                )

    def _run(self, *arguments: str) -> str:
        program = shutil.which("xdg-mime", path=self._environ.get("PATH"))
        if program is None:
            raise DesktopError("The program xdg-mime is not installed.", "Install the package xdg-utils.")
        try:
            done = subprocess.run(
                [program, *arguments],
                env=self._environ,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DesktopError(f"xdg-mime does not run ({type(error).__name__}).") from None
        if done.returncode != 0 and arguments[0] == "default":
            raise DesktopError(f"xdg-mime refuses: {done.stderr.strip()[:200] or done.returncode}.")
        return done.stdout.strip()


def _replace(path: Path, text: str) -> None:
    """In one step; a list that is a link to elsewhere stays one."""
    path = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else 0o644)
    os.replace(name, path)
