"""text_area: several lines. Enter is a line break, Tab goes on."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FULL, FieldHost, FieldWidget, restyle

KIND = "text_area"


class TextAreaField(FieldWidget):
    """Several lines of text."""

    span = FULL

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.box = QPlainTextEdit()
        self.box.setTabChangesFocus(True)
        self.box.setFixedHeight(68)
        self._putting = False
        self.box.textChanged.connect(self._changed)
        self.caption.setBuddy(self.box)
        self.watch(self.box)
        self.body.addWidget(self.box)

    def inputs(self) -> list[QWidget]:
        """The box."""
        return [self.box]

    def raw(self) -> Any:
        """The text as typed."""
        return self.box.toPlainText()

    def put(self, value: Any) -> None:
        """The text."""
        text = "" if value is None else str(value)
        if text != self.box.toPlainText():
            self._putting = True
            self.box.setPlainText(text)
            self._putting = False

    def name_inputs(self, view: FieldView) -> None:
        """Object name and accessible name."""
        self.box.setObjectName(f"field:{view.name}")
        self.box.setAccessibleName(view.label)

    def mark(self, wrong: bool) -> None:
        """Red frame."""
        restyle(self.box, wrong)

    def _changed(self) -> None:
        if not self._putting:
            self.edited()


WIDGET = TextAreaField
