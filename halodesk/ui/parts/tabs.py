"""Two or three views of one card, one in sight."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Radius, Space, Type


class Tabs(QWidget):
    """Emits the index of the chosen view."""

    chosen = Signal(int)

    def __init__(self, words: tuple[str, ...], name: str) -> None:
        super().__init__()
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self.chosen)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.XS)
        for index, text in enumerate(words):
            tab = _Tab(text)
            tab.setObjectName(f"{name}:{index}")
            tab.setChecked(index == 0)
            self._group.addButton(tab, index)
            layout.addWidget(tab)
        layout.addStretch(1)

    def choose(self, index: int) -> None:
        """Marks the view that is shown; emits nothing."""
        self._group.button(index).setChecked(True)

    def count(self, index: int, number: int) -> None:
        """How many entries the view has."""
        tab = self._group.button(index)
        if isinstance(tab, _Tab):
            tab.show_number(number)


class _Tab(QAbstractButton):
    def __init__(self, words: str) -> None:
        super().__init__()
        self.setText(words)
        self.setAccessibleName(words)
        self.setCheckable(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedHeight(30)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._number = 0

    def show_number(self, number: int) -> None:
        if number != self._number:
            self._number = number
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        made = QFontMetrics(font(Type.LABEL, QFont.Weight.DemiBold))
        return QSize(made.horizontalAdvance(self._shown()) + 2 * Space.M, 30)

    def _shown(self) -> str:
        return f"{self.text()}  {self._number}" if self._number else self.text()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(colour("accent"), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
        chosen = self.isChecked()
        body = "accent_soft" if chosen else "raised" if self.underMouse() else "surface"
        painter.setBrush(colour(body))
        painter.drawRoundedRect(area, Radius.S, Radius.S)
        painter.setFont(font(Type.LABEL, QFont.Weight.DemiBold))
        painter.setPen(colour("accent_ink" if chosen else "muted"))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._shown())
