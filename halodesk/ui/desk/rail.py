"""The rail on the left: the pages there are."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Size, Space


class Rail(QFrame):
    """One entry now; there is nothing to switch to yet."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "rail")
        self.setFixedWidth(Size.RAIL)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.S, Space.M, Space.S, Space.M)
        layout.setSpacing(Space.L)
        layout.addWidget(_Entry("brand", "", chosen=False))
        layout.addWidget(_Entry("desk", self.tr("Desk"), chosen=True))
        layout.addStretch(1)


class _Entry(QWidget):
    def __init__(self, icon: str, words: str, *, chosen: bool) -> None:
        super().__init__()
        self.setFixedHeight(60 if words else 40)
        self.setAccessibleName(words or "HaloDesk")
        self._icon, self._words, self._chosen = icon, words, chosen

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("rail_chosen"))
            painter.drawRoundedRect(QRectF(self.rect()), Radius.M, Radius.M)
        size = 24
        ink = "on_rail_chosen" if self._chosen or not self._words else "rail_text"
        top = 10 if self._words else (self.height() - size) // 2
        painter.drawPixmap((self.width() - size) // 2, top, pixmap(self._icon, ink, size))
        painter.setFont(font(11, QFont.Weight.DemiBold))
        painter.setPen(colour(ink))
        area = self.rect().adjusted(0, 36, 0, 0)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), self._words)
