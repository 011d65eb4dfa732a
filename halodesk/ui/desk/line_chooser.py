"""By which of several lines calls go out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from halodesk.protocol.phone_link import Registration
from halodesk.ui.parts.combo import Combo
from halodesk.ui.parts.labels import label
from halodesk.ui.theme.tokens import Space


class LineChooser(QWidget):
    """Hidden at a seat with one line; emits the key of the account that was chosen."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[tuple[str, str], ...] = ()
        self.list = Combo()
        self.list.setObjectName("dial_line")
        self.list.setAccessibleName(self.tr("Line calls go out by"))
        self.list.activated.connect(lambda place: self.chosen.emit(self.list.itemData(place)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.XS)
        layout.addWidget(label(self.tr("By line"), "caption"))
        layout.addWidget(self.list)
        self.hide()

    def render_lines(self, lines: Sequence[Registration], chosen: str) -> None:
        """`chosen`: key of the account in use."""
        shown = tuple((line.account, self._words(line)) for line in lines)
        if shown != self._shown:
            self._shown = shown
            self.list.clear()
            for key, words in shown:
                self.list.addItem(words, key)
        self.list.setCurrentIndex(self.list.findData(chosen))
        self.setVisible(len(shown) > 1)

    def _words(self, line: Registration) -> str:
        name = line.name or line.account
        if line.state == "registered" or (line.state == "unregistered" and not line.code):
            return name
        return self.tr("{name} (down)").format(name=name)
