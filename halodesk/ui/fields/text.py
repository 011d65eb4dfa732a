"""text: one line. Phone and email start from it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost, FieldWidget, restyle
from halodesk.ui.theme.tokens import Size

KIND = "text"


class TextField(FieldWidget):
    """One line of text."""

    placeholder = ""
    hints = Qt.InputMethodHint.ImhNone

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.line = self.make_line()
        self.line.setFixedHeight(Size.INPUT)
        self.line.setInputMethodHints(self.hints)
        self.line.textEdited.connect(self.edited)
        self.caption.setBuddy(self.line)
        self.watch(self.line)
        self.body.addWidget(self.line)

    def make_line(self) -> QLineEdit:
        """The input itself."""
        return QLineEdit()

    def inputs(self) -> list[QWidget]:
        """The line."""
        return [self.line]

    def raw(self) -> Any:
        """The text as typed."""
        return self.line.text()

    def put(self, value: Any) -> None:
        """The value in words."""
        text = "" if value is None else self.words(value)
        if text != self.line.text():
            self.line.setText(text)

    def put_draft(self, raw: Any) -> None:
        """Exactly what was typed."""
        self.line.setText(str(raw))

    def words(self, value: Any) -> str:
        """How an accepted value is shown for editing."""
        return str(value)

    def name_inputs(self, view: FieldView) -> None:
        """Object name, accessible name, example."""
        self.line.setObjectName(f"field:{view.name}")
        self.line.setAccessibleName(view.label)
        self.line.setPlaceholderText(str(view.config.get("placeholder", self.placeholder)))

    def mark(self, wrong: bool) -> None:
        """Red frame."""
        restyle(self.line, wrong)


WIDGET = TextField
