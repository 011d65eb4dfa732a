"""A short state in words, with a colour and a sign of its own."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from halodesk.ui.parts.labels import set_tip
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Space, Type


@dataclass(frozen=True)
class Tone:
    """Colour tokens of a pill; `sign` is the colour of its dot or icon."""

    body: str
    ink: str
    sign: str


PLAIN = Tone("raised", "text", "edge")
GOOD = Tone("success_soft", "success_ink", "success")
WARN = Tone("warning_soft", "warning_ink", "warning_ink")
BAD = Tone("danger_soft", "danger_ink", "danger")
LIVE = Tone("surface", "danger_ink", "danger")
MASKED = Tone("mask", "on_mask", "on_mask")
WANTED = Tone("warning", "on_warning", "on_warning")
LOST = Tone("danger", "on_danger", "on_danger")
ACCENT = Tone("accent_soft", "accent_ink", "accent")


class Pill(QLabel):
    """A rounded state. Its text is the QLabel's text; `tip` explains it."""

    def __init__(self, name: str, *, height: int = 30, strong: bool = False) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._tone = PLAIN
        self._icon = ""
        self._strong = strong
        self._font = font(
            Type.BODY if strong else Type.LABEL, QFont.Weight.Bold if strong else QFont.Weight.DemiBold
        )

    def render_as(self, text: str, tone: Tone, *, icon: str = "", tip: str = "") -> None:
        """All that shows, at once; without text the pill is hidden."""
        if (text, bool(icon)) != (self.text(), bool(self._icon)):
            self.setText(text)
            self.updateGeometry()  # an icon is wider than a dot
        self._tone, self._icon = tone, icon
        self.setAccessibleName(text)
        self.setAccessibleDescription(tip)
        set_tip(self, tip)
        self.setVisible(bool(text))
        self.update()

    def sizeHint(self) -> QSize:
        """Sign, text and room around them."""
        side = Space.L if self._strong else Space.M
        sign = 18 if self._icon else 8
        text = QFontMetrics(self._font).horizontalAdvance(self.text())
        return QSize(2 * side + sign + Space.S + text + 2, self.height())

    def minimumSizeHint(self) -> QSize:
        """A state in half its words is no state."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Body, sign, text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(colour("border") if self._tone.body in ("surface", "raised") else Qt.PenStyle.NoPen)
        painter.setBrush(colour(self._tone.body))
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        left = Space.L if self._strong else Space.M
        if self._icon:
            painter.drawPixmap(left, (self.height() - 18) // 2, pixmap(self._icon, self._tone.sign))
            left += 18 + Space.S
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(self._tone.sign))
            painter.drawEllipse(QPointF(left + 4, self.height() / 2), 4, 4)
            left += 8 + Space.S
        painter.setFont(self._font)
        painter.setPen(colour(self._tone.ink))
        painter.drawText(
            self.rect().adjusted(left, 0, 0, 0),
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
            self.text(),
        )
