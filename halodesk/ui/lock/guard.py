"""Stands before the window: nobody sees the desk before signing in, nor after having left.

Rules:
- Main thread only. It takes the window's middle and puts the lock page beside it; while the lock page
  is in sight, no key of the window does anything, and no dialog stays open.
- Locking keeps everything: what is half-typed is handed over first, the call goes on. Digits of secure
  fields are wiped: they must be asked for again.
- Who signs in on a locked window works here from then on, whether it is the same person or not.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLayout, QStackedWidget, QWidget

from halodesk.engine import commands as c
from halodesk.engine.roles import words_of
from halodesk.runtime.people import Came, PeoplePort
from halodesk.runtime.ports import DeskPort, Topic, Unsubscribe
from halodesk.ui.lock.idle import IdleWatch
from halodesk.ui.lock.lock_page import LockPage
from halodesk.ui.lock.open_step_dialog import OpenStepDialog
from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.tokens import Size
from halodesk.ui.window import MainWindow


class Guard(QObject):
    """Make it right after the window, where people sign in; `close` it before the window."""

    def __init__(self, window: MainWindow, desk: DeskPort, people: PeoplePort, *, idle_s: float) -> None:
        """`idle_s`: seconds until a window nobody works in is locked; 0: never."""
        super().__init__(window)
        self._window, self._desk, self._people = window, desk, people
        self.page = LockPage(desk)
        self._stack = QStackedWidget()
        centre = window.takeCentralWidget()
        if centre is not None:
            self._stack.addWidget(centre)
        self._stack.addWidget(self.page)
        window.setCentralWidget(self._stack)
        self._silenced: list[QShortcut] = []
        self._dialog: OpenStepDialog | None = None
        self._wanted_step: tuple[str, int] = ("", 0)
        self.page.form.wanted.connect(
            lambda name, password: people.sign_in(name, password, self.page.form.answered())
        )
        self.page.form.came.connect(self._came)
        self._idle = IdleWatch(idle_s, self) if idle_s > 0 else None
        if self._idle is not None:
            self._idle.idle.connect(self.lock_idle)
        self._add_ways()
        window.theme_changed.connect(lambda _: self.page.restyle())
        self._leave: Unsubscribe | None = desk.subscribe(self._changed)
        self.lock()

    @property
    def locked(self) -> bool:
        """Whether the lock page is in sight."""
        return self._stack.currentWidget() is self.page

    def lock(self, why: str = "") -> None:
        """Nobody sees the desk until somebody signs in."""
        if self.locked:
            return
        self._hand_over()
        for dialog in self._window.findChildren(QDialog):
            dialog.reject()
        for popup in self._window.findChildren(QWidget):
            if popup.isVisible() and popup.windowFlags() & Qt.WindowType.Popup == Qt.WindowType.Popup:
                popup.close()
        self._silence()
        now = self._people.now
        title = self.tr("HaloDesk is locked") if now is not None else self.tr("Sign in")
        if now is not None and not why:
            why = self.tr("{name} works here. Sign in to go on, or as somebody else.").format(name=now.name)
        self.page.begin(title, why, now.name if now is not None else "", self._people.key_words)
        self._stack.setCurrentWidget(self.page)
        self.page.enable_keys(on=True)
        self.page.form.focus_first()
        if self._idle is not None:
            self._idle.stop()

    def lock_idle(self) -> None:
        """Nobody has worked here for a while."""
        self.lock(self.tr("Nobody worked here for a while. What was typed is kept, secure fields are wiped."))

    def close(self) -> None:
        """Stop listening."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._idle is not None:
            self._idle.stop()

    def _came(self, answer: Came) -> None:
        self.page.enable_keys(on=False)
        for shortcut in self._silenced:
            shortcut.setEnabled(True)
        self._silenced.clear()
        self._stack.setCurrentIndex(0)
        self._window.focus_page()
        if self._idle is not None:
            self._idle.start()

    def _hand_over(self) -> None:
        """What is half-typed is kept, what is secret is wiped."""
        self._window.step.flush_drafts()
        self._window.context.notes.keep()
        page = self._desk.page
        if page is None or page.ended:
            return
        for field in page.fields:
            if field.type == "encrypted" and self._desk.secret(field.name).length:
                self._desk.erase_secret(field.name, all_digits=True)

    def _silence(self) -> None:
        for shortcut in self._window.findChildren(QShortcut):
            if shortcut.isEnabled() and not self.page.isAncestorOf(_owner(shortcut)):
                shortcut.setEnabled(False)
                self._silenced.append(shortcut)

    def _changed(self, topic: Topic) -> None:
        if topic == "call" and self.locked:
            self.page.render_call()

    # ways in

    def _add_ways(self) -> None:
        key = QShortcut(QKeySequence("Ctrl+L"), self._window)
        key.setAutoRepeat(False)
        key.activated.connect(self.lock)
        button = Button(kind="ghost", icon="lock", name="lock_window", height=Size.BUTTON_SMALL)
        words = self.tr("Lock, or let somebody else sign in")
        button.setAccessibleName(words)
        button.setToolTip(f"{words} (Ctrl+L)")
        button.clicked.connect(lambda: self.lock())
        bar: QLayout | None = self._window.status.layout()
        if isinstance(bar, QHBoxLayout):
            bar.addWidget(button)
        gate = self._window.step.gate
        gate.can_open = True
        gate.wanted.connect(self._ask)

    def _ask(self) -> None:
        page = self._desk.page
        if page is None or not page.for_role:
            return
        if self._dialog is None:
            self._dialog = OpenStepDialog(self._window)
            form = self._dialog.form
            form.wanted.connect(lambda name, password: self._people.check(name, password, form.answered()))
            form.came.connect(self._opened)
        self._wanted_step = page.step, page.visit
        self._dialog.ask(words_of(page.for_role))

    def _opened(self, who: Came) -> None:
        step, visit = self._wanted_step
        refused = self._desk.do(c.UnlockStep(step=step, visit=visit, by=who.name, roles=who.roles))
        if self._dialog is None:
            return
        if refused is not None:
            self._dialog.form.problem.render_as("error", refused.message, refused.todo)
            return
        self._dialog.accept()
        self._window.focus_page()


def _owner(shortcut: QShortcut) -> QWidget:
    parent = shortcut.parent()
    return parent if isinstance(parent, QWidget) else QWidget()
