"""The list of recorded sessions with its search."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout

from halodesk.runtime.ports import ReviewPort
from halodesk.runtime.review import ChainBadge, ReviewProblem, SessionList, SessionQuery
from halodesk.ui.fields.base import restyle
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.labels import label, set_tip
from halodesk.ui.parts.tabs import Tabs
from halodesk.ui.sessions.list_model import SessionModel
from halodesk.ui.sessions.list_table import SessionTable
from halodesk.ui.theme.tokens import Size, Space

_TYPING_MS = 150
_SIGHT_MS = 60
_INDEX_MS = 700
"""While answers of older sessions are being indexed, the search is done again this often."""


class ListPage(QFrame):
    """Emits the id of the session to open."""

    opened = Signal(str)

    def __init__(self, review: ReviewPort) -> None:
        super().__init__()
        self.setProperty("pane", "page")
        self._review = review
        self._asked = 0
        self.model = SessionModel(self)
        self.table = SessionTable(self.model)
        self.table.opened.connect(self.opened)
        self.table.above.connect(self.focus_search)
        self.search_line = SearchLine()
        self.search_line.setObjectName("session_search")
        self.search_line.setAccessibleName(self.tr("Search sessions"))
        self.search_line.setPlaceholderText(self.tr("Caller, agent, outcome, or what was answered"))
        self.search_line.setFixedHeight(Size.INPUT)
        self.search_line.setClearButtonEnabled(False)
        self._since = _date_line(self.tr("From date"), "session_from")
        self._until = _date_line(self.tr("To date"), "session_until")
        self._tabs = Tabs((self.tr("All"), self.tr("With incidents")), "incident_tab")
        self._tabs.chosen.connect(self._choose)
        self._incidents_only = False
        self._problem = Banner("sessions_problem")
        self._count = label(role="caption", name="session_count")
        self._nothing = label(role="lead", name="sessions_none", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        for part in (self.table, self._nothing):
            self._stack.addWidget(part)
        self._typing = self._timer(_TYPING_MS, self.search)
        self._sight = self._timer(_SIGHT_MS, self._check_in_sight)
        self._again = self._timer(_INDEX_MS, self.search)
        for line in (self.search_line, self._since, self._until):
            line.textChanged.connect(lambda _: self._typing.start())
            line.down.connect(self._into_table)
        self.table.verticalScrollBar().valueChanged.connect(lambda _: self._sight.start())
        self._build()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(Space.L)
        head.addWidget(label(self.tr("Sessions"), "title", name="sessions_title"))
        head.addStretch(1)
        head.addWidget(self._tabs)
        row = QHBoxLayout()
        row.setSpacing(Space.M)
        row.addWidget(self.search_line, 1)
        for words, line in ((self.tr("From"), self._since), (self.tr("to"), self._until)):
            caption = label(words, "muted")
            caption.setBuddy(line)
            row.addWidget(caption)
            row.addWidget(line)
        top = QVBoxLayout()
        top.setContentsMargins(Space.XL, Space.L, Space.XL, Space.M)
        top.setSpacing(Space.M)
        top.addLayout(head)
        top.addLayout(row)
        top.addWidget(self._problem)
        foot = QFrame()
        foot.setProperty("pane", "footer")
        bottom = QHBoxLayout(foot)
        bottom.setContentsMargins(Space.XL, Space.S + 2, Space.XL, Space.S + 2)
        bottom.addWidget(self._count)
        bottom.addStretch(1)
        bottom.addWidget(label(self.tr("Enter opens  ·  Ctrl+F searches"), "caption"))
        table = QHBoxLayout()
        table.setContentsMargins(Space.M, 0, Space.M, 0)
        table.addWidget(self._stack)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addLayout(table, 1)
        layout.addWidget(foot)

    def _timer(self, interval: int, done: object) -> QTimer:
        made = QTimer(self)
        made.setSingleShot(True)
        made.setInterval(interval)
        made.timeout.connect(done)
        return made

    # searching

    def search(self) -> None:
        """Looks again for what the boxes say."""
        self._typing.stop()
        query = self._query()
        if query is None:
            return
        self._asked += 1
        self._review.search(query, partial(self._found, self._asked))

    def stop(self) -> None:
        """Out of sight: nothing more is asked for."""
        for timer in (self._typing, self._sight, self._again):
            timer.stop()

    def _query(self) -> SessionQuery | None:
        """None while a date is not one."""
        days: list[date | None] = []
        for line in (self._since, self._until):
            day = _day(line.text())
            wrong = day is None and bool(line.text().strip())
            restyle(line, wrong and len(line.text().strip()) >= 10)
            if wrong:
                return None
            days.append(day)
        since, until = days
        return SessionQuery(
            text=self.search_line.text(),
            since=_midnight(since) if since is not None else None,
            until=_midnight(until + timedelta(days=1)) if until is not None else None,
            incidents_only=self._incidents_only,
        )

    def _found(self, asked: int, answer: SessionList | ReviewProblem) -> None:
        if asked != self._asked:
            return
        if isinstance(answer, ReviewProblem):
            self._problem.render_as("error", answer.message, answer.todo)
            return
        self._problem.render_as("info", "")
        chosen = self._current()
        self.model.show_lines(answer.lines)
        self._select(chosen)
        self._stack.setCurrentWidget(self.table if answer.lines else self._nothing)
        self._nothing.setText(
            self.tr("Nothing fits. Try fewer words, or another date.")
            if answer.total
            else self.tr("No session has been recorded on this seat yet.")
        )
        count = self.tr("{shown} of {total} sessions").format(
            shown=f"{len(answer.lines):,}", total=f"{answer.total:,}"
        )
        if answer.unindexed:
            waiting = self.tr("answers of {number} sessions are being prepared for searching …")
            count += "  ·  " + waiting.format(number=f"{answer.unindexed:,}")
            if self.isVisible():
                self._again.start()
        self._count.setText(count)
        self._sight.start()

    def _current(self) -> str:
        row = self.table.currentIndex().row()
        return self.model.lines[row].id if 0 <= row < len(self.model.lines) else ""

    def _select(self, session: str) -> None:
        if self._current() == session and session:
            return
        row = next((at for at, line in enumerate(self.model.lines) if line.id == session), 0)
        self.table.setCurrentIndex(self.model.index(row, 0))

    def _choose(self, tab: int) -> None:
        self._incidents_only = tab == 1
        self.search()

    # chains of what is in sight

    def _check_in_sight(self) -> None:
        if not self.isVisible() or not self.model.lines:
            return
        for session in self.model.unchecked(*self.table.rows_in_sight()):
            self._review.verify(session, partial(self._checked, session))

    def _checked(self, session: str, answer: ChainBadge | ReviewProblem) -> None:
        if isinstance(answer, ReviewProblem):
            self.model.forget(session)
        else:
            self.model.checked(session, answer)

    # focus

    def focus_search(self) -> None:
        """To the search, ready to be typed over."""
        self.search_line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search_line.selectAll()

    def _into_table(self) -> None:
        if self._typing.isActive():
            self.search()
        if self.model.lines:
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More rows may be in sight."""
        super().resizeEvent(event)
        self._sight.start()


class SearchLine(QLineEdit):
    """Down and Enter go into the list, Escape empties the line."""

    down = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """As said."""
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.down.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.clear()
        else:
            super().keyPressEvent(event)


def _date_line(name: str, object_name: str) -> SearchLine:
    made = SearchLine()
    made.setObjectName(object_name)
    made.setAccessibleName(name)
    made.setPlaceholderText("YYYY-MM-DD")
    set_tip(made, name)
    made.setFixedSize(136, Size.INPUT)
    return made


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _midnight(day: date) -> float:
    """Unix seconds of the day's beginning on this seat's clock."""
    return datetime(day.year, day.month, day.day).timestamp()
