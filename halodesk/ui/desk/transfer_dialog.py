"""Whom the caller is handed over to, and how (F3). An emergency number is called at once, locked or not."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Size, Space


class TransferDialog(QDialog):
    """Opened with `ask`; Escape closes it. Enter hands over, Ctrl+Enter asks first."""

    wanted = Signal(str, bool)
    """Number, and whether the agent speaks with whoever answers first."""

    def __init__(self, parent: QWidget, is_emergency: Callable[[str], bool]) -> None:
        super().__init__(parent)
        self._is_emergency = is_emergency
        self.setObjectName("transfer_dialog")
        self.setWindowTitle(self.tr("Transfer the call"))
        self.setMinimumWidth(640)
        self._who = label(role="muted", name="transfer_who", wrap=True)
        self.number = QLineEdit()
        self.number.setObjectName("transfer_number")
        self.number.setFixedHeight(Size.INPUT)
        self.number.setAccessibleName(self.tr("Number or extension to transfer to"))
        self.number.setPlaceholderText(self.tr("Number, extension or queue"))
        self._locked = ""
        self._problem = label(role="caption", name="transfer_problem", wrap=True)
        self.blind = Button(
            self.tr("Hand over"), kind="primary", icon="transfer", hint="Enter", name="transfer_blind"
        )
        self.attended = Button(self.tr("Ask first"), icon="dial", hint="Ctrl+Enter", name="transfer_attended")
        close = Button(self.tr("Cancel"), kind="ghost", hint="Esc", name="transfer_close")
        self.blind.clicked.connect(lambda: self._choose(attended=False))
        self.attended.clicked.connect(lambda: self._choose(attended=True))
        close.clicked.connect(self.reject)
        self.number.textChanged.connect(self._typed)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.M)
        buttons.addWidget(close)
        buttons.addStretch(1)
        for button in (self.attended, self.blind):
            buttons.addWidget(button)
        for button in (close, self.attended, self.blind):
            button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        layout.setSpacing(Space.M)
        layout.addWidget(label(self.tr("Transfer the call"), "title"))
        layout.addWidget(self._who)
        layout.addWidget(self.number)
        layout.addWidget(self._problem)
        layout.addSpacing(Space.S)
        layout.addLayout(buttons)

    def ask(self, who: str, locked: str) -> None:
        """Opens it for this caller; `locked`: why nobody can be handed over now."""
        waits = self.tr("{who} waits on hold meanwhile, and comes back to you when nobody answers.")
        set_text(self._who, waits.format(who=who) if who else "")
        self._locked = locked
        self.number.clear()
        self._typed("")
        self.open()
        self.number.setFocus(Qt.FocusReason.PopupFocusReason)

    def _typed(self, text: str) -> None:
        urgent = self._is_emergency(text)
        ready = bool(text.strip()) and not self._locked
        self.blind.setEnabled(ready or urgent)
        self.attended.setEnabled(ready and not urgent)
        words = self.tr("Call {number} now").format(number=text.strip()) if urgent else self.tr("Hand over")
        self.blind.render_as(words, "danger" if urgent else "primary", "Enter")
        set_text(self._problem, self._locked)
        self._problem.setVisible(bool(self._locked))

    def _choose(self, *, attended: bool) -> None:
        if self.blind.isEnabled():
            self.wanted.emit(self.number.text().strip(), attended)
            self.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Ctrl+Enter, wherever the keyboard is but on a button."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(attended=bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
            return
        super().keyPressEvent(event)
