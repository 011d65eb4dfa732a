"""Across every page but the Desk while a call rings: who it is, and the way to answer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from halodesk.protocol.phone_link import CallInfo
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.words import phone_words
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Space, Type


class RingBand(QWidget):
    """A filled band that nothing else in the window looks like."""

    answer = Signal()
    decline = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("ring_band")
        self.setFixedHeight(84)
        self.words = ""
        self._button = Button(
            self.tr("Answer on the Desk"), kind="success", icon="answer", hint="F2", name="ring_answer"
        )
        self._button.clicked.connect(self.answer)
        self._decline = Button(self.tr("Decline"), icon="hang_up", name="ring_decline")
        self._decline.clicked.connect(self.decline)
        self._about = ""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.L, 0, Space.XL, 0)
        layout.addStretch(1)
        layout.addWidget(self._decline)
        layout.addSpacing(Space.S)
        layout.addWidget(self._button)
        self.hide()

    def render_call(self, call: CallInfo | None, *, second: bool = False) -> None:
        """Shown for a ringing call, hidden for any other; `second`: it waits behind another one."""
        ringing = call is not None and call.state == "incoming"
        if call is not None and ringing:
            who = call.remote_name or phone_words(call.remote_number) or self.tr("Someone")
            words = self.tr("{who} is waiting") if second else self.tr("{who} is calling")
            self.words = words.format(who=who)
            self._about = (
                self.tr("Answering puts the other call on hold and opens the Desk.")
                if second
                else self.tr("Answering opens the Desk; this page stays as it is.")
            )
            self._button.set_words(self.tr("Answer and hold") if second else self.tr("Answer on the Desk"))
            self._decline.setAccessibleName(self.tr("Tell {who} that the line is busy").format(who=who))
            self.setAccessibleName(self.words)
        self.setVisible(ringing)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Accent body, sign, who."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("accent"))
        painter.drawRoundedRect(self.rect(), Radius.L, Radius.L)
        painter.drawPixmap(Space.XL, (self.height() - 32) // 2, pixmap("incoming", "on_accent", 32))
        painter.setPen(colour("on_accent"))
        left = Space.XL + 32 + Space.L
        room = self._decline.x() - left - Space.M
        for text, top, size, weight in (
            (self.words, 14, Type.TITLE, QFont.Weight.Bold),
            (
                self._about,
                50,
                Type.BODY,
                QFont.Weight.Medium,
            ),
        ):
            painter.setFont(font(size, weight))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
            painter.drawText(left, top, room, 36, int(Qt.AlignmentFlag.AlignLeft), shown)
