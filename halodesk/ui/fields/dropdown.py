"""dropdown: one of several options in a list."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost, FieldWidget, restyle
from halodesk.ui.parts.combo import Combo

KIND = "dropdown"


class DropdownField(FieldWidget):
    """A list of options; the value goes to the engine as soon as one is chosen."""

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.combo = Combo()
        self.combo.setPlaceholderText(self.tr("Choose …"))
        self.combo.activated.connect(self._chosen)
        self.caption.setBuddy(self.combo)
        self.watch(self.combo)
        self.body.addWidget(self.combo)

    def inputs(self) -> list[QWidget]:
        """The list."""
        return [self.combo]

    def raw(self) -> Any:
        """The value of the chosen option."""
        return self.combo.currentData()

    def put(self, value: Any) -> None:
        """Chooses the option of the value."""
        index = -1 if value is None else self.combo.findData(value)
        if index != self.combo.currentIndex():
            self.combo.setCurrentIndex(index)

    def name_inputs(self, view: FieldView) -> None:
        """Object name, accessible name and the options."""
        self.combo.setObjectName(f"field:{view.name}")
        self.combo.setAccessibleName(view.label)
        self.combo.clear()
        for option in view.options:
            self.combo.addItem(option.label or option.value, option.value)
        if not view.required:
            self.combo.addItem(self.tr("No answer"), None)
        self.combo.setCurrentIndex(-1)

    def mark(self, wrong: bool) -> None:
        """Red frame."""
        restyle(self.combo, wrong)

    def is_text_input(self) -> bool:
        """Digits are free for the choices."""
        return False

    def _chosen(self) -> None:
        self.dirty = True
        if self.problem:
            self.refuse("")
        self.commit()


WIDGET = DropdownField
