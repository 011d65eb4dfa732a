"""Between calls: the last number again (Ctrl+R), and the messages of the voicemail (Ctrl+M)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from halodesk.runtime.agent_ports import DayPort, DayTopic
from halodesk.runtime.ports import Unsubscribe
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.words import phone_words
from halodesk.ui.theme.tokens import Size, Space


def tr(words: str, number: int = -1) -> str:
    """In the person's language."""
    return QCoreApplication.translate("DayButtons", words, "", number)


class DayButtons(QWidget):
    """Each is there when there is something to dial."""

    def __init__(self, dial: Callable[[str], None]) -> None:
        super().__init__()
        self._dial = dial
        self._day: DayPort | None = None
        self._leave: Unsubscribe | None = None
        self.again = Button(icon="again", hint="Ctrl+R", name="redial", height=Size.BUTTON_SMALL)
        self.again.clicked.connect(self.redial)
        self.messages = Button(icon="voicemail", hint="Ctrl+M", name="voicemail", height=Size.BUTTON_SMALL)
        self.messages.clicked.connect(self.hear_messages)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        for button in (self.again, self.messages):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            layout.addWidget(button)
        layout.addStretch(1)
        self._render()

    def attach(self, day: DayPort | None) -> None:
        """Shows what this agent's day has."""
        self._day = day
        if day is not None:
            self._leave = day.subscribe(self._told)
        self._render()

    def detach(self) -> None:
        """The window closes."""
        if self._leave is not None:
            self._leave()
            self._leave = None

    def redial(self) -> None:
        """The last number again."""
        if self._day is not None and self._day.last_number:
            self._dial(self._day.last_number)

    def hear_messages(self) -> None:
        """Dials the voicemail."""
        if self._day is not None and self._day.voicemail_number:
            self._dial(self._day.voicemail_number)

    def _told(self, topic: DayTopic) -> None:
        if topic in ("history", "mailbox", "contacts"):
            self._render()

    def _render(self) -> None:
        day = self._day
        last = day.last_number if day is not None else ""
        name = day.name_of(last) if day is not None else ""
        self.again.setVisible(bool(last))
        self.again.set_words(tr("Redial {who}").format(who=name or phone_words(last)))
        box = day.mailbox if day is not None else None
        number = day.voicemail_number if day is not None else ""
        self.messages.setVisible(bool(number))
        new = box.new if box is not None else 0
        waiting = box is not None and box.waiting
        words = tr("%n new message(s)", new) if new else tr("Messages") if waiting else tr("Voicemail")
        self.messages.set_words(words)
        self.messages.kind = "primary" if new or waiting else "secondary"
        self.messages.update()
