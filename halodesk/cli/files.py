"""Small files that a command is given."""

from __future__ import annotations

from pathlib import Path

from halodesk.engine.errors import SettingsError


def read_bytes(path: Path) -> bytes:
    """Its bytes. Raises `SettingsError` in words."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "Name an existing file.") from None
