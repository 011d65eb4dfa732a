"""date: one line in the field's own order; the arrow keys go by days, Alt+Down opens the calendar."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QDate
from PySide6.QtWidgets import QHBoxLayout, QWidget

from halodesk.engine.fields.date import TYPE, iso
from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost, FieldWidget, restyle
from halodesk.ui.parts.date_line import DateLine

KIND = "date"


class DateField(FieldWidget):
    """A day."""

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.line = DateLine()
        self.line.textEdited.connect(self.edited)
        self.line.stepped.connect(self._step)
        self.line.picked.connect(self._picked)
        self.line.asked.connect(self._open)
        self.caption.setBuddy(self.line)
        self.watch(self.line)
        row = QHBoxLayout()
        row.addWidget(self.line)
        self.body.addLayout(row)

    def inputs(self) -> list[QWidget]:
        """The line."""
        return [self.line]

    def raw(self) -> Any:
        """The text as typed."""
        return self.line.text()

    def put(self, value: Any) -> None:
        """In the order in which it is typed."""
        text = "" if value is None else TYPE.input_words(self.declared(), value)
        if text != self.line.text():
            self.line.setText(text)

    def put_draft(self, raw: Any) -> None:
        """Exactly what was typed."""
        self.line.setText(str(raw))

    def name_inputs(self, view: FieldView) -> None:
        """Object name, accessible name, example."""
        self.line.setObjectName(f"field:{view.name}")
        self.line.setAccessibleName(view.label)
        self.line.setPlaceholderText(TYPE.example(self.declared()))

    def mark(self, wrong: bool) -> None:
        """Red frame."""
        restyle(self.line, wrong)

    def _open(self) -> None:
        config = self.view.config if self.view is not None else {}
        value = TYPE.normalise(self.declared(), self.line.text())
        self.line.open_calendar(
            *(to_qt(day) for day in (value, config.get("min"), config.get("max"))),
        )

    def _picked(self, day: QDate) -> None:
        self.line.setText(TYPE.input_words(self.declared(), day.toString("yyyy-MM-dd")))
        self.edited()
        self.commit()

    def _step(self, days: int) -> None:
        self.line.setText(TYPE.stepped(self.declared(), self.line.text(), days))
        self.line.selectAll()
        self.edited()


def to_qt(value: Any) -> QDate | None:
    """An ISO date as Qt has it, or None."""
    day = iso(value)
    return None if day is None else QDate(day.year, day.month, day.day)


WIDGET = DateField
