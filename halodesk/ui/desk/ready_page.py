"""Between calls: ready, and a number to dial."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from halodesk.runtime.agent_ports import AgentView
from halodesk.runtime.ports import DeskPort
from halodesk.ui.desk.line_chooser import LineChooser
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label
from halodesk.ui.parts.words import phone_words
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Space

_KEYS = "123456789*0#"


class ReadyPage(QFrame):
    """Emits the number to dial."""

    dial = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "page")
        self._sign = label()
        self._headline = label(role="display", name="ready_headline", wrap=True)
        self._lead = label(role="lead", name="ready_lead", wrap=True)
        self.number = DialLine()
        self.number.setObjectName("dial_number")
        self.number.setAccessibleName(self.tr("Number to dial"))
        self.number.setPlaceholderText("(202) 555-0143")
        self.number.setFixedHeight(52)
        self.number.entered.connect(self._dial)
        self.number.textChanged.connect(self._enable)
        self.dial_button = Button(
            self.tr("Dial"), kind="primary", icon="dial", hint=self.tr("Enter"), name="dial"
        )
        self.dial_button.clicked.connect(self._dial)
        erase = Button(kind="ghost", icon="erase", name="dial_erase", height=52)
        erase.setAccessibleName(self.tr("Erase the last digit"))
        erase.clicked.connect(self.number.backspace)
        self.line = LineChooser()
        self._pad = self._dial_card(erase)
        self.shortcuts = QHBoxLayout()
        """What the agent's day offers between calls, put here by the window."""
        words = QVBoxLayout()
        words.setSpacing(Space.M)
        words.addStretch(1)
        words.addWidget(self._sign)
        words.addSpacing(Space.S)
        words.addWidget(self._headline)
        words.addWidget(self._lead)
        words.addSpacing(Space.L)
        for key, meaning in (
            ("F2", self.tr("answers")),
            ("F4", self.tr("hangs up")),
            ("F1", self.tr("shows all keys")),
        ):
            words.addLayout(_tip(key, meaning))
        words.addSpacing(Space.M)
        words.addLayout(self.shortcuts)
        words.addStretch(1)
        inner = QWidget()
        inner.setMaximumWidth(1040)
        columns = QHBoxLayout(inner)
        columns.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        columns.setSpacing(Space.XXL * 2)
        columns.addLayout(words, 1)
        columns.addWidget(self._pad, 0, Qt.AlignmentFlag.AlignVCenter)
        layout = QHBoxLayout(self)
        layout.addWidget(inner)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def render_desk(self, desk: DeskPort, agent: AgentView | None = None) -> None:
        """Greets, announces the call that rings, or says why none is offered."""
        call = desk.call
        ringing = call is not None and call.state == "incoming"
        up = call is not None and call.state != "ended"
        first = desk.agent.split()[0] if desk.agent.split() else desk.agent
        if call is not None and ringing:
            who = call.remote_name or phone_words(call.remote_number) or self.tr("Someone")
            self._headline.setText(self.tr("{who} is calling").format(who=who))
            self._lead.setText(self.tr("Press F2 to answer. The script opens by itself."))
        elif up:
            self._headline.setText(self.tr("Setting up the call"))
            self._lead.setText(self.tr("The script opens as soon as someone answers."))
        else:
            headline, lead = self._between_calls(first, agent)
            self._headline.setText(headline)
            self._lead.setText(lead)
        self._sign.setPixmap(pixmap("incoming" if ringing else "desk", "accent", 44))
        if up and self._pad.isVisible() and self.isVisible():
            # The number line goes away: no button may take its place under someone's fingers.
            self.setFocus()
        self._pad.setVisible(not up)
        self.line.render_lines(desk.registrations, desk.line)
        self._enable()

    def _between_calls(self, first: str, agent: AgentView | None) -> tuple[str, str]:
        shown = agent.shown if agent is not None else "ready"
        if agent is not None and shown == "not_ready":
            reason = agent.reason or self.tr("not ready")
            return (
                self.tr("{name}: {reason}").format(name=first, reason=reason),
                self.tr("No queue offers a call. F12, then 1: ready again."),
            )
        if shown == "offline":
            return self.tr("Offline"), self.tr("You are logged out of the queues. F12, then 1: ready.")
        if shown == "wrap_up":
            return self.tr("Wrap-up"), self.tr("No queue offers a call before it is over.")
        return (
            self.tr("Ready, {name}.").format(name=first),
            self.tr("The next call appears here by itself, with its script and the caller's data."),
        )

    def focus_first(self) -> None:
        """To the number, unless a call has taken its place."""
        if not self._pad.isHidden():
            self.number.setFocus(Qt.FocusReason.OtherFocusReason)

    def _dial_card(self, erase: Button) -> QWidget:
        card = QFrame()
        card.setProperty("pane", "inset")
        card.setFixedWidth(340)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        layout.setSpacing(Space.M)
        layout.addWidget(label(self.tr("Place a call"), "section"))
        layout.addWidget(self.line)
        line = QHBoxLayout()
        line.setSpacing(Space.XS)
        line.addWidget(self.number, 1)
        line.addWidget(erase)
        layout.addLayout(line)
        grid = QGridLayout()
        grid.setSpacing(Space.S)
        for index, key in enumerate(_KEYS):
            button = Button(key, name=f"dial_key:{key}")
            # The keypad is for the mouse; keys of the keyboard type into the line.
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, digit=key: self.number.insert(digit))
            grid.addWidget(button, index // 3, index % 3)
        layout.addLayout(grid)
        layout.addWidget(self.dial_button)
        return card

    def _enable(self) -> None:
        self.dial_button.setEnabled(bool(self.number.text().strip()))

    def _dial(self) -> None:
        number = self.number.text().strip()
        if number:
            self.dial.emit(number)
            self.number.clear()
            self.number.setFocus()


class DialLine(QLineEdit):
    """The number; Enter dials and goes no further."""

    entered = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter dials."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if not event.isAutoRepeat():
                self.entered.emit()
            return
        super().keyPressEvent(event)


def _tip(key: str, meaning: str) -> QHBoxLayout:
    line = QHBoxLayout()
    line.setSpacing(Space.S)
    name = label(key, "caption-strong")
    name.setFixedWidth(28)
    line.addWidget(name)
    line.addWidget(label(meaning, "muted"))
    line.addStretch(1)
    return line
