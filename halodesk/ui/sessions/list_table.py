"""The table of sessions: rows painted from tokens, worked by keyboard."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from halodesk.runtime.review import SessionLine
from halodesk.ui.parts import pill
from halodesk.ui.parts.pill import Tone
from halodesk.ui.parts.row_table import as_rows
from halodesk.ui.sessions.list_model import CHAIN_ROLE, COLUMNS, LINE_ROLE, Column, SessionModel
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Space, Type

_ROW = 46
_WIDTHS: dict[Column, int] = {
    "number": 72,
    "began": 170,
    "caller": 156,
    "agent": 100,
    "outcome": 132,
    "length": 80,
    "incidents": 92,
    "chain": 124,
}
_TABULAR = ("number", "began", "length")


class SessionTable(QTableView):
    """Enter or a double click opens a session; Up on the first line goes back to the search."""

    opened = Signal(str)
    above = Signal()

    def __init__(self, model: SessionModel) -> None:
        super().__init__()
        self.setObjectName("session_table")
        self.setAccessibleName(self.tr("Sessions"))
        self.setModel(model)
        self.setItemDelegate(_RowDelegate(self))
        head = as_rows(self, _ROW)
        for at, column in enumerate(COLUMNS):
            if column in _WIDTHS:
                head.setSectionResizeMode(at, QHeaderView.ResizeMode.Fixed)
                self.setColumnWidth(at, _WIDTHS[column])
            else:
                head.setSectionResizeMode(at, QHeaderView.ResizeMode.Stretch)
        self.doubleClicked.connect(lambda index: self._open(index.row()))

    def rows_in_sight(self) -> tuple[int, int]:
        """First and last row that can be seen."""
        first = self.rowAt(0)
        last = self.rowAt(self.viewport().height() - 1)
        return max(first, 0), last if last >= 0 else self.model().rowCount() - 1

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens."""
        row = self.currentIndex().row()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if row >= 0 and not event.isAutoRepeat():
                self._open(row)
        elif event.key() == Qt.Key.Key_Up and row <= 0:
            self.above.emit()
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Escape):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _open(self, row: int) -> None:
        model = self.model()
        if isinstance(model, SessionModel) and 0 <= row < len(model.lines):
            self.opened.emit(model.lines[row].id)


class _RowDelegate(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        column = COLUMNS[index.column()]
        area: QRect = option.rect
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.fillRect(area, colour("accent_soft"))
            table = self.parent()
            if index.column() == 0 and isinstance(table, QTableView) and table.hasFocus():
                painter.fillRect(QRect(area.left(), area.top(), 4, area.height()), colour("accent"))
        painter.fillRect(QRect(area.left(), area.bottom(), area.width(), 1), colour("border"))
        text = str(index.data() or "")
        inner = area.adjusted(Space.M, 0, -Space.S, 0)
        line = index.data(LINE_ROLE)
        tone = _tone(column, line, str(index.data(CHAIN_ROLE))) if isinstance(line, SessionLine) else None
        if tone is not None and text:
            _pill(painter, inner, text, tone, "flag" if column == "incidents" else "")
        else:
            strong = column == "caller"
            painter.setFont(
                font(
                    Type.BODY,
                    QFont.Weight.DemiBold if strong else QFont.Weight.Normal,
                    digits=column in _TABULAR,
                )
            )
            painter.setPen(colour("muted" if column in ("number", "agent", "length") else "text"))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, inner.width())
            painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(80, _ROW)


def _tone(column: Column, line: SessionLine, chain: str) -> Tone | None:
    """Colours of what is a state and not just a fact."""
    if column == "incidents":
        return pill.WARN
    if column == "outcome" and line.status != "ended":
        return pill.ACCENT
    if column == "chain":
        return {"holds": pill.GOOD, "broken": pill.BAD}.get(chain, pill.PLAIN)
    return None


def _pill(painter: QPainter, area: QRect, text: str, tone: Tone, icon: str) -> None:
    painter.setFont(font(Type.LABEL, QFont.Weight.DemiBold))
    sign = 14 if icon else 8
    width = min(painter.fontMetrics().horizontalAdvance(text) + sign + 30, area.width())
    body = QRectF(area.left(), area.center().y() - 13, width, 26)
    painter.setPen(colour("border") if tone.body == "raised" else Qt.PenStyle.NoPen)
    painter.setBrush(colour(tone.body))
    painter.drawRoundedRect(body, 13, 13)
    left = int(body.left()) + 11
    if icon:
        painter.drawPixmap(QPoint(left, int(body.center().y()) - 7), pixmap(icon, tone.sign, 14))
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(tone.sign))
        painter.drawEllipse(QRectF(left, body.center().y() - 4, 8, 8))
    painter.setPen(colour(tone.ink))
    painter.drawText(
        body.adjusted(11 + sign + 6, 0, -4, 0),
        int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft),
        text,
    )
