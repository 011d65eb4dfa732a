"""The theme in force: one per process, as Qt's palette is."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QApplication

from halodesk.ui.theme.fonts import font, load_fonts
from halodesk.ui.theme.palette import palette
from halodesk.ui.theme.stylesheet import stylesheet
from halodesk.ui.theme.tokens import THEMES, Colours, ThemeName

ThemeChoice = Literal["light", "dark", "system"]

_active: ThemeName = "light"
_cache: dict[str, QColor] = {}


def resolve(choice: ThemeChoice) -> ThemeName:
    """What the choice means now: the system's own scheme where it reports one, else light."""
    if choice != "system":
        return choice
    return "dark" if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"


def apply_theme(application: QApplication, name: ThemeName) -> None:
    """Fusion, our palette, our style sheet and Inter, for the whole process."""
    global _active
    load_fonts()
    _active = name
    colours = THEMES[name]
    application.setStyle("Fusion")
    application.setFont(font())
    application.setPalette(palette(colours))
    application.setStyleSheet(stylesheet(colours))


def theme_name() -> ThemeName:
    """Name of the theme in force."""
    return _active


def colours() -> Colours:
    """Tokens of the theme in force; asked at each paint, so that a change shows at once."""
    return THEMES[_active]


def colour(token: str) -> QColor:
    """One token of the theme in force, for a painter."""
    value: str = getattr(THEMES[_active], token)
    found = _cache.get(value)
    if found is None:
        found = _cache[value] = QColor(value)
    return found
