"""The seat's files belong to one person: looked at on each start, mended or refused in words.

Rules:
- The data folder is 0700, files in it that hold secrets or records are 0600. What lies open and is
  ours is closed, and told. What is somebody else's cannot be closed by us: the seat does not start.
- No symbolic link is followed: it could lead anywhere. The database and the keys may not be one.
- Where the system has no such modes (Windows), the profile's own rights count; nothing is looked at.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from halodesk.engine.errors import SettingsError

_OTHERS = 0o077
_FOLDERS = ("logs", "crashes", "recordings")
_FILES = (
    "seat.db",
    "seat.db-wal",
    "seat.db-shm",
    "seat.key",
    "seat.secret",
    "phone.key",
    "phone.json",
    "settings.json",
)
_NO_LINKS = ("seat.db", "seat.key", "seat.secret", "phone.key")


def close_to_others(folder: Path) -> list[str]:
    """Names of what lay open and is closed now. Raises `SettingsError` for what cannot be closed."""
    if os.name != "posix" or not folder.exists():
        return []
    linked = next((name for name in _NO_LINKS if (folder / name).is_symlink()), "")
    if linked:
        raise SettingsError(
            f"{folder / linked} is a link to somewhere else.", "Put the file itself there, or tell IT."
        )
    return [name for name, path in _all(folder) if _close(name, path)]


def _all(folder: Path) -> Iterator[tuple[str, Path]]:
    yield str(folder), folder
    for name in _FILES:
        yield name, folder / name
    for name in _FOLDERS:
        inside = folder / name
        if not inside.is_symlink() and inside.is_dir():
            yield name, inside
            yield from ((f"{name}/{file.name}", file) for file in sorted(inside.iterdir()))


def _close(name: str, path: Path) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(found.st_mode) or not stat.S_IMODE(found.st_mode) & _OTHERS:
        return False
    if name == "settings.json":  # IT may have put it there on purpose: refused, if it holds passwords
        return False
    try:
        os.chmod(path, stat.S_IMODE(found.st_mode) & ~_OTHERS)
    except OSError:
        raise SettingsError(
            f"Others can read {path}, and it belongs to somebody else.",
            "Give it to the person who works here, and let nobody else read it.",
        ) from None
    return True
