"""email: one line."""

from __future__ import annotations

from PySide6.QtCore import Qt

from halodesk.ui.fields.text import TextField

KIND = "email"


class EmailField(TextField):
    """A mail address."""

    placeholder = "name@example.com"
    hints = Qt.InputMethodHint.ImhEmailCharactersOnly


WIDGET = EmailField
