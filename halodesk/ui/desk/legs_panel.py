"""The calls beside the one in hand: who, how they stand, and what can be done with each."""

from __future__ import annotations

import time

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from halodesk.protocol.phone_link import CallInfo
from halodesk.ui.parts import pill
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import elided, label, set_text
from halodesk.ui.parts.pill import Pill
from halodesk.ui.parts.words import clock, phone_words
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Space

_ROWS = 3
"""Four legs are the most a phone has; one of them is in hand."""
_NARROW = 960
"""Below this width the buttons of a connected leg are signs only."""


class LegsPanel(QFrame):
    """Renders every leg but the first; hidden where there is none."""

    answer = Signal()
    swap = Signal()
    hand_over = Signal()
    merge = Signal()
    split = Signal()
    cancel = Signal()
    end = Signal(str)
    """Key of the leg to end or decline."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("legs")
        self.setProperty("pane", "card")
        self.setAccessibleName(self.tr("Other calls"))
        self._rows = [LegRow(self, number) for number in range(_ROWS)]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.S, Space.L, Space.S)
        layout.setSpacing(Space.S)
        for row in self._rows:
            layout.addWidget(row)
        self._tick = QTimer(self)
        self._tick.setInterval(500)
        self._tick.timeout.connect(self._render_time)
        self.hide()

    def render_legs(self, legs: tuple[CallInfo, ...]) -> None:
        """`legs`: all but the one in hand."""
        for row, leg in zip(self._rows, (*legs, None, None, None), strict=False):
            row.render_leg(leg)
        self.setVisible(bool(legs))
        if legs:
            self._tick.start()
        else:
            self._tick.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Names come first: in a narrow window the buttons are signs only."""
        super().resizeEvent(event)
        for row in self._rows:
            row.render_leg(row.leg)

    def _render_time(self) -> None:
        for row in self._rows:
            row.render_time()


class LegRow(QWidget):
    """One leg."""

    def __init__(self, panel: LegsPanel, number: int) -> None:
        super().__init__()
        self.leg: CallInfo | None = None
        self._panel = panel
        self._sign = QLabel()
        self._sign.setFixedSize(QSize(22, 22))
        self._who = elided(role="label", name=f"leg_{number}_caller")
        self._state = Pill(f"leg_{number}_state")
        self._timer = label(role="number", name=f"leg_{number}_timer")
        self.answer = Button(kind="success", icon="answer", name=f"leg_{number}_answer")
        self.hand_over = Button(kind="primary", icon="transfer", name=f"leg_{number}_hand_over")
        self.swap = Button(icon="swap", name=f"leg_{number}_swap")
        self.merge = Button(icon="conference", name=f"leg_{number}_merge")
        self.end = Button(kind="danger", icon="hang_up", name=f"leg_{number}_end")
        self.answer.clicked.connect(panel.answer)
        self.hand_over.clicked.connect(panel.hand_over)
        self.swap.clicked.connect(panel.swap)
        self.merge.clicked.connect(self._merge_or_split)
        self.end.clicked.connect(self._end_leg)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.S, 0, 0, 0)
        layout.setSpacing(Space.M)
        layout.addWidget(self._sign)
        layout.addWidget(self._who, 1)
        layout.addWidget(self._state)
        layout.addWidget(self._timer, 0, Qt.AlignmentFlag.AlignRight)
        for button in (self.answer, self.hand_over, self.swap, self.merge, self.end):
            layout.addWidget(button)
        self.hide()

    def render_leg(self, leg: CallInfo | None) -> None:
        """Shows the leg; the buttons are those that make sense for it."""
        self.leg = leg
        self.setVisible(leg is not None)
        if leg is None:
            return
        who = leg.remote_name or phone_words(leg.remote_number) or self.tr("Unknown caller")
        waiting, connected = leg.state == "incoming", leg.state == "active"
        self._who.setText(who)
        self._sign.setPixmap(pixmap("incoming" if leg.direction == "in" else "dial", "accent_ink", 22))
        self._state.render_as(*self._words(leg))
        alone = connected and not leg.conference
        merge = (self.tr("Conference"), self.tr("Conference with {who} and the caller"))
        if leg.conference:
            merge = (self.tr("Take apart"), self.tr("Take the conference apart"))
        meaning = self.tr("Answer {who}, hold the other call")
        self._put(self.answer, waiting, self.tr("Answer and hold"), meaning.format(who=who), "F2")
        meaning = self.tr("Hand the caller over to {who}")
        asked = alone and bool(leg.beside)  # a second customer is nobody to hand the first one to
        self._put(self.hand_over, asked, self.tr("Hand over"), meaning.format(who=who), "F3")
        self._put(self.swap, alone, self.tr("Swap"), self.tr("Speak with the other call"), "F5")
        self._put(self.merge, connected, merge[0], merge[1].format(who=who), "F10")
        words, meaning = self._end_words(leg)
        self._put(self.end, True, words, meaning.format(who=who), "", sign=connected)
        self.render_time()

    def render_time(self) -> None:
        """Time since it was answered; a call that waits, since it began to ring."""
        leg = self.leg
        if leg is not None:
            since = leg.answered_at if leg.answered_at is not None else leg.begun_at
            set_text(self._timer, clock(max(0.0, time.time() - since)))

    def _put(
        self, button: Button, shown: bool, words: str, meaning: str, key: str, *, sign: bool = False
    ) -> None:
        """A button as it is now; a sign only where words have no room."""
        sign = sign or (self._panel.width() < _NARROW and button is not self.answer)
        button.setVisible(shown)
        button.hint = "" if sign else key
        button.set_words("" if sign else words)
        button.setAccessibleName(meaning)
        button.setToolTip(f"{meaning} ({key})" if key else meaning)

    def _end_words(self, leg: CallInfo) -> tuple[str, str]:
        if leg.state == "incoming":
            return self.tr("Decline"), self.tr("Tell {who} that the line is busy")
        if leg.state != "active":
            return self.tr("Cancel"), self.tr("Stop calling {who}")
        return (self.tr("Drop"), self.tr("End the call with {who}"))

    def _words(self, leg: CallInfo) -> tuple[str, pill.Tone]:
        if leg.state == "active" and leg.conference:
            return self.tr("In conference"), pill.GOOD
        if leg.state == "active" and leg.hold != "off":
            waiting = leg.hold == "pending"
            return (self.tr("One moment"), pill.ACCENT) if waiting else (self.tr("On hold"), pill.WARN)
        return {
            "incoming": (self.tr("Waiting"), pill.ACCENT),
            "outgoing": (self.tr("Calling"), pill.ACCENT),
            "early": (self.tr("Ringing there"), pill.ACCENT),
            "connecting": (self.tr("Connecting"), pill.ACCENT),
            "active": (self.tr("Connected"), pill.GOOD),
            "ended": (self.tr("Ended"), pill.PLAIN),
        }[leg.state]

    def _merge_or_split(self) -> None:
        if self.leg is not None:
            (self._panel.split if self.leg.conference else self._panel.merge).emit()

    def _end_leg(self) -> None:
        leg = self.leg
        if leg is None:
            return
        if leg.beside and leg.state not in ("active", "incoming"):
            self._panel.cancel.emit()
        else:
            self._panel.end.emit(leg.key)
