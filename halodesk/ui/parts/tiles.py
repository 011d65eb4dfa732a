"""Options side by side: one of them chosen (radio groups, yes or no), or any number ticked."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Radius, Size, Space


class Tile(QAbstractButton):
    """One option; Space or an arrow key chooses it."""

    def __init__(self) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setFixedHeight(Size.INPUT)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.value: object = None
        self.hint = ""
        self._words = ""

    def show_option(self, value: object, words: str, name: str) -> None:
        """Becomes one option of a field."""
        self.value, self._words = value, words
        self.setText(words.replace("&", "&&"))
        self.setAccessibleName(words)
        self.setObjectName(name)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Ring and text."""
        text = QFontMetrics(font(15, QFont.Weight.Medium)).horizontalAdvance(self._words)
        hint = 22 if self.hint else 0
        return QSize(2 * Space.L + 18 + Space.S + text + hint + 4, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Body, ring, text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen, enabled = self.isChecked(), self.isEnabled()
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        strong = self.hasFocus() or chosen
        painter.setPen(QPen(colour("accent" if strong and enabled else "edge"), 2 if strong else 1))
        body = "accent_soft" if chosen else "raised" if self.underMouse() or not enabled else "surface"
        painter.setBrush(colour(body))
        painter.drawRoundedRect(area, Radius.M, Radius.M)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("accent"), 1))
            painter.drawRoundedRect(area.adjusted(3, 3, -3, -3), Radius.M - 3, Radius.M - 3)
        self.draw_mark(painter, QPointF(Space.L + 9, self.height() / 2))
        painter.setFont(font(15, QFont.Weight.Medium))
        painter.setPen(colour("text" if enabled else "muted"))
        left = Space.L + 18 + Space.S
        painter.drawText(
            QRect(left, 0, self.width() - left - Space.S, self.height()),
            int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextWordWrap),
            self._words,
        )
        if self.hint and self.hasFocus():
            painter.setPen(colour("muted"))
            painter.drawText(
                self.rect().adjusted(0, 0, -Space.M, 0),
                int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight),
                self.hint,
            )

    def draw_mark(self, painter: QPainter, centre: QPointF) -> None:
        """A ring: one of several."""
        painter.setPen(QPen(colour("accent" if self.isChecked() else "edge"), 2))
        painter.setBrush(colour("surface"))
        painter.drawEllipse(centre, 8, 8)
        if self.isChecked():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("accent"))
            painter.drawEllipse(centre, 4.5, 4.5)


class TickTile(Tile):
    """One option of several that may be ticked together; Space ticks it."""

    def draw_mark(self, painter: QPainter, centre: QPointF) -> None:
        """A box."""
        draw_tick(painter, centre, ticked=self.isChecked(), enabled=self.isEnabled())


def draw_tick(painter: QPainter, centre: QPointF, *, ticked: bool, enabled: bool = True) -> None:
    """A box of 18 pixels, with a tick in it or not."""
    box = QRectF(centre.x() - 9, centre.y() - 9, 18, 18)
    ink = "accent" if ticked and enabled else "edge"
    painter.setPen(QPen(colour(ink), 2))
    painter.setBrush(colour(ink if ticked else "surface"))
    painter.drawRoundedRect(box, 5, 5)
    if ticked:
        pen = QPen(colour("on_accent" if enabled else "surface"), 2.2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        x, y = centre.x(), centre.y()
        painter.drawPolyline([QPointF(x - 4, y), QPointF(x - 1, y + 3.5), QPointF(x + 4.5, y - 3.5)])
