"""Beside the page of a replay: the steps with their times, and what happened in them."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QStyledItemDelegate, QStyleOptionViewItem

from halodesk.runtime.review import MomentKind, ReplayMoment, ReplayStep
from halodesk.ui.parts.words import clock
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Space, Type

Entry = ReplayStep | ReplayMoment
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_TIME = 46
_STEP_HEIGHT = 56
_BAR = 16
_SIGNS: dict[MomentKind, tuple[str, str]] = {
    "incident": ("flag", "warning_ink"),
    "erased": ("erase", "muted"),
    "mask": ("lock", "mask_ink"),
    "flow_agent": ("flow_agents", "text"),
    "proposal": ("listen", "text"),
}


class EntryModel(QAbstractListModel):
    """Steps or moments, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: tuple[Entry, ...] = ()

    def show_entries(self, entries: tuple[Entry, ...]) -> None:
        """Exactly these."""
        if entries != self.entries:
            self.beginResetModel()
            self.entries = entries
            self.endResetModel()

    def rowCount(self, parent: _Index = _ROOT) -> int:
        """Entries."""
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | None:
        """Words, for screen readers too."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        entry = self.entries[index.row()]
        if isinstance(entry, ReplayMoment):
            return entry.words
        return f"{entry.title}, {step_words(entry)}"


class EntryList(QListView):
    """Follows the replay; a click moves it. It never takes the keys: those belong to the replay."""

    chosen = Signal(int)

    def __init__(self, name: str, words: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(words)
        self.setProperty("role", "list")
        self.entries = EntryModel()
        self.entries.setParent(self)
        self.setModel(self.entries)
        self.setItemDelegate(_EntryDelegate(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.clicked.connect(lambda index: self.chosen.emit(index.row()))

    def show_entries(self, entries: tuple[Entry, ...], current: int) -> None:
        """These, with one of them marked and in sight."""
        self.entries.show_entries(entries)
        self.setCurrentIndex(self.entries.index(current, 0))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is marked stays in sight."""
        super().resizeEvent(event)
        self.scrollTo(self.currentIndex())


class _EntryDelegate(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        view = self.parent()
        if not isinstance(view, EntryList):
            return
        entry = view.entries.entries[index.row()]
        area: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        current = view.currentIndex().row() == index.row()
        if current:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("accent_soft"))
            painter.drawRoundedRect(QRectF(area).adjusted(4, 1, -4, -1), Radius.S, Radius.S)
        if isinstance(entry, ReplayStep):
            _paint_step(painter, area, entry, current)
        else:
            _paint_moment(painter, area, entry, current)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        view = self.parent()
        if not isinstance(view, EntryList):
            return QSize()
        entry = view.entries.entries[index.row()]
        # As if the scroll bar were there: whether it is hangs on the heights given here.
        width = view.width() - _BAR
        if isinstance(entry, ReplayStep):
            return QSize(width, _STEP_HEIGHT)
        metrics = QFontMetrics(font(Type.LABEL, QFont.Weight.DemiBold))
        room = width - 2 * Space.M - _TIME - (22 if entry.kind in _SIGNS else 0)
        text = metrics.boundingRect(0, 0, room, 1000, int(Qt.TextFlag.TextWordWrap), entry.words)
        return QSize(width, max(text.height() + 2 * Space.S, 34))


def step_words(step: ReplayStep) -> str:
    """How long it took, against its target where it has one."""
    took = f"{step.seconds:.1f} s" if step.seconds < 10 else f"{step.seconds:.0f} s"
    return f"{took} / {step.target_s} s" if step.target_s else took


def _paint_step(painter: QPainter, area: QRect, step: ReplayStep, current: bool) -> None:
    inner = area.adjusted(Space.M, Space.S, -Space.M, -Space.S)
    late = 0 < step.target_s < step.seconds
    painter.setFont(font(Type.CAPTION, QFont.Weight.DemiBold, digits=True))
    words = step_words(step)
    width = painter.fontMetrics().horizontalAdvance(words)
    painter.setPen(colour("warning_ink" if late and not current else "text" if late else "muted"))
    line = inner.adjusted(0, 0, 0, -inner.height() // 2 + 2)
    middle = int(Qt.AlignmentFlag.AlignVCenter)
    painter.drawText(line, middle | int(Qt.AlignmentFlag.AlignRight), words)
    painter.setFont(font(Type.BODY, QFont.Weight.DemiBold if current else QFont.Weight.Medium))
    painter.setPen(colour("accent_ink" if current else "text"))
    room = line.adjusted(0, 0, -width - Space.S, 0)
    title = painter.fontMetrics().elidedText(step.title, Qt.TextElideMode.ElideRight, room.width())
    painter.drawText(room, middle, title)
    painter.setFont(font(Type.CAPTION, digits=True))
    painter.setPen(colour("muted"))
    below = inner.adjusted(0, inner.height() // 2 + 2, 0, 0)
    painter.drawText(below, middle, clock(step.at_s))
    if step.target_s:
        bar = QRectF(below.left() + _TIME, below.center().y() - 1, below.width() - _TIME, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("border"))
        painter.drawRoundedRect(bar, 2, 2)
        bar.setWidth(max(bar.width() * min(step.seconds / step.target_s, 1.0), 4))
        painter.setBrush(colour("warning" if late else "accent"))
        painter.drawRoundedRect(bar, 2, 2)


def _paint_moment(painter: QPainter, area: QRect, moment: ReplayMoment, current: bool) -> None:
    inner = area.adjusted(Space.M, Space.S, -Space.M, -Space.S)
    top = int(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    painter.setFont(font(Type.LABEL, digits=True))
    painter.setPen(colour("muted"))
    painter.drawText(inner, top, clock(moment.at_s))
    left = inner.left() + _TIME
    ink = "text"
    if moment.kind in _SIGNS:
        sign, ink = _SIGNS[moment.kind]
        painter.drawPixmap(left, inner.top(), pixmap(sign, ink, 16))
        left += 22
    strong = current or moment.kind == "step"
    painter.setFont(font(Type.LABEL, QFont.Weight.DemiBold if strong else QFont.Weight.Normal))
    painter.setPen(colour("accent_ink" if current else ink))
    text = QRect(left, inner.top(), inner.right() - left + 1, inner.height() + Space.S)
    painter.drawText(text, top | int(Qt.TextFlag.TextWordWrap), moment.words)
