"""The call in hand: who, how long, what can be done with it."""

from __future__ import annotations

import time

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.protocol.phone_link import CallInfo
from halodesk.ui.desk.call_controls import CallControls
from halodesk.ui.desk.call_sound import CallSound
from halodesk.ui.parts import pill
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import elided, label, set_text
from halodesk.ui.parts.pill import Pill
from halodesk.ui.parts.words import clock, phone_words
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Space, Type

_NARROW = 1120
"""Below this width the controls have no words."""
_SMALL = 900
"""Below this width its key and the codec are left out."""
_TIGHT = 740
"""Below this width the button to hang up has none either, and the picture makes room for the name."""


class CallPanel(QFrame):
    """Renders a `CallInfo`; hidden while there is none."""

    answer = Signal()
    hang_up = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "card")
        self.call: CallInfo | None = None
        self._avatar = Avatar()
        self._who = elided(role="section", name="caller")
        self._about = elided(role="muted", name="call_about")
        self._state = Pill("call_state")
        self._timer_label = label(role="number", name="call_timer")
        self._codec = label(role="caption", name="call_codec")
        self.answer_button = Button(
            self.tr("Answer"), kind="success", icon="answer", hint="F2", name="answer_call"
        )
        self.hang_up_button = Button(
            self.tr("Hang up"), kind="danger", icon="hang_up", hint="F4", name="hang_up"
        )
        self.controls = CallControls()
        self.sound = CallSound()
        self.answer_button.clicked.connect(self.answer)
        self.hang_up_button.clicked.connect(self.hang_up)
        self._tick = QTimer(self)
        self._tick.setInterval(500)
        self._tick.timeout.connect(self._render_time)
        who = QVBoxLayout()
        who.setSpacing(1)
        who.addWidget(self._who)
        who.addWidget(self._about)
        when = QVBoxLayout()
        when.setSpacing(1)
        when.addWidget(self._timer_label, 0, Qt.AlignmentFlag.AlignRight)
        when.addWidget(self._codec, 0, Qt.AlignmentFlag.AlignRight)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        lines.setSpacing(Space.S)
        layout = QHBoxLayout()
        layout.setSpacing(Space.M)
        lines.addLayout(layout)
        lines.addWidget(self.sound.words)
        layout.addWidget(self._avatar)
        layout.addLayout(who, 1)
        layout.addWidget(self.sound)
        layout.addWidget(self._state)
        layout.addSpacing(Space.XS)
        layout.addLayout(when)
        layout.addSpacing(Space.S)
        layout.addWidget(self.controls)
        layout.addWidget(self.answer_button)
        layout.addWidget(self.hang_up_button)
        self.hide()

    def render_call(self, call: CallInfo | None, hand: CallInfo | None = None) -> None:
        """Shows the call; the controls are those of `hand`, where that is another leg."""
        self.call = call
        self.sound.render_call(hand or call)
        self.controls.render_call((hand or call) if call is not None else None)
        self.setVisible(call is not None)
        if call is None:
            self._tick.stop()
            return
        number = phone_words(call.remote_number) or call.remote_uri
        self._who.setText(call.remote_name or number or self.tr("Unknown caller"))
        parts = [number if call.remote_name else ""]
        if call.called:
            parts.append(self.tr("dialled {number}").format(number=phone_words(call.called)))
        if call.sent_on_to and call.state != "ended":
            user = call.sent_on_to.partition(":")[2].partition("@")[0]
            parts.append(self.tr("diverted to {number}").format(number=phone_words(user)))
        if call.keys_heard and call.state == "active":  # first: it is news, and there may be little room
            parts.insert(0, self.tr("pressed {keys}").format(keys=" ".join(call.keys_heard)))
        if call.state == "ended":
            parts.append(call.reason)
        self._about.setText("  ·  ".join(filter(None, parts)))
        self._avatar.show_name(call.remote_name, call.direction == "in")
        words, tone = self._words(call)
        secured = self.tr("Encrypted: nobody on the way can listen.") if call.secured else ""
        if call.state == "active" and call.held_by_other:
            held = self.tr("The other side keeps you on hold.")
            secured = f"{held} {secured}".strip()
        self._state.render_as(words, tone, icon="lock" if call.secured else "", tip=secured)
        set_text(self._codec, call.codec)
        self.answer_button.setVisible(call.state == "incoming")
        self._name_hang_up()
        self.hang_up_button.setVisible(call.state != "ended")
        if call.state == "ended":
            self._tick.stop()
        else:
            self._tick.start()
        self._render_time()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The caller's name comes first: in a narrow window the buttons are signs only."""
        super().resizeEvent(event)
        self.controls.set_brief(self.width() < _NARROW)
        self._name_hang_up()

    def _name_hang_up(self) -> None:
        ringing = self.call is not None and self.call.state == "incoming"
        words = self.tr("Decline") if ringing else self.tr("Hang up")
        tight = self.width() < _TIGHT and not ringing
        small = self.width() < _SMALL and not ringing
        self._codec.setVisible(not small)
        self._avatar.setVisible(not tight)
        self.hang_up_button.hint = "" if small else "F4"
        self.hang_up_button.set_words("" if tight else words)
        self.hang_up_button.setAccessibleName(words)
        self.hang_up_button.setToolTip(f"{words} (F4)")

    def _words(self, call: CallInfo) -> tuple[str, pill.Tone]:
        if call.state == "active" and call.transfer == "asked":
            return self.tr("Transferring"), pill.ACCENT
        if call.state == "active" and call.conference:
            return self.tr("In conference"), pill.GOOD
        if call.state == "active" and call.hold != "off":
            waiting = call.hold == "pending"
            return (self.tr("One moment"), pill.ACCENT) if waiting else (self.tr("On hold"), pill.WARN)
        if call.state == "active" and call.held_by_other:
            return self.tr("Held there"), pill.WARN
        if call.state == "incoming" and call.answer_after_s is not None:
            return self.tr("Answers by itself"), pill.ACCENT
        if call.state == "early" and call.codec:
            return self.tr("Announcement"), pill.ACCENT
        if call.state == "active" and call.microphone_muted:
            return self.tr("Mic muted"), pill.WARN
        return {
            "incoming": (self.tr("Ringing"), pill.ACCENT),
            "outgoing": (self.tr("Calling"), pill.ACCENT),
            "early": (self.tr("Ringing there"), pill.ACCENT),
            "connecting": (self.tr("Connecting"), pill.ACCENT),
            "active": (self.tr("Connected"), pill.GOOD),
            "ended": (self.tr("Ended"), pill.PLAIN),
        }[call.state]

    def _render_time(self) -> None:
        call = self.call
        if call is None or call.answered_at is None:
            set_text(self._timer_label, "")
            return
        until = call.ended_at if call.ended_at is not None else time.time()
        set_text(self._timer_label, clock(until - call.answered_at))


class Avatar(QWidget):
    """Initials of a known caller, or a telephone."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(QSize(46, 46))
        self._initials = ""
        self._incoming = True

    def show_name(self, name: str, incoming: bool) -> None:
        """Takes the first letters of first and last name."""
        words = [word for word in name.split() if word[0].isalpha()]
        chosen = words[:1] + words[-1:] if len(words) > 1 else words
        self._initials = "".join(word[0].upper() for word in chosen)
        self._incoming = incoming
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A disc with letters or a sign."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("accent_soft"))
        painter.drawEllipse(QRectF(self.rect()))
        if self._initials:
            painter.setFont(font(Type.LEAD, QFont.Weight.DemiBold))
            painter.setPen(colour("accent_ink"))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._initials)
        else:
            painter.drawPixmap(12, 12, pixmap("incoming" if self._incoming else "dial", "accent_ink", 22))
