"""Pills side by side, on as many lines as they need."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from halodesk.ui.parts.pill import Pill, Tone
from halodesk.ui.theme.tokens import Space

_HEIGHT = 26
_GAP = Space.XS + 2


class PillStrip(QWidget):
    """Keeps its pills; text, tone, icon and tip of each are given anew."""

    def __init__(self) -> None:
        super().__init__()
        self._pills: list[Pill] = []
        self._shown = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._place()

    def render_as(self, pills: Sequence[tuple[str, Tone, str, str]]) -> None:
        """Shows these."""
        while len(self._pills) < len(pills):
            pill = Pill(f"web_field:{len(self._pills)}", height=_HEIGHT)
            pill.setParent(self)
            self._pills.append(pill)
        for pill, (text, tone, icon, tip) in zip(self._pills, pills, strict=False):
            pill.render_as(text, tone, icon=icon, tip=tip)
        for pill in self._pills[len(pills) :]:
            pill.hide()
        self._shown = len(pills)
        self._place()

    def sizeHint(self) -> QSize:
        """As high as its lines."""
        return QSize(200, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other lines in another width."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        left = top = 0
        for pill in self._pills[: self._shown]:
            width = pill.sizeHint().width()
            if left and left + width > self.width():
                left, top = 0, top + _HEIGHT + _GAP
            pill.setGeometry(left, top, width, _HEIGHT)
            left += width + _GAP
        if self.minimumHeight() != top + _HEIGHT:
            self.setFixedHeight(top + _HEIGHT)
