"""A list of options with a tick each: arrow keys move, Space ticks, letters find."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from halodesk.ui.parts.tiles import draw_tick
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Radius, Space

ROW = 36
MOST_ROWS = 5
_VALUE = Qt.ItemDataRole.UserRole


class TickList(QListWidget):
    """Emits `ticked` when the person ticks an option or takes the tick away."""

    ticked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "ticks")
        self.setItemDelegate(_Row(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setUniformItemSizes(True)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Value and words of each option, none of them ticked."""
        self.clear()
        for value, words in options:
            item = QListWidgetItem(words)
            item.setData(_VALUE, value)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setCheckState(Qt.CheckState.Unchecked)
            self.addItem(item)
        if options:
            self.setCurrentRow(0)
        self.setFixedHeight(ROW * max(1, min(len(options), MOST_ROWS)) + 2 * Space.XS + 2)

    def chosen(self) -> list[str]:
        """Values of the ticked options, in their order."""
        return [str(item.data(_VALUE)) for item in self._items() if _is_ticked(item)]

    def choose(self, values: Sequence[str]) -> None:
        """Ticks exactly these."""
        for item in self._items():
            wanted = str(item.data(_VALUE)) in values
            item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space ticks; digits are keys of the page's choices; Enter is the page's main button."""
        if event.key() == Qt.Key.Key_Space and not event.modifiers():
            self._toggle(self.currentItem())
            return
        if event.text().isdigit() or event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
            return
        super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click anywhere in the row."""
        super().mouseReleaseEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._toggle(self.itemAt(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        """No row is under the pointer any more."""
        super().leaveEvent(event)
        self.viewport().update()

    def _toggle(self, item: QListWidgetItem | None) -> None:
        if item is None or not self.isEnabled():
            return
        item.setCheckState(Qt.CheckState.Unchecked if _is_ticked(item) else Qt.CheckState.Checked)
        self.ticked.emit()

    def _items(self) -> list[QListWidgetItem]:
        return [self.item(row) for row in range(self.count())]


def _is_ticked(item: QListWidgetItem) -> bool:
    return item.checkState() is Qt.CheckState.Checked


Index = QModelIndex | QPersistentModelIndex


class _Row(QStyledItemDelegate):
    """Box, words, and where the keys are."""

    def __init__(self, owner: TickList) -> None:
        super().__init__(owner)
        self._owner = owner

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """One height for all."""
        return QSize(80, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """One option."""
        owner = self._owner
        item = owner.item(index.row())
        area: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        here = owner.hasFocus() and owner.currentRow() == index.row()
        if here:
            painter.setPen(colour("accent"))
            painter.setBrush(colour("accent_soft"))
            painter.drawRoundedRect(area.adjusted(2, 1, -3, -2), Radius.S, Radius.S)
        enabled = owner.isEnabled()
        centre = QPointF(area.left() + Space.M + 9, area.center().y() + 0.5)
        draw_tick(painter, centre, ticked=_is_ticked(item), enabled=enabled)
        painter.setFont(font(15))
        painter.setPen(colour("text" if enabled else "muted"))
        room = area.adjusted(Space.M + 18 + Space.M, 0, -Space.S, 0)
        words = painter.fontMetrics().elidedText(item.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), words)
        painter.restore()
