"""The overview of all keys (F1)."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label
from halodesk.ui.theme.tokens import Space


class Shortcuts(QDialog):
    """Opened with `open()`; Escape or F1 closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("shortcuts")
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.XL)
        grid.setVerticalSpacing(Space.S)
        known = self._keys()
        half = (len(known) + 1) // 2  # in two columns: in one they are higher than a screen
        for place, (keys, meaning) in enumerate(known):
            row, column = place % half, 2 * (place // half)
            grid.addWidget(label(keys, "label"), row, column)
            grid.addWidget(label(meaning, "body"), row, column + 1)
        close = Button(self.tr("Close"), hint="Esc", name="close_shortcuts")
        close.clicked.connect(self.accept)
        QShortcut(QKeySequence("F1"), self).activated.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        layout.setSpacing(Space.XL)
        layout.addWidget(label(self.tr("Everything by keyboard"), "title"))
        layout.addLayout(grid)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)

    def _keys(self) -> tuple[tuple[str, str], ...]:
        return (
            ("F2", self.tr("Answer the call; one that waits is answered and the other held")),
            ("F3", self.tr("Transfer; hand over to whoever was asked first")),
            ("Shift+F3", self.tr("Give the transfer up: the caller is back")),
            ("F4", self.tr("Hang up")),
            ("F5", self.tr("Swap: speak with the other call")),
            ("F6", self.tr("Hold the call, take it back")),
            ("F7", self.tr("Mute the microphone, open it")),
            ("F8", self.tr("Keypad")),
            ("F9", self.tr("Sound: microphone and speaker")),
            ("F10", self.tr("Conference; take it apart")),
            ("F11", self.tr("Into the web page, and out of it")),
            ("F12", self.tr("Your state: ready, not ready, offline")),
            ("Shift+F12", self.tr("More time for the wrap-up")),
            ("Ctrl+G", self.tr("Let a flow agent speak on the call")),
            ("Ctrl+T, Ctrl+Shift+T", self.tr("Take over from the flow agent; hand back to it")),
            ("Alt+W", self.tr("Whisper to the flow agent")),
            ("Ctrl+Shift+X", self.tr("Send the flow agent off the call")),
            ("Ctrl+O", self.tr("To the outcomes of a call that has none")),
            ("Ctrl+R", self.tr("Dial the last number again")),
            ("Ctrl+M", self.tr("Hear the messages of your voicemail")),
            ("Alt+K", self.tr("Plan a callback for the caller")),
            ("Enter", self.tr("Main button of the page")),
            ("Ctrl+Enter", self.tr("The same, from a box with several lines")),
            ("1 – 9", self.tr("Choice with this number, outside of text")),
            ("Alt+1 – Alt+9", self.tr("Choice with this number, anywhere")),
            ("Alt+Left", self.tr("Back to the page before")),
            ("Up, Down", self.tr("Number or date: one step; in a list of ticks: move, Space ticks")),
            ("Alt+Down", self.tr("Open the calendar of a date")),
            ("Ctrl+D", self.tr("Dial the phone number that is typed")),
            ("Alt+C", self.tr("Co-pilot: listen to this call, stop")),
            ("Alt+Enter, Alt+Del", self.tr("First proposal of the co-pilot: accept, turn down")),
            ("Tab, Shift+Tab", self.tr("Next field, field before")),
            ("Ctrl+Backspace", self.tr("Clear a secure box")),
            ("Alt+N", self.tr("Write a note")),
            ("Ctrl+L", self.tr("Lock the window, where people sign in")),
            ("Ctrl+1, Ctrl+2, Ctrl+3", self.tr("Desk, Sessions, Directory")),
            ("F1", self.tr("This overview")),
            ("Ctrl+Q", self.tr("Quit HaloDesk")),
        )
