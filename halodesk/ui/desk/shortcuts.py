"""The overview of all keys (F1)."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, pane
from halodesk.ui.theme.tokens import Space

_LEAST = 200
_WIDE = 1240
"""From this width of the window on there are two columns."""


class Shortcuts(QDialog):
    """Opened with `open()`; Escape or F1 closes it. Longer than the window, it scrolls by the arrow keys."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("shortcuts")
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self._page = pane("scrolled")
        grid = QGridLayout(self._page)
        grid.setContentsMargins(0, 0, Space.L, 0)
        grid.setHorizontalSpacing(Space.XL)
        grid.setVerticalSpacing(Space.S)
        known = self._keys()
        # In two columns where there is room: in one they are higher than a screen.
        half = (len(known) + 1) // 2 if parent.width() >= _WIDE else len(known)
        for place, (keys, meaning) in enumerate(known):
            row, column = place % half, 2 * (place // half)
            grid.addWidget(label(keys, "label"), row, column)
            grid.addWidget(label(meaning, "body"), row, column + 1)
        close = Button(self.tr("Close"), hint="Esc", name="close_shortcuts")
        close.clicked.connect(self.accept)
        QShortcut(QKeySequence("F1"), self).activated.connect(self.accept)
        self.list = QScrollArea()
        self.list.setObjectName("shortcut_list")
        self.list.setAccessibleName(self.tr("Keyboard shortcuts"))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setWidgetResizable(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setWidget(self._page)
        self._window = parent
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        layout.setSpacing(Space.XL)
        layout.addWidget(label(self.tr("Everything by keyboard"), "title"))
        layout.addWidget(self.list, 1)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)

    def showEvent(self, event: QShowEvent) -> None:
        """No longer than the window it lies on."""
        keys = self._page.sizeHint()
        self.list.setMinimumWidth(keys.width())
        around = self.sizeHint().height() - self.list.sizeHint().height()
        room = max(self._window.height() - around - 2 * Space.XL, _LEAST)
        self.list.setFixedHeight(min(keys.height(), room))
        self.adjustSize()
        self.list.setFocus(Qt.FocusReason.PopupFocusReason)
        super().showEvent(event)

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
