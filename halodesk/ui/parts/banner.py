"""A sentence across the page that something needs attention."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Size, Space, Type

Level = Literal["info", "warning", "error"]
_TONES: dict[str, tuple[str, str, str]] = {
    "info": ("accent_soft", "accent_ink", "info"),
    "warning": ("warning_soft", "warning_ink", "warning"),
    "error": ("danger_soft", "danger_ink", "alert"),
}


class Banner(QWidget):
    """Message and what to do about it; where it may be dismissed it says so by `dismissed`."""

    dismissed = Signal()

    def __init__(self, name: str, *, dismissible: bool = False) -> None:
        super().__init__()
        self.setObjectName(name)
        self.level: Level = "info"
        self._message = _line()
        self._todo = _line()
        self._message.setObjectName(f"{name}:message")
        self._close = Button(kind="ghost", icon="close", height=Size.BUTTON_SMALL, name=f"{name}:dismiss")
        self._close.setAccessibleName(self.tr("Dismiss this message"))
        if not dismissible:  # shown here, without a parent, it would be a window for a moment
            self._close.hide()
        self._close.clicked.connect(self.dismissed)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._message)
        words.addWidget(self._todo)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.L + 18 + Space.M, Space.M, Space.M, Space.M)
        layout.addLayout(words, 1)
        layout.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def message(self) -> str:
        """What it says now; empty while it is hidden."""
        return self._message.text()

    def render_as(self, level: Level, message: str, todo: str = "") -> None:
        """Shows the words, or hides without any."""
        self.level = level
        ink = colour(_TONES[level][1]).name()
        for line, text, weight in ((self._message, message, 600), (self._todo, todo, 400)):
            if line.text() != text:
                line.setText(text)
            line.setVisible(bool(text))
            style = f"color: {ink}; font-size: {Type.BODY}px; font-weight: {weight};"
            if line.styleSheet() != style:
                line.setStyleSheet(style)
        self.setAccessibleName(message)
        self.setVisible(bool(message))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tinted body and sign."""
        body, ink, sign = _TONES[self.level]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(body))
        painter.drawRoundedRect(QRectF(self.rect()), Radius.M, Radius.M)
        painter.drawPixmap(Space.L, Space.M + 1, pixmap(sign, ink))


def _line() -> QLabel:
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setFont(font())
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    return made
