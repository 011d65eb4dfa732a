"""A turning arc: outside work is under way."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QWidget

from halodesk.ui.theme.active import colour


class Spinner(QWidget):
    """Turns while it is shown, and costs nothing while it is not."""

    def __init__(self, size: int = 40) -> None:
        super().__init__()
        self.setFixedSize(QSize(size, size))
        self.setAccessibleName(self.tr("Working"))
        self._turn = QVariantAnimation(self)
        self._turn.setStartValue(0)
        self._turn.setEndValue(360)
        self._turn.setDuration(1100)
        self._turn.setLoopCount(-1)
        self._turn.valueChanged.connect(self.update)

    def showEvent(self, event: QShowEvent) -> None:
        """Starts."""
        self._turn.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stops."""
        self._turn.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A ring and the part of it that turns."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(3, 3, -3, -3)
        painter.setPen(QPen(colour("border"), 4))
        painter.drawEllipse(area)
        pen = QPen(colour("accent"), 4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawArc(area, -int(self._turn.currentValue() or 0) * 16, 100 * 16)
