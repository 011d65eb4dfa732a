"""The window of `tests/ui`, for what is attacked through it."""

from __future__ import annotations

from tests.ui.conftest import desk, open_window, pictures, review, sound

__all__ = ["desk", "open_window", "pictures", "review", "sound"]
