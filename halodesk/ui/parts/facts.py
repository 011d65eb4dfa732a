"""A strip of facts side by side: a small name above each value."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from halodesk.ui.parts.labels import elided, label
from halodesk.ui.theme.tokens import Space

Fact = tuple[str, str]


class FactStrip(QFrame):
    """Shows the facts that have a value, in the order given."""

    def __init__(self, name: str, *, value_role: str = "strong") -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("pane", "inset")
        self._role = value_role
        self._cells: list[tuple[QLabel, QLabel]] = []
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        self._layout.setSpacing(Space.XL)

    def render_as(self, facts: tuple[Fact, ...]) -> None:
        """Shows these facts; hidden where none has a value."""
        facts = tuple(fact for fact in facts if fact[1])
        while len(self._cells) < len(facts):
            cell = QVBoxLayout()
            cell.setSpacing(2)
            pair: tuple[QLabel, QLabel] = (label(role="caption"), elided(role=self._role))
            for part in pair:
                cell.addWidget(part)
            self._cells.append(pair)
            self._layout.addLayout(cell, 1)
        for index, pair in enumerate(self._cells):
            words = facts[index] if index < len(facts) else ("", "")
            for part, text in zip(pair, words, strict=True):
                part.setText(text)
                part.setVisible(bool(words[1]))
        self.setVisible(bool(facts))
