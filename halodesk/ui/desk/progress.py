"""At the bottom: which flow, how far, how long on this step."""

from __future__ import annotations

import time

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from halodesk.engine.page import Page
from halodesk.ui.parts.labels import elided, label, tabular
from halodesk.ui.parts.words import clock
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.tokens import Space


class Progress(QFrame):
    """Renders the progress of the flow; hidden without a session."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "bar")
        self.setFixedHeight(38)
        self._flow = elided(role="caption", name="flow_name")
        self._bar = Bar()
        self._percent = label(role="caption-strong", name="flow_progress")
        self._clock = label(role="caption", name="step_clock")
        tabular(self._clock)
        self._target = 0
        self._since = 0.0
        self._tick = QTimer(self)
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self._render_clock)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.XL, 0, Space.XL, 0)
        layout.setSpacing(Space.L)
        layout.addWidget(self._flow, 2)
        layout.addWidget(self._bar, 3)
        layout.addWidget(self._percent)
        layout.addWidget(self._clock)
        self.hide()

    def render_page(self, page: Page | None, flow_name: str, *, entering: bool) -> None:
        """Shows the page's place in its flow."""
        self.setVisible(page is not None)
        if page is None or page.ended:
            self._tick.stop()
        if page is None:
            return
        self._flow.setText(flow_name)
        self._bar.render_as(page.progress, page.title)
        self._percent.setText(f"{round(page.progress * 100)} %")
        self._target = page.target_seconds
        if entering:
            self._since = time.monotonic()
        if not page.ended:
            self._tick.start()
            self._render_clock()
        self._clock.setVisible(not page.ended)

    def _render_clock(self) -> None:
        spent = clock(time.monotonic() - self._since)
        if self._target:
            words = self.tr("{spent} of {target} on this step").format(
                spent=spent, target=clock(self._target)
            )
        else:
            words = self.tr("{spent} on this step").format(spent=spent)
        self._clock.setText(words)


class Bar(QWidget):
    """A thin bar."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(8)
        self._share = 0.0

    def render_as(self, share: float, title: str) -> None:
        """`share` from 0 to 1."""
        self._share = share
        self.setAccessibleName(self.tr("Progress"))
        self.setAccessibleDescription(f"{round(share * 100)} %, {title}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Groove and bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        area = QRectF(self.rect()).adjusted(0, 1, 0, -1)
        painter.setBrush(colour("border"))
        painter.drawRoundedRect(area, 3, 3)
        if self._share > 0:
            area.setWidth(max(area.width() * min(self._share, 1.0), 6))
            painter.setBrush(colour("accent"))
            painter.drawRoundedRect(area, 3, 3)
