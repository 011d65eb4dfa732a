"""One table for people, calls and callbacks: lines of words with a sign before them, worked by keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from halodesk.ui.parts.row_table import as_rows
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Space, Type

LINE_ROLE = int(Qt.ItemDataRole.UserRole)
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_ROW = 46
_SIGN = 18


class Column(NamedTuple):
    """`width` 0: takes what is left."""

    head: str
    width: int = 0
    muted: bool = False


class Line(NamedTuple):
    """One line. `icon` in the colour token `tint` stands before the first cell and means `meaning`."""

    key: str
    cells: tuple[str, ...]
    icon: str = ""
    tint: str = "muted"
    meaning: str = ""
    alarm: bool = False
    """Its words are drawn as something to attend to."""


class LineModel(QAbstractTableModel):
    """Lines to show."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.lines: tuple[Line, ...] = ()

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Exactly these; where only words of the same lines change, the place in the list stays."""
        new = tuple(lines)
        if new == self.lines:
            return
        if [line.key for line in new] == [line.key for line in self.lines]:
            self.lines = new
            self.dataChanged.emit(self.index(0, 0), self.index(len(new) - 1, len(self.columns) - 1))
            return
        self.beginResetModel()
        self.lines = new
        self.endResetModel()

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """Lines."""
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: _Index = _ROOT) -> int:
        """Facts of a line."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Words for people and screen readers, the line itself for the delegate."""
        line = self.lines[index.row()]
        if role == LINE_ROLE:
            return line
        if role == Qt.ItemDataRole.DisplayRole:
            return line.cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == 0:
            return line.meaning or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            words = f"{self.columns[index.column()].head}: {line.cells[index.column()]}"
            return f"{line.meaning}, {words}" if index.column() == 0 and line.meaning else words
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Names of the columns."""
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].head
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None


class LineTable(QTableView):
    """Enter or a double click emits `opened` with the line's key; Up on the first line emits `above`."""

    opened = Signal(str)
    above = Signal()
    moved = Signal()

    def __init__(self, name: str, words: str, columns: Sequence[Column]) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(words)
        self.lines = LineModel(columns, self)
        self.setModel(self.lines)
        self.setItemDelegate(_Delegate(self))
        head = as_rows(self, _ROW)
        for at, column in enumerate(columns):
            if column.width:
                head.setSectionResizeMode(at, QHeaderView.ResizeMode.Fixed)
                self.setColumnWidth(at, column.width)
            else:
                head.setSectionResizeMode(at, QHeaderView.ResizeMode.Stretch)
        self.doubleClicked.connect(lambda index: self._open(index.row()))
        self.selectionModel().currentRowChanged.connect(lambda *_: self.moved.emit())

    @property
    def chosen(self) -> str:
        """Key of the chosen line; empty without one."""
        row = self.currentIndex().row()
        return self.lines.lines[row].key if 0 <= row < len(self.lines.lines) else ""

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Exactly these; the chosen one stays chosen, else the first is."""
        chosen = self.chosen
        self.lines.show_lines(lines)
        row = next((at for at, line in enumerate(self.lines.lines) if line.key == chosen), 0)
        if self.lines.lines and (self.chosen != chosen or not chosen):
            self.setCurrentIndex(self.lines.index(row, 0))
        self.moved.emit()

    def in_sight(self) -> Sequence[Line]:
        """Lines that can be seen."""
        first, last = max(self.rowAt(0), 0), self.rowAt(self.viewport().height() - 1)
        return self.lines.lines[first : last + 1 if last >= 0 else None]

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
        if 0 <= row < len(self.lines.lines):
            self.opened.emit(self.lines.lines[row].key)


class _Delegate(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        area: QRect = option.rect
        line, table = index.data(LINE_ROLE), self.parent()
        if not isinstance(line, Line) or not isinstance(table, LineTable):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, colour("accent_soft"))
            if index.column() == 0 and table.hasFocus():
                painter.fillRect(QRect(area.left(), area.top(), 4, area.height()), colour("accent"))
        painter.fillRect(QRect(area.left(), area.bottom(), area.width(), 1), colour("border"))
        inner = area.adjusted(Space.M, 0, -Space.S, 0)
        first = index.column() == 0
        if first:
            self._sign(painter, inner, line)
            inner = inner.adjusted(_SIGN + Space.M, 0, 0, 0)
        column = table.lines.columns[index.column()]
        painter.setFont(
            font(Type.BODY, QFont.Weight.DemiBold if first else QFont.Weight.Normal, digits=not first)
        )
        painter.setPen(colour("danger_ink" if line.alarm and first else "muted" if column.muted else "text"))
        shown = painter.fontMetrics().elidedText(
            str(index.data() or ""), Qt.TextElideMode.ElideRight, inner.width()
        )
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)
        painter.restore()

    def _sign(self, painter: QPainter, area: QRect, line: Line) -> None:
        middle = area.center().y()
        if line.icon.startswith("lamp"):
            painter.setPen(colour(line.tint))
            hollow = line.icon == "lamp_off"
            painter.setBrush(Qt.BrushStyle.NoBrush if hollow else colour(line.tint))
            painter.drawEllipse(area.left() + 3, middle - 6, 12, 12)
        elif line.icon:
            painter.drawPixmap(area.left(), middle - _SIGN // 2, pixmap(line.icon, line.tint, _SIGN))

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        return QSize(80, _ROW)
