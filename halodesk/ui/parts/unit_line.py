"""One line of input with a fixed word before or behind what is typed, and steps by the arrow keys."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit

from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Space

_STEPS = {
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_PageUp: 10,
    Qt.Key.Key_PageDown: -10,
}


class UnitLine(QLineEdit):
    """Emits `stepped` with how far; what that means is the field's business."""

    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._before = ""
        self._behind = ""

    def set_units(self, before: str = "", behind: str = "") -> None:
        """Words that belong to the value and are not typed ("$", "kg")."""
        self._before, self._behind = before, behind
        left, right = (self._room(words) for words in (before, behind))
        self.setTextMargins(left, 0, right, 0)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow up and down, page up and down."""
        steps = _STEPS.get(Qt.Key(event.key()))
        if steps is not None and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            if not self.isReadOnly():
                self.stepped.emit(steps)
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line, and its words."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setFont(font(15))
        painter.setPen(colour("muted"))
        inner = QRect(Space.M + 1, 0, self.width() - 2 * Space.M - 2, self.height())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignLeft), self._before)
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignRight), self._behind)

    def _room(self, words: str) -> int:
        return QFontMetrics(font(15)).horizontalAdvance(words) + Space.S if words else 0
