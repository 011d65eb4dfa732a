"""One line for a date, with a calendar that opens below it by Alt+Down or a click on its sign."""

from __future__ import annotations

from PySide6.QtCore import QDate, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QTextCharFormat
from PySide6.QtWidgets import QCalendarWidget, QFrame, QToolButton, QVBoxLayout

from halodesk.ui.parts.unit_line import UnitLine
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Size, Space

_SIGN = 20


class DateLine(UnitLine):
    """Emits `asked` when the calendar is wanted and `picked` when a day is chosen in it."""

    asked = Signal()
    picked = Signal(QDate)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(Size.INPUT)
        self.setTextMargins(0, 0, _SIGN + Space.S, 0)
        self.setMouseTracking(True)
        self._popup: CalendarPopup | None = None

    def open_calendar(self, day: QDate | None, least: QDate | None, most: QDate | None) -> None:
        """Shows the month of the day, and nothing that may not be chosen."""
        popup = self._popup
        if popup is None:
            popup = self._popup = CalendarPopup(self)
            popup.calendar.activated.connect(self._pick)
            popup.calendar.clicked.connect(self._pick)
        popup.show_month(day, least, most)
        popup.adjustSize()
        popup.move(self.mapToGlobal(QPoint(0, self.height() + Space.XS)))
        popup.show()
        popup.calendar.setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Alt+Down opens the calendar."""
        if event.key() == Qt.Key.Key_Down and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            if not self.isReadOnly():
                self.asked.emit()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on the sign opens the calendar."""
        if self._sign().contains(event.position().toPoint()) and self.isEnabled() and not self.isReadOnly():
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self.asked.emit()
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The pointer says where a click opens the calendar."""
        over = self._sign().contains(event.position().toPoint())
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.IBeamCursor)
        super().mouseMoveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line, and the sign of the calendar."""
        super().paintEvent(event)
        area = self._sign()
        QPainter(self).drawPixmap(area.x(), area.y() + (area.height() - 18) // 2, pixmap("calendar", "muted"))

    def _sign(self) -> QRect:
        return QRect(self.width() - Space.M - _SIGN, 0, _SIGN + Space.S, self.height())

    def _pick(self, day: QDate) -> None:
        if self._popup is not None:
            self._popup.hide()
        self.setFocus(Qt.FocusReason.PopupFocusReason)
        self.picked.emit(day)


class CalendarPopup(QFrame):
    """One month; arrow keys, Enter, and Escape to leave."""

    def __init__(self, line: DateLine) -> None:
        super().__init__(line, Qt.WindowType.Popup)
        self.setObjectName("calendar_popup")
        self.calendar = QCalendarWidget()
        self.calendar.setObjectName("calendar")
        self.calendar.setAccessibleName(self.tr("Calendar"))
        self.calendar.setMinimumSize(328, 268)
        self.calendar.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
        self.calendar.setHorizontalHeaderFormat(QCalendarWidget.HorizontalHeaderFormat.ShortDayNames)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        layout.addWidget(self.calendar)

    def show_month(self, day: QDate | None, least: QDate | None, most: QDate | None) -> None:
        """In the colours of the theme as it is now."""
        self.calendar.setMinimumDate(least or QDate(1900, 1, 1))
        self.calendar.setMaximumDate(most or QDate(2199, 12, 31))
        self.calendar.setSelectedDate(day or QDate.currentDate())
        for weekday in Qt.DayOfWeek:
            self.calendar.setWeekdayTextFormat(weekday, _ink("text"))
        self.calendar.setHeaderTextFormat(_ink("muted"))
        months = {"qt_calendar_prevmonth": "before", "qt_calendar_nextmonth": "behind"}
        for name, icon in months.items():
            button = self.calendar.findChild(QToolButton, name)
            if button is not None:
                button.setIcon(QIcon(pixmap(icon, "text")))


def _ink(name: str) -> QTextCharFormat:
    found = QTextCharFormat()
    found.setForeground(QColor(colour(name)))
    return found
