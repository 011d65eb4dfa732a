"""What an agent does to a connected call: hold, microphone, keypad, transfer."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from halodesk.protocol.phone_link import CallInfo
from halodesk.ui.desk.keypad import Keypad
from halodesk.ui.desk.put_on_call import PutOnCall
from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.tokens import Space


class CallControls(QWidget):
    """Renders the state of the call, never the wish: a button changes when the phone says so."""

    hold = Signal()
    unhold = Signal()
    microphone = Signal(bool)
    """Whether it is to be muted."""
    keys = Signal(str)
    transfer = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._call: CallInfo | None = None
        self._brief = False
        self.hold_button = Button(kind="secondary", icon="hold", hint="F6", name="hold_call")
        self.microphone_button = Button(
            kind="secondary", icon="microphone", hint="F7", name="mute_microphone"
        )
        self.keypad_button = Button(kind="secondary", icon="keypad", name="open_keypad")
        self.transfer_button = Button(kind="secondary", icon="transfer", hint="F3", name="transfer_call")
        self.put_on_call = PutOnCall()
        self.keypad = Keypad(self)
        self.hold_button.clicked.connect(self.toggle_hold)
        self.microphone_button.clicked.connect(self.toggle_microphone)
        self.keypad_button.clicked.connect(self.open_keypad)
        self.transfer_button.clicked.connect(self.transfer)
        self.keypad.pressed.connect(self.keys)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.S)
        for button in (
            self.hold_button,
            self.microphone_button,
            self.transfer_button,
            self.keypad_button,
            self.put_on_call,
        ):
            layout.addWidget(button)
        self.hide()

    def render_call(self, call: CallInfo | None) -> None:
        """Shown while the call is connected."""
        self._call = call if call is not None and call.state == "active" else None
        self.setVisible(self._call is not None)
        self.put_on_call.render_call(self._call)
        if self._call is None:
            self.keypad.close()
            return
        held, muted = self._call.hold == "on", self._call.microphone_muted
        self.hold_button.setEnabled(self._call.hold != "pending" and not self._call.conference)
        free = not self._call.conference and self._call.transfer != "asked" and not self._call.beside
        self.transfer_button.setEnabled(free)
        self.keypad_button.setEnabled(self._call.hold == "off")
        if self._call.hold != "off":
            self.keypad.close()
        self._label(
            self.hold_button,
            "resume" if held else "hold",
            self.tr("Take back") if held else self.tr("Hold"),
            self.tr("Take the call back") if held else self.tr("Hold the call"),
            "F6",
            on=held,
        )
        self._label(
            self.microphone_button,
            "microphone_off" if muted else "microphone",
            self.tr("Muted") if muted else self.tr("Mute"),
            self.tr("Open the microphone") if muted else self.tr("Mute the microphone"),
            "F7",
            on=muted,
        )
        self._label(
            self.transfer_button,
            "transfer",
            self.tr("Transfer"),
            self.tr("Transfer the call"),
            "F3",
            on=False,
        )
        self._label(self.keypad_button, "keypad", "", self.tr("Keypad"), "F8", on=False)

    def set_brief(self, brief: bool) -> None:
        """Signs without words, where there is little room."""
        if brief != self._brief:
            self._brief = brief
            self.render_call(self._call)

    def toggle_hold(self) -> None:
        """Hold, or take back."""
        if self._call is not None and self._call.hold != "pending" and not self._call.conference:
            (self.unhold if self._call.hold == "on" else self.hold).emit()

    def toggle_microphone(self) -> None:
        """Mute, or open."""
        if self._call is not None:
            self.microphone.emit(not self._call.microphone_muted)

    def open_keypad(self) -> None:
        """Shows the keys below their button."""
        if self._call is not None and self._call.hold == "off":
            self.keypad.open_below(self.keypad_button)

    def _label(self, button: Button, icon: str, words: str, meaning: str, key: str, *, on: bool) -> None:
        button.icon_name = icon
        button.hint = key if words and not self._brief else ""
        button.kind = "primary" if on else "secondary"
        button.set_words("" if self._brief else words)
        button.setAccessibleName(meaning)
        button.setToolTip(f"{meaning} ({key})")
