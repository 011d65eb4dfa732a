"""The telephone's keypad: pressed with the mouse or typed. Nothing that is pressed is shown or kept."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.tokens import Space

_KEYS = "123456789*0#"
_NAMES = {"*": "star", "#": "hash"}


class Keypad(QFrame):
    """A popup; Escape or a click beside it closes it. Emits each key at once."""

    pressed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("keypad")
        self.setProperty("pane", "card")
        self.setAccessibleName(self.tr("Keypad"))
        grid = QGridLayout(self)
        grid.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        grid.setSpacing(Space.S)
        self._buttons = [Button(key, name=f"keypad_{_NAMES.get(key, key)}") for key in _KEYS]
        for place, (key, button) in enumerate(zip(_KEYS, self._buttons, strict=True)):
            button.setMinimumWidth(56)
            button.clicked.connect(partial(self.pressed.emit, key))
            grid.addWidget(button, place // 3, place % 3)

    def open_below(self, anchor: QWidget) -> None:
        """Shows it, right edge under the right edge of `anchor`; the keyboard goes to it."""
        self.adjustSize()
        corner = anchor.mapToGlobal(QPoint(anchor.width() - self.width(), anchor.height() + Space.XS))
        self.move(corner)
        self.show()
        self._buttons[0].setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Digits, star and hash, once for each press."""
        if event.text() and event.text() in _KEYS:
            if not event.isAutoRepeat():
                self.pressed.emit(event.text())
            return
        super().keyPressEvent(event)
