"""The time line of a replay: steps, masks, the recording's waveform, and where the replay stands."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from halodesk.runtime.review import Review, Waveform
from halodesk.ui.parts.words import clock
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Space, Type

_STEPS, _WAVE, _RULER, _GAP = 24, 62, 18, 6
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


class TimeLine(QWidget):
    """Emits the second a click or drag asks for."""

    sought = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("time_line")
        self.setAccessibleName(self.tr("Time line"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._review: Review | None = None
        self._wave: Waveform | None = None
        self._at_s = 0.0
        self._step = 0

    def sizeHint(self) -> QSize:
        """Three lanes."""
        return QSize(600, _STEPS + _GAP + _WAVE + _RULER)

    def show_review(self, review: Review | None) -> None:
        """Another session; its waveform comes later."""
        self._review, self._wave = review, None
        self.update()

    def show_waveform(self, wave: Waveform) -> None:
        """The recording's outline."""
        self._wave = wave
        self.update()

    def show_time(self, at_s: float, step: int) -> None:
        """Where the replay stands."""
        self._at_s, self._step = at_s, step
        if self._review is not None:
            words = self.tr("{at} of {all}").format(at=clock(at_s), all=clock(self._review.seconds))
            self.setAccessibleDescription(words)
        self.update()

    def x_of(self, at_s: float) -> float:
        """Where a second lies."""
        total = self._review.seconds if self._review is not None else 1.0
        return Space.S + (self.width() - 2 * Space.S) * min(max(at_s / total, 0.0), 1.0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """There."""
        self._seek(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Dragging."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event)

    def _seek(self, event: QMouseEvent) -> None:
        if self._review is not None:
            part = (event.position().x() - Space.S) / max(self.width() - 2 * Space.S, 1)
            self.sought.emit(min(max(part, 0.0), 1.0) * self._review.seconds)

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Lanes from top to bottom, then the playhead."""
        review = self._review
        if review is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._steps(painter, review)
        self._sound(painter, review)
        self._marks(painter, review)
        self._ruler(painter, review)
        self._playhead(painter)

    def _span(self, since: float, until: float, top: float, height: float) -> QRectF:
        left = self.x_of(since)
        return QRectF(left, top, max(self.x_of(until) - left, 2), height)

    def _steps(self, painter: QPainter, review: Review) -> None:
        painter.setFont(font(Type.CAPTION, QFont.Weight.DemiBold))
        for at, step in enumerate(review.steps):
            box = self._span(step.at_s, step.at_s + step.seconds, 0, _STEPS).adjusted(0.5, 0.5, -1, -0.5)
            late = 0 < step.target_s < step.seconds
            here = at == self._step
            painter.setPen(QPen(colour("accent" if here else "border"), 1.5 if here else 1))
            painter.setBrush(colour("accent_soft" if here else "warning_soft" if late else "raised"))
            painter.drawRoundedRect(box, 5, 5)
            if box.width() > 44:
                inner = box.adjusted(7, 0, -5, 0)
                shown = painter.fontMetrics().elidedText(
                    step.title, Qt.TextElideMode.ElideRight, int(inner.width())
                )
                painter.setPen(colour("accent_ink" if here else "warning_ink" if late else "muted"))
                painter.drawText(inner, int(Qt.AlignmentFlag.AlignVCenter), shown)

    def _sound(self, painter: QPainter, review: Review) -> None:
        top = _STEPS + _GAP
        lane = QRectF(Space.S, top, self.width() - 2 * Space.S, _WAVE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("raised"))
        painter.drawRoundedRect(lane, Radius.S, Radius.S)
        audio = review.audio
        if audio is not None:
            spans = tuple((a + audio.at_s, b + audio.at_s) for a, b in audio.masked)
        else:
            spans = review.masked
        painter.setFont(font(Type.CAPTION, QFont.Weight.DemiBold))
        for since, until in spans:
            box = self._span(since, until, top, _WAVE)
            painter.fillRect(box, colour("mask_soft"))
            painter.fillRect(QRectF(box.left(), top, box.width(), 3), colour("mask"))
            words = self.tr("masked")
            if box.width() > painter.fontMetrics().horizontalAdvance(words) + 8:
                painter.setPen(colour("mask_ink"))
                painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), words)
                painter.setPen(Qt.PenStyle.NoPen)
        if audio is None:
            painter.setPen(colour("muted"))
            painter.drawText(lane, int(Qt.AlignmentFlag.AlignCenter), self.tr("No recording of this session"))
        elif self._wave is not None:
            left, right = self.x_of(audio.at_s), self.x_of(audio.at_s + audio.seconds)
            middle = top + _WAVE / 2
            _outline(painter, self._wave.agent, left, right, middle - 1, -1, "accent")
            _outline(painter, self._wave.caller, left, right, middle + 1, 1, "edge")

    def _marks(self, painter: QPainter, review: Review) -> None:
        for moment in review.moments:
            if moment.kind in ("incident", "erased"):
                sign, ink = ("flag", "warning_ink") if moment.kind == "incident" else ("erase", "muted")
                x = int(self.x_of(moment.at_s))
                painter.drawPixmap(min(x, self.width() - 14), _STEPS + _GAP + 2, pixmap(sign, ink, 14))

    def _ruler(self, painter: QPainter, review: Review) -> None:
        painter.setFont(font(11, digits=True))
        painter.setPen(colour("muted"))
        most = max(self.width() // 90, 1)
        step = next((tick for tick in _TICKS if review.seconds / tick <= most), _TICKS[-1])
        top = _STEPS + _GAP + _WAVE + 3
        for at in range(0, int(review.seconds) + 1, step):
            x = self.x_of(at)
            if x < self.width() - 40:
                painter.drawText(QRectF(x, top, 60, 14), int(Qt.AlignmentFlag.AlignLeft), clock(at))

    def _playhead(self, painter: QPainter) -> None:
        x = self.x_of(self._at_s)
        painter.setPen(QPen(colour("danger"), 2))
        painter.drawLine(QPointF(x, 0), QPointF(x, _STEPS + _GAP + _WAVE))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("danger"))
        painter.drawPolygon(QPolygonF([QPointF(x - 6, 0), QPointF(x + 6, 0), QPointF(x, 8)]))


def _outline(
    painter: QPainter,
    peaks: tuple[float, ...],
    left: float,
    right: float,
    base: float,
    way: int,
    token: str,
) -> None:
    """One side of the call, from its base line up or down."""
    if not peaks:
        return
    room = _WAVE / 2 - 4
    each = (right - left) / len(peaks)
    # The square root: speech is mostly quiet, and it is to be seen.
    points = [QPointF(left + each * at, base + way * room * peak**0.5) for at, peak in enumerate(peaks)]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(token))
    painter.drawPolygon(QPolygonF([QPointF(left, base), *points, QPointF(right, base)]))
