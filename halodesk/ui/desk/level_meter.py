"""How loud it is, as a bar: painted when it changes by something one can see, and only while it is seen."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from halodesk.protocol.phone_sound import SILENT_DB
from halodesk.ui.theme.active import colour

FLOOR_DB = -54.0
"""Below this a room is quiet."""
LOUD_DB = -3.0
"""From here on it sounds rough."""
FALL = 0.12
"""A bar falls by this share of its length at most at each reading: a flicker tells nobody anything."""
_STEPS = 40


class LevelMeter(QWidget):
    """A horizontal or vertical bar; grey when silent, amber when too loud."""

    def __init__(self, words: str, name: str, *, upright: bool = False) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.upright = upright
        self.share = 0.0
        """0 to 1."""
        self._loud = False
        fixed, free = QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding
        self.setSizePolicy(fixed if upright else free, fixed)

    def sizeHint(self) -> QSize:
        return QSize(6, 34) if self.upright else QSize(120, 6)

    def render_level(self, level_db: float) -> None:
        """dB below full scale."""
        wanted = min(1.0, max(0.0, 1 - level_db / FLOOR_DB)) if level_db > SILENT_DB else 0.0
        share = round(max(wanted, self.share - FALL) * _STEPS) / _STEPS
        loud = level_db >= LOUD_DB
        if (share, loud) != (self.share, self._loud):
            self.share, self._loud = share, loud
            self.update()

    def clear(self) -> None:
        """Nothing is heard."""
        if self.share:
            self.share, self._loud = 0.0, False
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A groove, and in it the level."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        body = QRectF(self.rect())
        radius = min(body.width(), body.height()) / 2
        painter.setBrush(colour("border"))
        painter.drawRoundedRect(body, radius, radius)
        if not self.share:
            return
        if self.upright:
            body.setTop(body.bottom() - body.height() * self.share)
        else:
            body.setRight(body.left() + body.width() * self.share)
        painter.setBrush(colour("warning" if self._loud else "success"))
        painter.drawRoundedRect(body, radius, radius)
