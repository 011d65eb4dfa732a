"""radio_group: one of a few options, all in sight; keys 1 to 9 while it has the focus."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QGridLayout, QWidget

from halodesk.engine.page import FieldView
from halodesk.ui.fields.base import FULL, FieldHost, FieldWidget
from halodesk.ui.parts.tiles import Tile
from halodesk.ui.theme.tokens import Space

KIND = "radio_group"
_COLUMNS = 3


class TilesField(FieldWidget):
    """Options as tiles. None of them is chosen until the person chooses."""

    span = FULL

    def __init__(self, host: FieldHost) -> None:
        super().__init__(host)
        self.group = QButtonGroup(self)
        self.group.buttonClicked.connect(self._clicked)
        self._tiles: list[Tile] = []
        self._used = 0
        self._grid = QGridLayout()
        self._grid.setSpacing(Space.S)
        self.body.addLayout(self._grid)

    def options(self, view: FieldView) -> list[tuple[str, Any, str]]:
        """Key, value and words of each option."""
        return [(option.value, option.value, option.label or option.value) for option in view.options]

    def make_tile(self) -> Tile:
        """One tile."""
        return Tile()

    def tiles(self) -> list[Tile]:
        """The tiles in use, in the order of the options."""
        return self._tiles[: self._used]

    def inputs(self) -> list[QWidget]:
        """The tiles in use."""
        return list(self.tiles())

    def raw(self) -> Any:
        """Value of the chosen tile, or None."""
        chosen = self.group.checkedButton()
        return chosen.value if isinstance(chosen, Tile) else None

    def put(self, value: Any) -> None:
        """Chooses the tile of the value, or none."""
        if value == self.raw() and (value is None) == (self.group.checkedButton() is None):
            return
        self.group.setExclusive(False)
        for tile in self._tiles[: self._used]:
            tile.setChecked(value is not None and tile.value == value)
        self.group.setExclusive(True)

    def name_inputs(self, view: FieldView) -> None:
        """One tile an option."""
        options = self.options(view)
        while len(self._tiles) < len(options):
            index = len(self._tiles)
            tile = self.make_tile()
            self.group.addButton(tile)
            self._tiles.append(tile)
            self.watch(tile)
            self._grid.addWidget(tile, index // _COLUMNS, index % _COLUMNS)
        self._used = len(options)
        for index, tile in enumerate(self._tiles):
            tile.setVisible(index < self._used)
            # Qt leaves Tab to the tile that was used last, and here that was one of another field.
            tile.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            tile.hint = str(index + 1) if index < 9 and len(options) > 2 else ""
        for tile, (key, value, words) in zip(self._tiles, options, strict=False):
            tile.show_option(value, words, f"field:{view.name}={key}")
            tile.setAccessibleName(f"{view.label}: {words}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys 1 to 9 choose, where the tiles say so."""
        text = event.text()
        if len(text) == 1 and text in "123456789" and not event.modifiers().value & ~_KEYPAD:
            index = int(text) - 1
            if index < self._used and self._tiles[index].hint and self._tiles[index].isEnabled():
                self._tiles[index].setFocus()
                self._tiles[index].click()
                return
        super().keyPressEvent(event)

    def is_text_input(self) -> bool:
        """Digits it does not take itself are free for the choices."""
        return False

    def _clicked(self) -> None:
        self.dirty = True
        if self.problem:
            self.refuse("")
        self.commit()


_KEYPAD = 0x20000000
"""Qt.KeypadModifier: digits of the number pad count as digits."""

WIDGET = TilesField
