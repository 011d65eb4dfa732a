"""Asked before HaloDesk ends while a call is up: ending hangs up."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Space


class LeaveDialog(QDialog):
    """Opened with `ask`; `accepted` when the call may end. Enter and Escape keep it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("leave_dialog")
        self.setWindowTitle(self.tr("A call is up"))
        self.setMinimumWidth(580)
        self._words = label(role="body", name="leave_words", wrap=True)
        self.stay = Button(self.tr("Keep the call"), kind="primary", hint="Esc", name="leave_stay")
        self.go = Button(self.tr("Hang up and quit"), kind="danger", icon="hang_up", name="leave_go")
        self.stay.clicked.connect(self.reject)
        self.go.clicked.connect(self.accept)
        self.go.setAutoDefault(False)
        self.stay.setDefault(True)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.M)
        buttons.addWidget(self.go)
        buttons.addStretch(1)
        buttons.addWidget(self.stay)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        layout.setSpacing(Space.M)
        layout.addWidget(label(self.tr("End HaloDesk in the middle of a call?"), "title"))
        layout.addWidget(self._words)
        layout.addSpacing(Space.S)
        layout.addLayout(buttons)

    def ask(self, who: str) -> None:
        """Opens it; `who` is at the other end."""
        words = self.tr("You are in a call with {who}. If HaloDesk ends, the call is hung up.")
        set_text(self._words, words.format(who=who))
        self.open()
        self.stay.setFocus(Qt.FocusReason.PopupFocusReason)
