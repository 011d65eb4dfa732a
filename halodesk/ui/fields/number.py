"""number: one line with its unit; the arrow keys go in the field's steps."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt

from halodesk.engine.fields.number import TYPE
from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost
from halodesk.ui.fields.text import TextField
from halodesk.ui.parts.unit_line import UnitLine

KIND = "number"


class NumberField(TextField):
    """A decimal."""

    hints = Qt.InputMethodHint.ImhFormattedNumbersOnly

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self._unit_line().stepped.connect(self._step)

    def make_line(self) -> UnitLine:
        """A line with a place for the unit."""
        return UnitLine()

    def words(self, value: Any) -> str:
        """With groups, in the field's own language."""
        return TYPE.input_words(self.declared(), value)

    def name_inputs(self, view: FieldView) -> None:
        """And the unit, which a screen reader hears with the name."""
        super().name_inputs(view)
        unit = str(view.config.get("unit") or "")
        self._unit_line().set_units(behind=unit)
        self.line.setAccessibleName(f"{view.label}, {unit}" if unit else view.label)

    def stepped(self, raw: str, steps: int) -> str:
        """The text after so many steps."""
        return TYPE.stepped(self.declared(), raw, steps)

    def _unit_line(self) -> UnitLine:
        line = self.line
        assert isinstance(line, UnitLine)  # noqa: S101  # `make_line` made it
        return line

    def _step(self, steps: int) -> None:
        self.line.setText(self.stepped(self.line.text(), steps))
        self.line.selectAll()
        self.edited()


WIDGET = NumberField
