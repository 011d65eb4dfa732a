"""Flow documents on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from halodesk.engine import flow
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow import Flow


def load_file(path: Path) -> Flow:
    """Raises `DocumentError` naming the place in it, `SettingsError` when it cannot be read."""
    try:
        if path.stat().st_size > flow.MAX_BYTES:
            flow.refuse_size(path.stat().st_size)
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}.", "Name an existing flow file."
        ) from None
    return flow.load(data)


def load_all(places: Sequence[str]) -> list[Flow]:
    """Flows of files and of folders of `*.flow.json`. Raises as `load_file`."""
    files: list[Path] = []
    for place in places:
        path = Path(place)
        files += sorted(path.glob("*.flow.json")) if path.is_dir() else [path]
    return [load_file(path) for path in files]
