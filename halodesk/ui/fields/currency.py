"""currency: an amount behind its sign; a list of currencies beside it where there is a choice."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from halodesk.engine.fields.currency import TYPE, codes_of, currency_name, symbol
from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost, FieldWidget, restyle
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.unit_line import UnitLine
from halodesk.ui.theme.tokens import Size, Space

KIND = "currency"


class CurrencyField(FieldWidget):
    """An amount of money."""

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.line = UnitLine()
        self.line.setFixedHeight(Size.INPUT)
        self.line.setInputMethodHints(Qt.InputMethodHint.ImhFormattedNumbersOnly)
        self.line.textEdited.connect(self.edited)
        self.line.stepped.connect(self._step)
        self.codes = Combo()
        self.codes.setMinimumWidth(104)
        self.codes.activated.connect(self._chosen)
        self.caption.setBuddy(self.line)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.line, 1)
        row.addWidget(self.codes)
        self.body.addLayout(row)
        self.watch(self.line)
        self.watch(self.codes)

    def inputs(self) -> list[QWidget]:
        """The amount, then the currency where it can be chosen."""
        return [self.line, self.codes] if self.codes.count() > 1 else [self.line]

    def raw(self) -> Any:
        """Both as they stand."""
        return {"amount": self.line.text(), "currency": self.codes.currentData()}

    def put(self, value: Any) -> None:
        """The amount in its own line, the sign before it."""
        text = "" if value is None else TYPE.input_words(self.declared(), value)
        if text != self.line.text():
            self.line.setText(text)
        if isinstance(value, dict):
            self._choose(value.get("currency"))

    def put_draft(self, raw: Any) -> None:
        """Exactly what was typed."""
        self.line.setText(str(raw.get("amount") or "") if isinstance(raw, dict) else str(raw))
        if isinstance(raw, dict):
            self._choose(raw.get("currency"))

    def name_inputs(self, view: FieldView) -> None:
        """Object names, accessible names, the currencies."""
        field = self.declared()
        self.codes.clear()
        for code in codes_of(field):
            self.codes.addItem(code, code)
        self.codes.setVisible(self.codes.count() > 1)
        self.line.setObjectName(f"field:{view.name}")
        self.line.setPlaceholderText(str(view.config.get("placeholder", "")))
        self.codes.setObjectName(f"field:{view.name}.currency" if self.codes.count() > 1 else "")
        self.codes.setAccessibleName(self.tr("{label}: currency").format(label=view.label))
        self._choose(codes_of(field)[0])

    def mark(self, wrong: bool) -> None:
        """Red frame."""
        restyle(self.line, wrong)

    def is_empty(self) -> bool:
        """No amount."""
        return not self.line.text()

    def left(self) -> None:
        """Commits once the focus is outside of both."""
        self.flush_draft()
        if QApplication.focusWidget() not in self.inputs():
            self.commit()

    def _choose(self, code: Any) -> None:
        index = self.codes.findData(code)
        if index < 0 or self.view is None:
            return
        self.codes.setCurrentIndex(index)
        field = self.declared()
        self.line.set_units(before=symbol(field, str(code)))
        self.line.setAccessibleName(f"{self.view.label}, {currency_name(field, str(code))}")

    def _chosen(self) -> None:
        self._choose(self.codes.currentData())
        self.edited()
        if not self.is_empty():
            self.commit()

    def _step(self, steps: int) -> None:
        self.line.setText(TYPE.stepped(self.declared(), self.line.text(), steps))
        self.line.selectAll()
        self.edited()


WIDGET = CurrencyField
