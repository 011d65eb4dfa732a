"""When somebody is to be called back: a number, a time in a click, or typed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from halodesk.engine.commands import Refused
from halodesk.ui.directory.lines import tr
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Size, Space

Plan = Callable[[str, float, str, str], Refused | None]
"""Number, due time, name, note."""


class CallbackDialog(QDialog):
    """Opened with `ask`; Enter plans, Escape closes."""

    def __init__(self, parent: QWidget, plan: Plan, now: Callable[[], float]) -> None:
        super().__init__(parent)
        self.setObjectName("callback_dialog")
        self.setWindowTitle(tr("Plan a callback"))
        self.setMinimumWidth(560)
        self._plan, self._now = plan, now
        self.number = _line(tr("Number"), "callback_number")
        self.who = _line(tr("Name"), "callback_name")
        self.due = _line(tr("Date and time"), "callback_due")
        self.due.setPlaceholderText("YYYY-MM-DD HH:MM")
        self.note = _line(tr("Note"), "callback_note")
        self._problem = label(role="error", name="callback_problem", wrap=True)
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.L)
        grid.setVerticalSpacing(Space.M)
        for row, line in enumerate((self.number, self.who, self.due, self.note)):
            caption = label(line.accessibleName(), "label")
            caption.setBuddy(line)
            grid.addWidget(caption, row, 0)
            grid.addWidget(line, row, 1)
        quick = QHBoxLayout()
        quick.setSpacing(Space.S)
        for words, name, minutes in (
            (tr("in 15 min"), "15", 15),
            (tr("in an hour"), "60", 60),
            (tr("tomorrow, this time"), "day", 24 * 60),
        ):
            button = Button(words, name=f"callback_in:{name}", height=Size.BUTTON_SMALL)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, ahead=minutes: self._set_due(ahead))
            quick.addWidget(button)
        quick.addStretch(1)
        plan_button = Button(
            tr("Plan"), kind="primary", icon="callback", hint=tr("Enter"), name="callback_plan"
        )
        plan_button.setDefault(True)
        plan_button.clicked.connect(self._planned)
        close = Button(tr("Cancel"), kind="ghost", hint="Esc", name="callback_cancel")
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.addWidget(close)
        foot.addStretch(1)
        foot.addWidget(plan_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        layout.setSpacing(Space.L)
        layout.addWidget(label(tr("Plan a callback"), "title"))
        layout.addLayout(grid)
        layout.addLayout(quick)
        layout.addWidget(self._problem)
        layout.addLayout(foot)

    def ask(self, number: str, name: str) -> None:
        """Opens it for this person, in an hour unless told otherwise."""
        self.number.setText(number)
        self.who.setText(name)
        self.note.clear()
        set_text(self._problem, "")
        self._set_due(60)
        self.open()
        (self.due if number else self.number).setFocus()

    def _set_due(self, minutes: int) -> None:
        due = datetime.fromtimestamp(self._now()) + timedelta(minutes=minutes)
        self.due.setText(f"{due:%Y-%m-%d %H:%M}")

    def _planned(self) -> None:
        due = read_time(self.due.text())
        if due is None:
            set_text(self._problem, tr("Write date and time like 2026-11-30 14:05."))
            self.due.setFocus()
            return
        refused = self._plan(self.number.text(), due, self.who.text(), self.note.text())
        if refused is None:
            self.accept()
            return
        set_text(self._problem, refused.message)
        (self.number if refused.field == "number" else self.due).setFocus()


def read_time(text: str) -> float | None:
    """Unix seconds of a date and time on this seat's clock; None for anything else."""
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M").timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _line(words: str, name: str) -> QLineEdit:
    made = QLineEdit()
    made.setObjectName(name)
    made.setAccessibleName(words)
    made.setFixedHeight(Size.INPUT)
    return made
