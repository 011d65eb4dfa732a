"""The Sessions page: the list, and the replay of one of them."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout

from halodesk.runtime.ports import ReviewPort
from halodesk.runtime.review import Review, ReviewProblem
from halodesk.ui.pages import PageEntry, RailPage
from halodesk.ui.parts.banner import Banner
from halodesk.ui.sessions.list_page import ListPage
from halodesk.ui.sessions.replay_view import ReplayView
from halodesk.ui.theme.tokens import Space


def sessions_entry(review: ReviewPort) -> PageEntry:
    """The entry of the rail that leads to the recorded sessions."""
    return PageEntry(
        "sessions", QCoreApplication.translate("SessionsPage", "Sessions"), lambda: SessionsPage(review)
    )


class SessionsPage(RailPage):
    """Looks at recorded sessions; changes none."""

    def __init__(self, review: ReviewPort) -> None:
        super().__init__()
        self.setObjectName("sessions_page")
        self._review = review
        self._wanted = ""
        self._problem = Banner("open_problem", dismissible=True)
        self._problem.dismissed.connect(lambda: self._problem.render_as("info", ""))
        self.list = ListPage(review)
        self.replay = ReplayView(review)
        self._stack = QStackedWidget()
        for part in (self.list, self.replay):
            self._stack.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.M)
        layout.addWidget(self._problem)
        layout.addWidget(self._stack, 1)
        self.list.opened.connect(self._open)
        self.replay.left.connect(self.back)
        find = QShortcut(QKeySequence("Ctrl+F"), self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self._find)

    def enter(self) -> None:
        """The page comes in sight: the list is read anew, a replay stays where it was."""
        if self._stack.currentWidget() is self.list:
            self.list.search()
            self.list.focus_search()
        else:
            self.replay.setFocus(Qt.FocusReason.OtherFocusReason)

    def leave(self) -> None:
        """Out of sight: nothing plays, nothing is asked for."""
        self.replay.stop()
        self.list.stop()

    def back(self) -> None:
        """From the replay to the list, where it was."""
        if self._stack.currentWidget() is self.list:
            return
        self.replay.close_review()
        self._stack.setCurrentWidget(self.list)
        self.list.search()
        self.list.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def restyle(self) -> None:
        """The theme changed."""
        self.replay.restyle()

    def _find(self) -> None:
        self.back()
        self.list.focus_search()

    def open_session(self, session: str) -> None:
        """Shows the record of a session, as soon as it has been read."""
        self.back()
        self._open(session)

    def _open(self, session: str) -> None:
        self._wanted = session
        self._review.open(session, partial(self._opened, session))

    def _opened(self, session: str, answer: Review | ReviewProblem) -> None:
        if session != self._wanted:
            return
        self._wanted = ""
        if isinstance(answer, ReviewProblem):
            self._problem.render_as("error", answer.message, answer.todo)
            return
        self._problem.render_as("info", "")
        self._stack.setCurrentWidget(self.replay)
        self.replay.show_review(answer)
        if self.isVisible():
            self.replay.setFocus(Qt.FocusReason.OtherFocusReason)
