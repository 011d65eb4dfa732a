"""The bar on top: who, line, storage, recording."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.engine.page import Page
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.ports import DeskPort, SyncState
from halodesk.ui.desk.agent_button import AgentButton
from halodesk.ui.desk.copilot_button import CopilotButton
from halodesk.ui.desk.line_pill import LinePill
from halodesk.ui.desk.sound_panel import SoundButton
from halodesk.ui.parts import pill
from halodesk.ui.parts.buttons import Button, ThemeButton
from halodesk.ui.parts.labels import elided, label
from halodesk.ui.parts.mask_words import mask_words
from halodesk.ui.parts.pill import Pill
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.tokens import Size, Space


class StatusBar(QFrame):
    """Renders the desk's own state; emits what its buttons ask for."""

    theme_wanted = Signal()
    shortcuts_wanted = Signal()
    side_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "bar")
        self.setFixedHeight(Size.STATUS_BAR)
        self._brief = self._line_up = self._stored = self._synced = False
        self._name = elided(role="strong", name="agent_name")
        self._state = label(role="caption", name="agent_state")
        self.registration = LinePill()
        self.agent = AgentButton()
        self.storage = Pill("storage_state")
        self.server = Pill("server_state")
        self.recording = Pill("mask_indicator", height=38, strong=True)
        self.side = Button(kind="ghost", icon="side", name="toggle_side", height=Size.BUTTON_SMALL)
        self.side.setAccessibleName(self.tr("Cart, answers and notes"))
        self.side.setToolTip(self.tr("Cart, answers and notes"))
        self.side.clicked.connect(self.side_wanted)
        self.side.hide()
        keys = Button(kind="ghost", icon="keyboard", name="show_shortcuts", height=Size.BUTTON_SMALL)
        keys.setAccessibleName(self.tr("Keyboard shortcuts"))
        keys.setToolTip(self.tr("Keyboard shortcuts (F1)"))
        keys.clicked.connect(self.shortcuts_wanted)
        self.copilot = CopilotButton()
        self.sound = SoundButton()
        self.theme = ThemeButton()
        self.theme.clicked.connect(self.theme_wanted)
        who = QVBoxLayout()
        who.setSpacing(0)
        who.addStretch(1)
        who.addWidget(self._name)
        who.addWidget(self._state)
        who.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(Space.XL, 0, Space.L, 0)
        layout.setSpacing(Space.S)
        layout.addLayout(who)
        layout.addSpacing(Space.L)
        layout.addWidget(self.agent)
        layout.addWidget(self.registration)
        layout.addWidget(self.storage)
        layout.addWidget(self.server)
        layout.addStretch(1)
        layout.addWidget(self.recording)
        layout.addSpacing(Space.S)
        for button in (self.side, self.copilot, self.sound, keys, self.theme):
            layout.addWidget(button)

    def be_brief(self, brief: bool) -> None:
        """Leaves out good news: the mask must have room whatever happens."""
        if brief != self._brief:
            self._brief = brief
            self._drop_good_news()

    def _drop_good_news(self) -> None:
        self.registration.setVisible(not (self._brief and self._line_up))
        self.storage.setVisible(not (self._brief and self._stored))
        self.server.setVisible(bool(self.server.text()) and not (self._brief and self._synced))

    def render_desk(self, desk: DeskPort, page: Page | None) -> None:
        """All of it; `page` is the desk's, which is costly to ask for twice."""
        self._name.setText(desk.agent)
        self._name.setFixedWidth(min(self._name.fontMetrics().horizontalAdvance(desk.agent) + 4, 220))
        self._state.setText(self._agent_state(desk.call, page))
        self.registration.render_lines(desk.registration, desk.registrations, desk.account)
        self._state.setVisible(self.agent.isHidden())  # else the button says it, and since when
        storage = desk.storage
        words, tone, icon = {
            "saved": (self.tr("All saved"), pill.GOOD, ""),
            "saving": (self.tr("Saving…"), pill.PLAIN, ""),
            "failed": (self.tr("NOT SAVED"), pill.BAD, "alert"),
        }[storage.state]
        if storage.weak and storage.state == "saved":
            words, tone = self.tr("Saved, weak key"), pill.WARN
        self.storage.render_as(
            words, tone, icon=icon, tip=" ".join(filter(None, (storage.message, storage.todo)))
        )
        self._line_up = desk.registration is not None and desk.registration.state == "registered"
        self._stored = storage.state != "failed" and not storage.weak
        self._render_server(desk.sync)
        self._drop_good_news()
        self._render_mask(desk.call, page)

    def _render_mask(self, call: CallInfo | None, page: Page | None) -> None:
        words = mask_words(page.mask) if page is not None and not page.ended else None
        if words is not None and words.short:
            icon = "warning" if words.band == "danger" else "lock"
            self.recording.render_as(words.short, words.tone, icon=icon, tip=words.proof)
        elif call is not None and call.state == "active" and call.recording is not None:
            self.recording.render_as(self.tr("REC"), pill.LIVE, tip=self.tr("This call is being recorded."))
        elif call is not None and call.state == "active":
            self.recording.render_as(
                self.tr("Not recording"), pill.PLAIN, tip=self.tr("No recording of this call.")
            )
        else:
            self.recording.render_as("", pill.PLAIN)

    def _render_server(self, sync: SyncState | None) -> None:
        """A seat without a server says nothing of it."""
        self._synced = sync is None or sync.state in ("sent", "sending")
        if sync is None:
            self.server.render_as("", pill.PLAIN)
            return
        waits = self.tr("%n session(s) wait here to be sent.", "", sync.waiting_sessions)
        words, tone = {
            "sent": (self.tr("Server up to date"), pill.GOOD),
            "sending": (self.tr("Sending…"), pill.PLAIN),
            "waiting": (self.tr("Server away"), pill.WARN),
            "trouble": (self.tr("Server: tell IT"), pill.BAD),
        }[sync.state]
        told = (sync.message, sync.todo, waits if sync.waiting_sessions else "")
        self.server.render_as(words, tone, tip=" ".join(filter(None, told)))

    def _agent_state(self, call: CallInfo | None, page: Page | None) -> str:
        if call is not None and call.state != "ended":
            return self.tr("On a call") if call.state == "active" else self.tr("Call coming up")
        if page is not None:
            return (
                self.tr("Call finished")
                if page.ended
                else self.tr("Wrap-up")
                if call
                else self.tr("In a session")
            )
        return self.tr("Ready for calls")


class MaskBand(QWidget):
    """A band across the whole window in the colour of the mask, seen from the corner of an eye."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(Size.MASK_BAND)
        self._token = ""

    def render_as(self, token: str) -> None:
        """Colour token; empty for a quiet line."""
        self._token = token
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The band."""
        painter = QPainter(self)
        if self._token:
            painter.fillRect(self.rect(), colour(self._token))
        else:
            painter.fillRect(self.rect(), colour("canvas"))
            painter.fillRect(0, 0, self.width(), 1, colour("border"))
