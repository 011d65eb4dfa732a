"""The picture of a flow: read-only, the current node marked, those visited hinted."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QHelpEvent, QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QToolTip, QWidget

from halodesk.engine.flow_agent.picture import ACROSS, WIDTH, Arrow, Box, Picture
from halodesk.runtime.simulator_port import Way
from halodesk.ui.flow_agents.event_words import tr
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.tokens import Radius, Space, Type

_SMALLEST, _LARGEST = 0.56, 1.0
"""Scales between which the picture is fitted; below the first, words would not be read."""
_ABOVE, _BELOW = 72.0, 28.0
"""Room for arrows that pass over a node, and for those that lead back around the lowest ones."""
_FAR = WIDTH + ACROSS
"""An arrow of this length has a node between its ends."""
_HEAD = 9.0


class FlowView(QScrollArea):
    """Fits the picture into its width, and keeps the current node in sight. Arrow keys scroll."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("flow_picture")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.canvas = _Canvas()
        self.setWidget(self.canvas)
        self._shown: tuple[Picture, str, tuple[str, ...]] | None = None

    def show_flow(self, picture: Picture, ways: tuple[Way, ...], node: str, visits: tuple[str, ...]) -> None:
        """Shows this flow as the conversation stands."""
        shown = (picture, node, visits)
        if shown == self._shown:
            return
        self._shown = shown
        self.canvas.take(picture, ways, node, visits)
        self.setAccessibleName(self._words())
        self._fit()
        self._see()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fits it anew."""
        super().resizeEvent(event)
        self._fit()
        self._see()

    def _fit(self) -> None:
        room = self.viewport().size()
        self.canvas.fit(room)

    def _see(self) -> None:
        place = self.canvas.place_of(self.canvas.node)
        if place is not None:
            at = place.center().toPoint()
            self.ensureVisible(at.x(), at.y(), int(place.width()), int(place.height()))

    def _words(self) -> str:
        canvas = self.canvas
        if not canvas.picture.boxes:
            return tr("No flow to show")
        words = tr("Flow of {number} nodes").format(number=len(canvas.picture.boxes))
        if canvas.node:
            words += ". " + tr("Now in {node}").format(node=canvas.node)
            words += ". " + tr("Visited: {nodes}").format(nodes=", ".join(canvas.visits))
        return words


class _Canvas(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "scrolled")
        self.setMouseTracking(True)
        self.picture = Picture(boxes=(), arrows=(), width=0, height=0)
        self.node = ""
        self.visits: tuple[str, ...] = ()
        self._ways: tuple[Way, ...] = ()
        self._scale = 1.0
        self._left = self._top = float(Space.L)

    def take(self, picture: Picture, ways: tuple[Way, ...], node: str, visits: tuple[str, ...]) -> None:
        self.picture, self._ways, self.node, self.visits = picture, ways, node, visits
        self.update()

    def fit(self, room: QSize) -> None:
        edge = 2 * Space.L
        wide, high = self.picture.width, _ABOVE + self.picture.height + _BELOW
        wanted = min((room.width() - edge) / max(wide, 1), (room.height() - edge) / high)
        self._scale = max(_SMALLEST, min(_LARGEST, wanted))
        width, height = wide * self._scale, high * self._scale
        self._left = max(float(Space.L), (room.width() - width) / 2)
        self._top = max(float(Space.L), (room.height() - height) / 2) + _ABOVE * self._scale
        self.resize(max(room.width(), int(width) + edge), max(room.height(), int(height) + edge))
        self.update()

    def place_of(self, node: str) -> QRectF | None:
        """Where a node stands on this widget."""
        box = next((box for box in self.picture.boxes if box.node == node), None)
        return None if box is None else self._area(box)

    def _at(self, x: float, y: float) -> QPointF:
        return QPointF(self._left + x * self._scale, self._top + y * self._scale)

    def _area(self, box: Box) -> QRectF:
        corner = self._at(box.x, box.y)
        return QRectF(corner.x(), corner.y(), box.width * self._scale, box.height * self._scale)

    def event(self, event: QEvent) -> bool:
        """A tool tip lists a node's ways on."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            spot = QPointF(event.pos())
            box = next((box for box in self.picture.boxes if self._area(box).contains(spot)), None)
            words = "" if box is None else self._ways_of(box)
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)

    def _ways_of(self, box: Box) -> str:
        lines = [box.node]
        lines += [f"{way.function} → {way.target}" for way in self._ways if way.node == box.node]
        text = "\n".join(lines)
        return text.replace("<", "‹")  # plain for Qt, whatever a document calls its nodes

    def paintEvent(self, event: QPaintEvent) -> None:
        """Arrows below, nodes above."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for arrow in sorted(self.picture.arrows, key=lambda one: one.source == self.node):
            self._arrow(painter, arrow)
        for box in self.picture.boxes:
            self._box(painter, box)

    def _arrow(self, painter: QPainter, arrow: Arrow) -> None:
        points = [self._at(*point) for point in arrow.points]
        begin, end = points[0], points[-1]
        path = QPainterPath(begin)
        if len(points) > 2:
            path.cubicTo(points[1], points[2], end)
        elif end.x() - begin.x() > _FAR * self._scale:  # over what stands between, not through it
            layers = (end.x() - begin.x()) / self._scale // _FAR
            peak = self._at(0, -min(12 + 12 * layers, _ABOVE - 6)).y()
            first, last = (y - (y - peak) / 0.75 for y in (begin.y(), end.y()))  # three quarters are reached
            path.cubicTo(QPointF(begin.x() + 24, first), QPointF(end.x() - 24, last), end)
        else:
            reach = max(24.0, (end.x() - begin.x()) / 2)
            path.cubicTo(QPointF(begin.x() + reach, begin.y()), QPointF(end.x() - reach, end.y()), end)
        now = bool(self.node) and arrow.source == self.node
        ink = colour("accent" if now else "edge")
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(ink, 2.0 if now else 1.2))
        painter.drawPath(path)
        head = QPainterPath(end)
        head.lineTo(end.x() - _HEAD, end.y() - _HEAD / 2)
        head.lineTo(end.x() - _HEAD, end.y() + _HEAD / 2)
        head.closeSubpath()
        painter.fillPath(head, ink)

    def _box(self, painter: QPainter, box: Box) -> None:
        area = self._area(box)
        now, visited = box.node == self.node, box.node in self.visits
        body = "accent" if now else "accent_soft" if visited else "raised"
        edge = "accent" if now or visited else "edge"
        painter.setBrush(colour(body))
        painter.setPen(QPen(colour(edge), 2 if now or box.terminal else 1))
        radius = area.height() / 2 if box.terminal else float(Radius.M)
        painter.drawRoundedRect(area, radius, radius)
        if box.initial:  # a bar at its left edge: here it begins
            bar = QRectF(area.left() - 7, area.top() + area.height() / 4, 4, area.height() / 2)
            painter.fillRect(bar, colour(edge))
        strong = QFont.Weight.DemiBold if now or visited else QFont.Weight.Medium
        painter.setFont(font(Type.CAPTION, strong))
        painter.setPen(colour("on_accent" if now else "accent_ink" if visited else "text"))
        inner = area.adjusted(Space.S, 2, -Space.S, -2)
        words = _lines(box.node, painter, inner.width())
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignCenter), words)


def _lines(name: str, painter: QPainter, width: float) -> str:
    """A node's name on one line or on two, parted at an underscore, a dash or a blank."""
    metrics = painter.fontMetrics()
    if metrics.horizontalAdvance(name) <= width:
        return name
    gaps = [at + 1 for at, sign in enumerate(name) if sign in "_- " and at]
    if not gaps:
        return metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(width))
    at = min(gaps, key=lambda gap: abs(gap - len(name) / 2))
    return "\n".join(
        metrics.elidedText(part, Qt.TextElideMode.ElideRight, int(width)) for part in (name[:at], name[at:])
    )
