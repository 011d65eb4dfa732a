"""A list of names and values, two columns or one above the other, with reused labels."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from halodesk.ui.parts.labels import label, set_tip
from halodesk.ui.theme.tokens import Space


class Row(NamedTuple):
    """`name` on the left (or above), `value` on the right (or below)."""

    name: str
    value: str
    tip: str = ""


class Rows(QWidget):
    """Shows rows; labels are made once and kept for the next ones."""

    def __init__(
        self,
        name_role: str,
        value_role: str,
        *,
        stacked: bool = False,
        wide: bool = False,
        spacing: int = Space.S,
    ) -> None:
        """`wide`: values are sentences, left in a column of their own; else amounts at the right edge."""
        super().__init__()
        self._roles = (name_role, value_role)
        self._stacked = stacked
        self._wide = wide
        self._pairs: list[tuple[QLabel, QLabel]] = []
        self._shown: tuple[Row, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(Space.M)
        self._grid.setVerticalSpacing(2 if stacked else spacing)
        self._grid.setColumnStretch(0, 2)
        self._grid.setColumnStretch(1, 3 if wide else 0)
        self._spacing = spacing

    def render(self, rows: tuple[Row, ...]) -> None:  # type: ignore[override]
        """Shows exactly these rows."""
        if rows == self._shown:
            return
        self._shown = rows
        while len(self._pairs) < len(rows):
            self._pairs.append(self._pair(len(self._pairs)))
        for index, (name, value) in enumerate(self._pairs):
            row = rows[index] if index < len(rows) else None
            if row is not None:
                name.setText(row.name)
                value.setText(row.value)
                set_tip(name, row.tip)
            name.setVisible(row is not None)
            value.setVisible(row is not None)

    def _pair(self, index: int) -> tuple[QLabel, QLabel]:
        name = label(role=self._roles[0], wrap=True)
        value = label(role=self._roles[1], wrap=self._stacked or self._wide)
        if self._stacked:
            name.setContentsMargins(0, self._spacing if index else 0, 0, 0)
            self._grid.addWidget(name, 2 * index, 0)
            self._grid.addWidget(value, 2 * index + 1, 0)
        else:
            self._grid.addWidget(name, index, 0)
            if self._wide:
                self._grid.addWidget(value, index, 1)
            else:
                self._grid.addWidget(value, index, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        return name, value
