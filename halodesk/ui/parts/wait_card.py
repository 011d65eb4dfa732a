"""A turning arc with the words for outside work that is under way."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.parts.spinner import Spinner
from halodesk.ui.theme.tokens import Space


class WaitCard(QFrame):
    """Hidden while nothing is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "inset")
        self._words = label(role="section", name="waiting", wrap=True)
        self._more = label(role="muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(Space.XS)
        words.addWidget(self._words)
        words.addWidget(self._more)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        layout.setSpacing(Space.L)
        layout.addWidget(Spinner(44), 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(words, 1)

    def render_as(self, words: str, more: str) -> None:
        """What is under way, and what it means for the agent."""
        self._words.setText(words)
        set_text(self._more, more)
        self.setVisible(bool(words))
