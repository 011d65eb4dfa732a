"""Somebody else signs in over the agent's shoulder, for one step."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.ui.lock.sign_in_form import SignInForm
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label
from halodesk.ui.theme.tokens import Space


class OpenStepDialog(QDialog):
    """Opened with `ask`; Escape closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("open_step_dialog")
        self.setWindowTitle(self.tr("Open this step"))
        self.setMinimumWidth(460)
        self.form = SignInForm("open_step", self.tr("Open the step"))
        self._words = label(role="muted", name="open_step_words", wrap=True)
        self.form.button.setAutoDefault(False)
        close = Button(self.tr("Cancel"), kind="ghost", hint="Esc", name="open_step_close")
        close.setAutoDefault(False)
        close.clicked.connect(self.reject)
        foot = QHBoxLayout()
        foot.addWidget(close)
        foot.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        layout.setSpacing(Space.M)
        layout.addWidget(label(self.tr("Open this step"), "title"))
        layout.addWidget(self._words)
        layout.addWidget(self.form)
        layout.addLayout(foot)

    def ask(self, role: str) -> None:
        """For a role, as a person says it."""
        words = self.tr("Only this visit of the step is opened. Your name stays with the session.")
        self._words.setText(words)
        self.form.begin("")
        self.setWindowTitle(self.tr("For a {role}").format(role=role))
        self.open()
        self.form.focus_first()
