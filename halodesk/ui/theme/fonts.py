"""Inter, bundled: the same text metrics on every seat."""

from __future__ import annotations

from pathlib import Path

import structlog
from PySide6.QtGui import QFont, QFontDatabase

from halodesk.ui.theme.tokens import Type

FAMILY = "Inter"
_FOLDER = Path(__file__).resolve().parents[3] / "resources" / "fonts"
_loaded: list[int] = []


def load_fonts() -> bool:
    """Registers the bundled fonts once a process; False where they are missing."""
    if not _loaded:
        _loaded.extend(QFontDatabase.addApplicationFont(str(path)) for path in sorted(_FOLDER.glob("*.ttf")))
    complete = bool(_loaded) and min(_loaded) >= 0
    if not complete:
        structlog.get_logger("ui").warning("fonts_missing")
    return complete


def font(size: int = Type.BODY, weight: QFont.Weight = QFont.Weight.Normal, *, digits: bool = False) -> QFont:
    """A font of the type scale. `digits`: all digits equally wide, for timers and amounts."""
    made = QFont(FAMILY)
    made.setPixelSize(size)
    made.setWeight(weight)
    if digits:
        made.setFeature(QFont.Tag("tnum"), 1)
    return made
