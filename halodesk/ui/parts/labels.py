"""Labels. Their text is always plain: a caller's name or a flow may hold markup."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QWidget

_TABULAR = {"number", "amount", "amount-big"}


def label(text: str = "", role: str = "body", *, name: str = "", wrap: bool = False) -> QLabel:
    """A label in a role of the style sheet."""
    made = QLabel()
    _prepare(made, text, role, name)
    made.setWordWrap(wrap)
    return made


def elided(text: str = "", role: str = "body", *, name: str = "") -> ElidedLabel:
    """A label that ends in … where there is no room; its tool tip has all of it."""
    made = ElidedLabel()
    _prepare(made, text, role, name)
    return made


def _prepare(made: QLabel, text: str, role: str, name: str) -> None:
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    if name:
        made.setObjectName(name)
    if role in _TABULAR:
        tabular(made)
    made.setText(text)


def tabular(widget: QWidget) -> None:
    """Equally wide digits, so that a running timer or a total does not wobble."""
    font = widget.font()
    font.setFeature(QFont.Tag("tnum"), 1)
    widget.setFont(font)


def set_text(target: QLabel, text: str) -> None:
    """Sets the text and hides the label while there is none."""
    if target.text() != text:
        target.setText(text)
    target.setVisible(bool(text))


def set_tip(widget: QWidget, text: str) -> None:
    """A tool tip with exactly these characters."""
    widget.setToolTip(f"<span>{escape(text).replace(chr(10), '<br>')}</span>" if text else "")


def pane(kind: str, *, name: str = "") -> QFrame:
    """A frame with a background of the style sheet."""
    made = QFrame()
    made.setProperty("pane", kind)
    if name:
        made.setObjectName(name)
    return made


def rule() -> QFrame:
    """A thin horizontal line."""
    made = pane("line")
    made.setFixedHeight(1)
    return made


class ElidedLabel(QLabel):
    """One line that never asks for more room than there is."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """Room for a few letters."""
        return QSize(40, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws what fits."""
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        set_tip(self, self.text() if shown != self.text() else "")
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.contentsRect(), int(self.alignment()), shown)
