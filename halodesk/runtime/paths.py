"""Where the seat keeps its things."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_dir(given: Path | None = None, *, make: bool = True) -> Path:
    """The data folder: the one given, else HALODESK_DATA, else the platform's; made private.

    A command that only looks passes `make=False` and leaves nothing behind.
    """
    folder = given or Path(os.environ.get("HALODESK_DATA") or platformdirs.user_data_path("halodesk", False))
    if make:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def resources_dir() -> Path:
    """Fonts, icons and sample flows that ship."""
    return Path(__file__).resolve().parent.parent.parent / "resources"
