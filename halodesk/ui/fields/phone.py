"""phone: typed in any form, shown as people write it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt

from halodesk.engine.registry import field_types
from halodesk.ui.fields.text import TextField

KIND = "phone"


class PhoneField(TextField):
    """A telephone number."""

    placeholder = "(202) 555-0143"
    hints = Qt.InputMethodHint.ImhDialableCharactersOnly

    def words(self, value: Any) -> str:
        """National form at home, international abroad."""
        return field_types()[KIND].show(self.declared(), value)


WIDGET = PhoneField
