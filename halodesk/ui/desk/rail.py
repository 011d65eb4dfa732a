"""The rail on the left: the pages there are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QFrame, QVBoxLayout, QWidget

from halodesk.ui.pages import PageEntry
from halodesk.ui.parts.labels import set_tip
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Size, Space

DESK = 0
"""The number of the Desk; the pages beside it follow from 1."""


class Rail(QFrame):
    """Emits the number of the page that was chosen."""

    chosen = Signal(int)

    def __init__(self, pages: Sequence[PageEntry] = ()) -> None:
        """`pages`: those beside the Desk."""
        super().__init__()
        self.setProperty("pane", "rail")
        self.setFixedWidth(Size.RAIL)
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.S, Space.M, Space.S, Space.M)
        layout.setSpacing(Space.L)
        layout.addWidget(_Brand())
        entries = [("desk", self.tr("Desk")), *((page.icon, page.words) for page in pages)]
        for number, (icon, words) in enumerate(entries):
            entry = _Entry(icon, words)
            entry.setObjectName(f"rail:{icon}")
            set_tip(entry, f"Ctrl+{number + 1}")
            self._group.addButton(entry, number)
            layout.addWidget(entry)
        layout.addStretch(1)
        self._group.button(DESK).setChecked(True)
        self._group.idClicked.connect(self.chosen)

    def show_news(self, number: int, news: int) -> None:
        """How much there is on a page that nobody has looked at."""
        entry = self._group.button(number)
        if isinstance(entry, _Entry):
            entry.show_news(news)

    def choose(self, number: int) -> None:
        """Marks the page that is shown; emits nothing."""
        self._group.button(number).setChecked(True)


class _Brand(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(40)
        self.setAccessibleName("HaloDesk")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawPixmap((self.width() - 24) // 2, 8, pixmap("brand", "on_rail_chosen", 24))


class _Entry(QAbstractButton):
    def __init__(self, icon: str, words: str) -> None:
        super().__init__()
        self.setText(words)
        self.setAccessibleName(words)
        self.setCheckable(True)
        self.setFixedHeight(60)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        # A click must not take the keys from the page; by keyboard it is Ctrl and the number.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._icon = icon
        self._news = 0

    def show_news(self, news: int) -> None:
        if news != self._news:
            self._news = news
            self.setAccessibleDescription(self.tr("%n new", "", news) if news else "")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(Size.RAIL - 2 * Space.S, 60)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        bright = self.isChecked() or self.underMouse()
        if self.isChecked():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("rail_chosen"))
            painter.drawRoundedRect(area, Radius.M, Radius.M)
        if self.hasFocus():
            painter.setPen(QPen(colour("on_rail_chosen"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area.adjusted(2, 2, -2, -2), Radius.M - 2, Radius.M - 2)
        ink = "on_rail_chosen" if bright else "rail_text"
        painter.drawPixmap((self.width() - 24) // 2, 10, pixmap(self._icon, ink, 24))
        painter.setFont(font(11, QFont.Weight.DemiBold))
        if self._news:
            badge = QRectF(self.width() / 2 + 6, 4, 20, 16)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("danger"))
            painter.drawRoundedRect(badge, 8, 8)
            painter.setPen(colour("on_danger"))
            painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), str(min(self._news, 99)))
        painter.setPen(colour(ink))
        words = self.rect().adjusted(0, 36, 0, 0)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop), self.text())
