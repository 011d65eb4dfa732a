"""The agent's state in the bar, and the panel in which it is chosen (F12)."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QSizePolicy, QVBoxLayout, QWidget

from halodesk.engine.commands import Refused
from halodesk.runtime.agent_ports import AgentPort, DayTopic
from halodesk.runtime.agent_state import Choice
from halodesk.runtime.ports import Unsubscribe
from halodesk.ui.desk.agent_words import queue_words, state_look, state_words, tr
from halodesk.ui.parts import pill
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, set_text, set_tip
from halodesk.ui.parts.words import clock
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Size, Space, Type

_WIDTH = 320
_DIGITS = "123456789"


class AgentButton(QAbstractButton):
    """What the agent is, since when; a press opens the choice."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("agent_button")
        self.setFixedHeight(Size.BUTTON_SMALL)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._agent: AgentPort | None = None
        self._panel: AgentPanel | None = None
        self._leave: Unsubscribe | None = None
        self._words, self._time, self._tone, self._icon = "", "", pill.PLAIN, ""
        self._beat = QTimer(self, interval=1000)
        self._beat.timeout.connect(self._render)
        self.clicked.connect(self.open_panel)
        self.hide()

    def attach(self, agent: AgentPort | None) -> None:
        """Shows the state of this agent; without one there is no button."""
        self._agent = agent
        self.setVisible(agent is not None)
        if agent is not None:
            self._leave = agent.subscribe(self._told)
            self._beat.start()
            self._render()

    def detach(self) -> None:
        """The window closes."""
        self._beat.stop()
        if self._leave is not None:
            self._leave()
            self._leave = None
        if self._panel is not None:
            self._panel.detach()

    def open_panel(self) -> None:
        """Shows the choice."""
        if self._agent is not None:
            if self._panel is None:
                self._panel = AgentPanel(self, self._agent)
            self._panel.open_below(self)

    def _told(self, topic: DayTopic) -> None:
        if topic in ("state", "queues"):
            self._render()

    def _render(self) -> None:
        if self._agent is None:
            return
        view, now = self._agent.view, self._agent.now()
        words, (tone, icon) = state_words(view), state_look(view)
        left = view.until - now if view.shown == "wrap_up" and view.until is not None else None
        time = clock(now - view.since if left is None else abs(left))
        time = f"+{time}" if left is not None and left <= 0 else time
        if (words, len(time), icon) != (self._words, len(self._time), self._icon):
            self.updateGeometry()
        self._words, self._time, self._tone, self._icon = words, time, tone, icon
        self.setText(words)
        self.setAccessibleName(tr("Your state: {state}").format(state=words))
        tip = "\n".join((tr("Your state (F12)"), *queue_words(view.queues)))
        self.setAccessibleDescription("\n".join(queue_words(view.queues)))
        set_tip(self, tip)
        self.update()

    @property
    def shown_time(self) -> str:
        """The time that is shown: since when, or how much of the wrap-up is left."""
        return self._time

    def sizeHint(self) -> QSize:
        """Sign, words, time."""
        words = QFontMetrics(self._font()).horizontalAdvance(self._words)
        time = QFontMetrics(self._digits()).horizontalAdvance(self._time)
        return QSize(2 * Space.M + (18 if self._icon else 8) + 2 * Space.S + words + time + 4, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """A pill that can be pressed."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        ring = self.hasFocus() or self.underMouse()
        painter.setPen(QPen(colour("accent" if self.hasFocus() else "edge"), 2 if self.hasFocus() else 1))
        if not ring:
            painter.setPen(colour("border"))
        painter.setBrush(colour(self._tone.body))
        painter.drawRoundedRect(area, area.height() / 2, area.height() / 2)
        left = Space.M
        if self._icon:
            painter.drawPixmap(left, (self.height() - 18) // 2, pixmap(self._icon, self._tone.sign))
            left += 18 + Space.S
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(self._tone.sign))
            painter.drawEllipse(QPointF(left + 4, self.height() / 2), 4, 4)
            left += 8 + Space.S
        middle = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.setPen(colour(self._tone.ink))
        painter.setFont(self._font())
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), middle, self._words)
        left += painter.fontMetrics().horizontalAdvance(self._words) + Space.S
        painter.setFont(self._digits())
        painter.drawText(self.rect().adjusted(left, 0, 0, 0), middle, self._time)

    def _font(self) -> QFont:
        return font(Type.BODY, QFont.Weight.Bold)

    def _digits(self) -> QFont:
        return font(Type.LABEL, QFont.Weight.Medium, digits=True)


class AgentPanel(QFrame):
    """A popup; Escape or a click beside it closes it. Each choice has a digit."""

    def __init__(self, parent: QWidget, agent: AgentPort) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("agent_panel")
        self.setProperty("pane", "card")
        self.setAccessibleName(tr("Your state"))
        self._agent = agent
        self._problem = label(role="error", name="agent_problem", wrap=True)
        self._queues = label(role="help", name="agent_queues", wrap=True)
        self.choices: list[tuple[Button, Choice, str]] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        layout.setSpacing(Space.S)
        layout.addWidget(label(tr("Your state"), "section"))
        reasons = agent.view.reasons
        wanted: list[tuple[str, Choice, str]] = [(tr("Ready"), "ready", "")]
        wanted += [(reason, "not_ready", reason) for reason in reasons] or [
            (tr("Not ready"), "not_ready", "")
        ]
        wanted.append((tr("Offline: out of all queues"), "offline", ""))
        for place, (words, choice, reason) in enumerate(wanted):
            hint = _DIGITS[place] if place < len(_DIGITS) else ""
            button = Button(words, hint=hint, name=f"agent_choice:{reason or choice}", height=Size.INPUT)
            button.clicked.connect(partial(self._choose, choice, reason))
            self.choices.append((button, choice, reason))
            layout.addWidget(button)
        layout.addWidget(self._problem)
        layout.addWidget(self._queues)
        self.setFixedWidth(_WIDTH)
        self._leave: Unsubscribe = agent.subscribe(lambda topic: self._render())
        self._render()

    def open_below(self, anchor: QWidget) -> None:
        """Shows it; the keyboard goes to the choice that counts now."""
        set_text(self._problem, "")
        self._render()
        self.adjustSize()
        self.move(anchor.mapToGlobal(QPoint(0, anchor.height() + Space.XS)))
        self.show()
        chosen = next((button for button, *_ in self.choices if button.chosen), self.choices[0][0])
        chosen.setFocus(Qt.FocusReason.PopupFocusReason)

    def detach(self) -> None:
        """The window closes."""
        self._leave()
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Digits choose, Up and Down move."""
        text = event.text()
        if len(text) == 1 and text in _DIGITS and int(text) <= len(self.choices):
            self.choices[int(text) - 1][0].click()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        else:
            super().keyPressEvent(event)

    def _choose(self, choice: Choice, reason: str) -> None:
        refused = self._agent.choose(choice, reason)
        if isinstance(refused, Refused):
            set_text(self._problem, " ".join(filter(None, (refused.message, refused.todo))))
            self.adjustSize()
        else:
            self.close()

    def _render(self) -> None:
        view = self._agent.view
        for button, choice, reason in self.choices:
            chosen = choice == view.choice and (choice != "not_ready" or reason == view.choice_reason)
            button.chosen = chosen
            button.update()
        set_text(self._queues, "\n".join(queue_words(view.queues)))
        if self.isVisible():
            self.adjustSize()
