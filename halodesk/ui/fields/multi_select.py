"""multi_select: a list with a tick for each option; Space ticks."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QWidget

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FieldHost, FieldWidget, restyle
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.parts.tick_list import TickList

KIND = "multi_select"


class MultiSelectField(FieldWidget):
    """Any number of options; each tick goes to the engine at once."""

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.list = TickList()
        self.list.ticked.connect(self._ticked)
        self._count = label(role="caption")
        self._count.hide()
        self.caption.setBuddy(self.list)
        self.watch(self.list)
        self.body.addWidget(self.list)
        self.body.addWidget(self._count)

    def inputs(self) -> list[QWidget]:
        """The list."""
        return [self.list]

    def raw(self) -> Any:
        """The ticked values."""
        return self.list.chosen()

    def put(self, value: Any) -> None:
        """Ticks the options of the value."""
        self.list.choose([str(each) for each in value] if isinstance(value, list | tuple) else [])
        self._say()

    def name_inputs(self, view: FieldView) -> None:
        """Object name, accessible name, the options."""
        self.list.setObjectName(f"field:{view.name}")
        self.list.setAccessibleName(view.label)
        self.list.set_options([(option.value, option.label or option.value) for option in view.options])

    def mark(self, wrong: bool) -> None:
        """Red frame."""
        restyle(self.list, wrong)

    def is_empty(self) -> bool:
        """Nothing is ticked."""
        return not self.list.chosen()

    def is_text_input(self) -> bool:
        """Digits are free for the choices."""
        return False

    def _ticked(self) -> None:
        self._say()
        self.dirty = True
        if self.problem:
            self.refuse("")
        self.commit()

    def _say(self) -> None:
        count = len(self.list.chosen())
        set_text(self._count, self.tr("%n chosen", "", count) if count else "")


WIDGET = MultiSelectField
