"""A drop-down list that leaves digits to the page and the wheel to scrolling."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QComboBox, QStyledItemDelegate

from halodesk.ui.theme.active import colour
from halodesk.ui.theme.tokens import Size


class Combo(QComboBox):
    """A list of options with a chevron of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(Size.INPUT)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        # Fusion's own delegate for lists ignores the style sheet's item rules.
        self.setItemDelegate(QStyledItemDelegate(self))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Digits are keys of the page's choices, not a search in the list."""
        if event.text().isdigit():
            event.ignore()
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolls the page: a value must not change under a passing wheel."""
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The list, and its chevron."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(colour("muted"), 2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        x, y = self.width() - 20, self.height() / 2
        painter.drawPolyline(
            QPolygonF([QPointF(x - 5, y - 2.5), QPointF(x, y + 2.5), QPointF(x + 5, y - 2.5)])
        )
