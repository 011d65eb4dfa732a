"""Flow documents on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from halodesk.engine import flow
from halodesk.engine.errors import DocumentError, SettingsError
from halodesk.engine.flow import Flow


def load_file(path: Path) -> Flow:
    """Raises `DocumentError` naming the place in it, `SettingsError` when it cannot be read."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= flow.MAX_BYTES else b""
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}.", "Name an existing flow file."
        ) from None
    if size > flow.MAX_BYTES:
        flow.refuse_size(size)
    return flow.load(data)


def load_all(places: Sequence[str]) -> list[Flow]:
    """Flows of files and of folders of `*.flow.json`. Raises `SettingsError` that names the file."""
    files: list[Path] = []
    for place in places:
        path = Path(place)
        files += sorted(path.glob("*.flow.json")) if path.is_dir() else [path]
    return [_load_named(path) for path in files]


def _load_named(path: Path) -> Flow:
    try:
        return load_file(path)
    except DocumentError as error:
        raise SettingsError(
            f"The flow file {path.name} cannot be used: {error.message}", error.todo
        ) from None
