"""What is seen instead of the desk: who are you, and the call that is up.

Rules:
- Nothing of a session is on it. Of a call: who, how long, and hold, mute, hang up.
- A call that rings can be declined. To answer it somebody signs in: what is answered is a session.
- Emergency numbers are dialled from here as from anywhere.
- Keys end here: none reaches the page behind.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from halodesk.runtime.ports import DeskPort
from halodesk.ui.desk.call_panel import CallPanel
from halodesk.ui.lock.sign_in_form import SignInForm
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Size, Space

_WIDTH = 420


class LockPage(QWidget):
    """Shown by `Guard`."""

    def __init__(self, desk: DeskPort) -> None:
        super().__init__()
        self.setObjectName("lock_page")
        self.setProperty("pane", "canvas")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._desk = desk
        self.call_panel = CallPanel()
        controls = self.call_panel.controls
        self.call_panel.hang_up.connect(desk.hang_up)
        controls.hold.connect(desk.hold)
        controls.unhold.connect(desk.unhold)
        controls.microphone.connect(lambda muted: desk.set_microphone(muted=muted))
        self._ringing = label(role="strong", name="lock_ringing", wrap=True)
        self._sign = QLabel()
        self._title = label(role="title", name="lock_title", wrap=True)
        self._why = label(role="muted", name="lock_why", wrap=True)
        self._key = label(role="caption", name="lock_key", wrap=True)
        self.form = SignInForm("sign_in", self.tr("Sign in"))
        self.emergency = QLineEdit()
        self.emergency.setObjectName("emergency_number")
        self.emergency.setAccessibleName(self.tr("Emergency number"))
        self.emergency.setPlaceholderText(self.tr("Emergency number"))
        self.emergency.setFixedHeight(Size.INPUT)
        self.emergency.setMaxLength(8)
        self.call_help = Button(self.tr("Call"), kind="danger", icon="dial", name="emergency_call")
        self.call_help.setEnabled(False)
        self.emergency.textChanged.connect(lambda number: self.call_help.setEnabled(self._is_help(number)))
        self.emergency.returnPressed.connect(self._call_help)
        self.call_help.clicked.connect(self._call_help)
        self._build()
        self._keys = [
            self._key_for("F4", self._hang_up),
            self._key_for("F6", controls.toggle_hold),
            self._key_for("F7", controls.toggle_microphone),
        ]
        self.restyle()

    def _build(self) -> None:
        card = QFrame()
        card.setProperty("pane", "page")
        card.setFixedWidth(_WIDTH)
        inner = QVBoxLayout(card)
        inner.setContentsMargins(Space.XXL, Space.XL, Space.XXL, Space.XL)
        inner.setSpacing(Space.M)
        head = QHBoxLayout()
        head.setSpacing(Space.M)
        head.addWidget(self._sign)
        head.addWidget(self._title, 1)
        inner.addLayout(head)
        inner.addWidget(self._why)
        inner.addWidget(self.form)
        inner.addSpacing(Space.S)
        inner.addWidget(self._key)
        help_row = QHBoxLayout()
        help_row.setSpacing(Space.S)
        help_row.addStretch(1)
        self.emergency.setFixedWidth(210)
        help_row.addWidget(self.emergency)
        help_row.addWidget(self.call_help)
        help_row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        layout.setSpacing(Space.M)
        layout.addWidget(self.call_panel)
        layout.addWidget(self._ringing)
        layout.addStretch(1)
        middle = QHBoxLayout()  # not an alignment: with one the height of wrapped words does not count
        middle.addStretch(1)
        middle.addWidget(card)
        middle.addStretch(1)
        layout.addLayout(middle)
        layout.addStretch(2)
        layout.addLayout(help_row)

    def begin(self, title: str, why: str, name: str, key_words: str) -> None:
        """Comes in sight."""
        set_text(self._title, title)
        self._why.setText(why)
        self._why.setVisible(bool(why))
        self._key.setText(key_words)
        self.form.begin(name)
        self.emergency.clear()
        self.render_call()

    def render_call(self) -> None:
        """The call that is up, or rings."""
        call = self._desk.call
        rings = call is not None and call.state == "incoming"
        self.call_panel.render_call(call, hand=self._desk.hand)
        self.call_panel.answer_button.hide()
        for button in (
            self.call_panel.controls.transfer_button,
            self.call_panel.controls.keypad_button,
        ):
            button.hide()
        second = self._desk.waiting is not None and not rings
        words = self.tr("A call rings. Sign in to answer it.") if rings or second else ""
        self._ringing.setText(words)
        self._ringing.setVisible(bool(words))

    def restyle(self) -> None:
        """The theme changed."""
        self._sign.setPixmap(pixmap("lock", "accent_ink", 24))

    def enable_keys(self, *, on: bool) -> None:
        """The telephone's keys belong to this page, or to the desk."""
        for shortcut in self._keys:
            shortcut.setEnabled(on)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Nothing goes on to the page behind."""
        event.accept()

    def _key_for(self, key: str, action: Callable[[], object]) -> QShortcut:
        made = QShortcut(QKeySequence(key), self)
        made.setAutoRepeat(False)
        made.setEnabled(False)
        made.activated.connect(action)
        return made

    def _hang_up(self) -> None:
        hand = self._desk.hand
        if hand is not None and hand.state != "ended":
            self._desk.hang_up()

    def _is_help(self, number: str) -> bool:
        return self._desk.is_emergency(number.strip())

    def _call_help(self) -> None:
        number = self.emergency.text().strip()
        if self._is_help(number):
            self._desk.dial(number)
            self.emergency.clear()
