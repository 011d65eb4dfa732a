"""The window of `tests/ui`, for what is attacked through it."""

from __future__ import annotations

from tests.ui.conftest import desk, live, open_window, pictures, review, sound

__all__ = ["desk", "live", "open_window", "pictures", "review", "sound"]
