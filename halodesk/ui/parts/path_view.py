"""The way the session took, as a line of stops."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from halodesk.engine.page import PathView as Stop
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Space, Type

_HEIGHT = 26
_LEFT = 8


class PathView(QWidget):
    """Stops from the first page to the current one; how each was reached stands beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("path")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._stops: tuple[Stop, ...] = ()

    def render_path(self, stops: tuple[Stop, ...]) -> None:
        """Shows these stops."""
        if stops == self._stops:
            return
        self._stops = stops
        self.setFixedHeight(_HEIGHT * len(stops))
        self.setAccessibleName(", ".join(stop.title for stop in stops))
        self.update()

    def sizeHint(self) -> QSize:
        """One line a stop."""
        return QSize(200, _HEIGHT * len(self._stops))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Line, stops, words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(self._stops) > 1:
            painter.setPen(QPen(colour("border"), 2))
            bottom = _HEIGHT * len(self._stops) - _HEIGHT / 2
            painter.drawLine(QPointF(_LEFT, _HEIGHT / 2), QPointF(_LEFT, bottom))
        for index, stop in enumerate(self._stops):
            self._stop(painter, stop, index * _HEIGHT)

    def _stop(self, painter: QPainter, stop: Stop, top: int) -> None:
        painter.setPen(QPen(colour("surface"), 2))
        painter.setBrush(colour("accent" if stop.current else "edge"))
        size = 6 if stop.current else 4.5
        painter.drawEllipse(QPointF(_LEFT, top + _HEIGHT / 2), size, size)
        made = font(Type.LABEL, QFont.Weight.DemiBold if stop.current else QFont.Weight.Normal)
        metrics = QFontMetrics(made)
        left = _LEFT + Space.L
        text = metrics.elidedText(stop.title, Qt.TextElideMode.ElideRight, self.width() - left)
        painter.setFont(made)
        painter.setPen(colour("text" if stop.current else "muted"))
        area = self.rect().adjusted(left, top, 0, 0)
        area.setHeight(_HEIGHT)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
