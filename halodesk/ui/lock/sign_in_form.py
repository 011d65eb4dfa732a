"""Name and password, and what came of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from halodesk.runtime.people import Answered, Came, SignInProblem
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label
from halodesk.ui.theme.tokens import Size, Space


class _Line(QLineEdit):
    """Enter goes on."""

    entered = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self.entered.emit()
        else:
            super().keyPressEvent(event)


class SignInForm(QWidget):
    """Emits name and password by `wanted`; tell it by `answered` what came of it."""

    wanted = Signal(str, str)
    came = Signal(object)
    """`runtime.people.Came`."""

    def __init__(self, prefix: str, button: str) -> None:
        """`prefix`: of the object names."""
        super().__init__()
        self._busy = False
        self._words = button
        self.name_line, self.password = _Line(), _Line()
        name_label = label(self.tr("Name"), "label")
        password_label = label(self.tr("Password"), "label")
        for line, words, buddy, name in (
            (self.name_line, self.tr("Name"), name_label, f"{prefix}_name"),
            (self.password, self.tr("Password"), password_label, f"{prefix}_password"),
        ):
            line.setObjectName(name)
            line.setAccessibleName(words)
            line.setFixedHeight(Size.INPUT)
            line.setMaxLength(256)
            buddy.setBuddy(line)
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setInputMethodHints(
            Qt.InputMethodHint.ImhSensitiveData
            | Qt.InputMethodHint.ImhNoPredictiveText
            | Qt.InputMethodHint.ImhNoAutoUppercase
        )
        self.password.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.problem = Banner(f"{prefix}_problem")
        self.button = Button(button, kind="primary", hint="Enter", name=f"{prefix}_button")
        self.button.clicked.connect(self.submit)
        self.name_line.entered.connect(self._from_name)
        self.password.entered.connect(self.submit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        for widget in (name_label, self.name_line, password_label, self.password):
            layout.addWidget(widget)
        layout.addSpacing(Space.S)
        layout.addWidget(self.problem)
        layout.addWidget(self.button)

    def begin(self, name: str) -> None:
        """Empty, for that person or, without a name, for anybody."""
        self._busy = False
        self.name_line.setText(name)
        self.password.clear()
        self.problem.render_as("info", "")
        self._render()

    def focus_first(self) -> None:
        """To what is still empty."""
        line = self.password if self.name_line.text().strip() else self.name_line
        line.setFocus(Qt.FocusReason.OtherFocusReason)

    def submit(self) -> None:
        """Asks; nothing more is taken until the answer is here."""
        name, password = self.name_line.text().strip(), self.password.text()
        if self._busy:
            return
        if not name or not password:
            self.focus_first()
            return
        self._busy = True
        self._render()
        self.wanted.emit(name, password)

    def answered(self) -> Answered:
        """What `PeoplePort` calls with the answer."""

        def done(answer: Came | SignInProblem) -> None:
            self._busy = False
            self.password.clear()
            self._render()
            if isinstance(answer, SignInProblem):
                self.problem.render_as("error", answer.message, answer.todo)
                self.focus_first()
                return
            self.problem.render_as("info", "")
            self.came.emit(answer)

        return done

    def _from_name(self) -> None:
        if self.password.text():
            self.submit()
        else:
            self.password.setFocus(Qt.FocusReason.TabFocusReason)

    def _render(self) -> None:
        self.button.set_words(self.tr("Checking …") if self._busy else self._words)
        for widget in (self.button, self.name_line, self.password):
            widget.setEnabled(not self._busy)
