"""phone: typed in any form, shown as people write it; a button beside it dials it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout

from halodesk.engine.page import FieldView
from halodesk.engine.registry import field_types
from halodesk.ui.fields.base import FieldHost
from halodesk.ui.fields.text import TextField
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import set_tip
from halodesk.ui.theme.tokens import Size, Space

KIND = "phone"


class PhoneField(TextField):
    """A telephone number."""

    placeholder = "(202) 555-0143"
    hints = Qt.InputMethodHint.ImhDialableCharactersOnly

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.button = Button(icon="dial", height=Size.INPUT)
        self.button.clicked.connect(self._dial)
        # The keys stay in the line, where Ctrl+D does the same.
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.setVisible(host.live)
        keys = QShortcut(QKeySequence("Ctrl+D"), self.line)
        keys.setContext(Qt.ShortcutContext.WidgetShortcut)
        keys.activated.connect(self._dial)
        self.line.textChanged.connect(self._offer)
        self.body.removeWidget(self.line)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)
        self.body.addLayout(row)

    def words(self, value: Any) -> str:
        """National form at home, international abroad."""
        return field_types()[KIND].show(self.declared(), value)

    def name_inputs(self, view: FieldView) -> None:
        """And those of the button."""
        super().name_inputs(view)
        self.button.setObjectName(f"dial:{view.name}")
        self.button.setAccessibleName(self.tr("{label}: dial").format(label=view.label))
        set_tip(self.button, self.tr("Dial this number (Ctrl+D)"))

    def lock(self, locked: bool) -> None:
        """A number that is only shown can be dialled all the same."""
        super().lock(locked)
        self._offer()

    def sync(self, view: FieldView) -> None:
        """What was accepted can be dialled."""
        super().sync(view)
        self._offer()

    def release(self) -> None:
        """The button loses its name too."""
        super().release()
        self.button.setObjectName("")

    def _number(self) -> str:
        """The accepted number, without its extension: that is keyed in once the call is up."""
        view = self.view
        if view is None or view.locked or self.dirty or not isinstance(view.value, str):
            return ""
        return view.value.partition(";")[0]

    def _offer(self) -> None:
        self.button.setEnabled(bool(self._number()))

    def _dial(self) -> None:
        number = self._number()
        if number:
            self.host.dial_number(number)


WIDGET = PhoneField
