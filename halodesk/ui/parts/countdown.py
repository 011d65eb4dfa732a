"""The time until a point in time, running down while it is seen."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.parts.words import clock
from halodesk.ui.theme.tokens import Space

_TICK_MS = 250


class Countdown(QFrame):
    """Minutes and seconds beside a sentence; hidden without a point in time."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("pane", "inset")
        self._until = 0.0
        self._left = label(role="amount", name=f"{name}:left")
        self._words = label(role="body", wrap=True)
        self._more = label(role="help", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(Space.XS)
        words.addWidget(self._words)
        words.addWidget(self._more)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.XL)
        layout.addWidget(self._left)
        layout.addLayout(words, 1)
        self._ticks = QTimer(self, interval=_TICK_MS)
        self._ticks.timeout.connect(self._show_left)

    def render_as(self, until: float | None, words: str, more: str = "") -> None:
        """`until`: Unix seconds; None hides it."""
        self._until = until or 0.0
        self._words.setText(words)
        set_text(self._more, more)
        self._show_left()
        self.setVisible(until is not None)

    def showEvent(self, event: QShowEvent) -> None:
        """Runs."""
        self._ticks.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stands still."""
        self._ticks.stop()

    def _show_left(self) -> None:
        # half a second more: a fresh minute reads 01:00, and 00:00 is seen at its end only
        text = clock(self._until - time.time() + 0.5)
        if self._left.text() != text:
            self._left.setText(text)
            self.setAccessibleName(text)
