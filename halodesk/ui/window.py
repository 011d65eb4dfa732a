"""The main window: one `DeskPort` in, panes out.

Rules:
- Main thread only. It reads the desk again after each topic and renders; it keeps no truth.
- Keys that no input wants bubble up to here: Enter is the main button, digits are choices.
- A page of another step or visit is "entered": its fields are bound anew and the time until
  it has been painted is logged as `page_painted`. Else the inputs keep what they hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from halodesk.runtime.agent_ports import AgentPort, DayPort, DayTopic
from halodesk.runtime.live_agent_port import LivePort
from halodesk.runtime.ports import DeskPort, SoundPort, Topic, Unsubscribe
from halodesk.ui.desk.banners import Banners
from halodesk.ui.desk.call_area import CallArea
from halodesk.ui.desk.context_panel import ContextPanel
from halodesk.ui.desk.copilot_strip import CopilotStrip
from halodesk.ui.desk.day_buttons import DayButtons
from halodesk.ui.desk.ended_page import EndedPage
from halodesk.ui.desk.progress import Progress
from halodesk.ui.desk.rail import DESK, Rail
from halodesk.ui.desk.ready_page import ReadyPage
from halodesk.ui.desk.shortcuts import Shortcuts
from halodesk.ui.desk.status_bar import MaskBand, StatusBar
from halodesk.ui.desk.step_page import StepPage
from halodesk.ui.desk.wrap_up_band import WrapUpBand
from halodesk.ui.pages import PageEntry, RailPage
from halodesk.ui.parts.labels import pane
from halodesk.ui.parts.mask_words import mask_words
from halodesk.ui.steps.base import Tools
from halodesk.ui.theme.active import ThemeChoice, apply_theme, resolve, theme_name
from halodesk.ui.theme.tokens import Size, Space, ThemeName

_NARROW = 1060
"""Below this width the context stands behind a button."""
_BRIEF = 900
"""Below this width the bar on top says only what is not as it should be."""
_LOG = structlog.get_logger("ui")


class MainWindow(QMainWindow):
    """The window of the seat. Emits `theme_changed` when the agent chose a theme, and `closed` at its end."""

    theme_changed = Signal(str)
    closed = Signal()

    def __init__(
        self,
        desk: DeskPort,
        *,
        theme: ThemeChoice = "system",
        pages: Sequence[PageEntry] = (),
        sound: SoundPort | None = None,
        tools: Tools | None = None,
        agent: AgentPort | None = None,
        day: DayPort | None = None,
        live: LivePort | None = None,
    ) -> None:
        """`pages`: those beside the Desk. Without `sound` there is no choice of devices.

        `agent`: whose state is shown and chosen; `day`: his calls and messages.
        `tools`: what step pages use beside the desk. `live`: flow agents and the co-pilot on calls.
        """
        self._restyle_to(resolve(theme))
        super().__init__()
        self.setObjectName("halodesk")
        self.setWindowTitle("HaloDesk")
        self.setMinimumSize(720, 560)
        self.resize(1440, 900)
        self._desk = desk
        self._entries = pages
        self._pages: dict[int, RailPage] = {}
        self._entered: tuple[str, str, int] | None = None
        self._awaiting_paint: tuple[float, str, int] | None = None
        self._side_open = False
        self._in_session = False
        self._follows = theme == "system"
        self._unfollow: Callable[[], object] | None = None
        self._ringing = False
        self._shortcuts: Shortcuts | None = None
        self.may_close: Callable[[], bool] = lambda: True
        """Asked before the window closes; False keeps it open."""
        self.status = StatusBar()
        self.status.sound.attach(sound)
        self._agent = agent
        self.status.agent.attach(agent)
        self.day = DayButtons(desk.dial, self._caller)
        self.day.attach(day)
        self.wrap_up = WrapUpBand()
        self.wrap_up.attach(agent)
        self.band = MaskBand()
        self.rail = Rail(pages)
        self.calls = CallArea(desk, lambda: self.show_page(DESK), live)
        self.ring_band, self.call_panel = self.calls.ring_band, self.calls.call_panel
        self.call_panel.sound.attach(sound)
        self.banners = Banners()
        self.ready = ReadyPage()
        self.context = ContextPanel(desk)
        self.step = StepPage(desk, self._render_session, self.context.notes.keep, tools=tools)
        self.copilot = CopilotStrip(self.step, self.status.copilot)
        self.ended = EndedPage()
        self.progress = Progress()
        self._desk_page: QWidget = self.ready
        self._stack = QStackedWidget()
        self._middle = QWidget()
        self._foot = QWidget()
        self._build()
        self.copilot.attach(live)
        self.step.warm_up()
        self._connect()
        self._leave: Unsubscribe | None = desk.subscribe(self._changed)
        self._leave_too: list[Unsubscribe] = [agent.subscribe(self._agent_told)] if agent is not None else []
        self._leave_too += [
            entry.watch(partial(self.rail.show_news, place + 1))
            for place, entry in enumerate(pages)
            if entry.watch is not None
        ]
        self._render_all()

    # building

    def _build(self) -> None:
        for page in (self.ready, self.step, self.ended):
            self._stack.addWidget(page)
        self.ready.shortcuts.addWidget(self.day)
        middle = QVBoxLayout(self._middle)
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(Space.M)
        for widget in (self.calls, self.banners, self.wrap_up, self.copilot):
            middle.addWidget(widget)
        middle.addWidget(self._stack, 1)
        body = QHBoxLayout()
        body.setContentsMargins(Space.L, Space.M, Space.L, Space.L)
        body.setSpacing(Space.L)
        body.addWidget(self._middle, 1)
        body.addWidget(self.context)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        for pane_widget in (self.status, self.band):
            right.addWidget(pane_widget)
        right.addLayout(body, 1)
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(0, 0, 0, 0)
        foot.addWidget(self.progress)
        right.addWidget(self._foot)
        whole = QHBoxLayout()
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.rail)
        whole.addLayout(right, 1)
        centre = pane("canvas")
        centre.setLayout(whole)
        self.setCentralWidget(centre)

    def _connect(self) -> None:
        desk = self._desk
        self.rail.chosen.connect(self.show_page)
        self.calls.flow_agent.left.connect(self.focus_page)
        self.ready.dial.connect(desk.dial)
        self.ready.line.chosen.connect(desk.choose_line)
        self.step.dial.connect(desk.dial)
        self.ended.closed.connect(desk.close_session)
        self.status.theme_wanted.connect(self.toggle_theme)
        self.status.shortcuts_wanted.connect(self.show_shortcuts)
        self.status.side_wanted.connect(self._toggle_side)
        keys: dict[str, Callable[[], object]] = {
            "F1": self.show_shortcuts,
            "F9": self.status.sound.open_panel,
            "F12": self.status.agent.open_panel,
            "Ctrl+R": self.day.redial,
            "Ctrl+M": self.day.hear_messages,
            "Alt+K": self.day.plan_callback,
            "Shift+F12": self.wrap_up.more_time,
            "Ctrl+O": self.wrap_up.focus_outcomes,
            "Alt+Left": self._go_back,
            "Ctrl+Return": self._go_on,
            "Ctrl+Enter": self._go_on,
            "Alt+N": self._write_note,
        }
        keys |= self.calls.keys() | self.copilot.keys()
        keys |= {f"Alt+{number}": partial(self._choose, number) for number in range(1, 10)}
        keys |= {
            f"Ctrl+{place + 1}": partial(self.show_page, place) for place in range(len(self._entries) + 1)
        }
        for key, action in keys.items():
            shortcut = QShortcut(QKeySequence(key), self)
            # A key held down must not walk through page after page.
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(action)
        if self._follows:
            hints = QGuiApplication.styleHints()
            hints.colorSchemeChanged.connect(self._follow_system)
            self._unfollow = partial(hints.colorSchemeChanged.disconnect, self._follow_system)

    # rendering

    def _changed(self, topic: Topic) -> None:
        match topic:
            case "session":
                self._render_session()
            case "call":
                self._render_call()
            case "parking":
                self._park()
            case "registration":
                self._render_desk()
                self.ready.render_desk(self._desk)
            case "storage" | "sync" | "notice":
                self._render_desk()

    def _render_all(self) -> None:
        self._render_desk()
        self._render_call()
        self._render_session()

    def _render_desk(self) -> None:
        page = self._desk.page
        self.status.render_desk(self._desk, page)
        self.banners.render_desk(self._desk)
        if page is not None and page.ended:
            self.ended.render_page(page, self._desk)

    def _render_call(self) -> None:
        ringing = self._show_call()
        self._render_ready()
        self.status.render_desk(self._desk, self._desk.page)
        if ringing and not self._ringing:
            QApplication.alert(self)
        self._ringing = ringing

    def _park(self) -> None:
        """What is half typed stays with the session that leaves the Desk."""
        self.step.flush_drafts()
        self.context.notes.keep()
        self.step.leave()
        self.context.notes.clear()
        self._entered = None

    def _render_session(self) -> None:
        begun = time.perf_counter()
        page = self._desk.page
        self.status.render_desk(self._desk, page)
        if self._in_session != (page is not None):
            self._in_session = page is not None
            self._fit_panes()
            if page is not None:
                self.show_page(DESK)  # a session that begins is worked on, wherever the agent looked
        if page is None:
            self._show_ready()
            return
        self.band.render_as("" if page.ended else mask_words(page.mask).band)
        key = (self._desk.session_id, page.step, page.visit)
        entering = key != self._entered
        self._entered = key
        self.context.render_page(page)
        self.progress.render_page(page, self._desk.flow_name, entering=entering)
        if page.ended:
            first = self._desk_page is not self.ended
            self.step.leave()
            self.ended.render_page(page, self._desk)
            self._put(self.ended)
            if first:
                self.ended.focus_first()
        else:
            self._put(self.step)
            self.step.render_page(page, entering=entering)
        if entering:
            self._awaiting_paint = (begun, page.step, page.visit)
            self.update()

    def _render_ready(self) -> None:
        self.ready.render_desk(self._desk, self._agent.view if self._agent is not None else None)

    def _caller(self) -> tuple[str, str, str]:
        call = self._desk.call
        return (
            (call.remote_number, call.remote_name, self._desk.session_id)
            if call is not None
            else ("", "", "")
        )

    def _agent_told(self, topic: DayTopic) -> None:
        if topic == "state":
            self._render_ready()

    def _show_ready(self) -> None:
        self.band.render_as("")
        self.progress.render_page(None, "", entering=False)
        self._render_ready()
        if self._entered is not None or self._desk_page is not self.ready:
            self._entered = None
            self.step.leave()
            self.context.notes.clear()
            self._put(self.ready)
        self.ready.focus_first()

    # pages

    @property
    def page_beside(self) -> RailPage | None:
        """The page beside the Desk that is in sight, if one is."""
        page = self._stack.currentWidget()
        return page if isinstance(page, RailPage) else None

    def show_page(self, number: int) -> None:
        """The Desk (0) or a page beside it, in the rail's order; it is made when it is first wanted."""
        before = self.page_beside
        if number > len(self._entries) or (before is None and number == DESK):
            return
        if number != DESK and number not in self._pages:
            self._pages[number] = self._entries[number - 1].make()
            self._stack.addWidget(self._pages[number])
        page = self._pages.get(number)
        if before is not None and page is before:
            return
        if before is not None:
            before.leave()
        if page is not None:
            self.step.flush_drafts()
            self._stack.setCurrentWidget(page)
            page.enter()
        else:
            self._stack.setCurrentWidget(self._desk_page)
            self._focus_desk()
        self.rail.choose(number)
        self._show_call()
        self._fit_panes()

    def _put(self, page: QWidget) -> None:
        """The page of the Desk; it comes in sight when the Desk does."""
        self._desk_page = page
        if self.page_beside is None:
            self._stack.setCurrentWidget(page)

    def focus_page(self) -> None:
        """To where work goes on: the page in sight."""
        if self.page_beside is not None:
            self.page_beside.enter()
        else:
            self._focus_desk()

    def _focus_desk(self) -> None:
        for page in (self.ready, self.step, self.ended):
            if page is self._desk_page:
                page.focus_first()

    def _show_call(self) -> bool:
        """The calls; where the Desk is out of sight, one that rings takes the whole width."""
        ringing = self.calls.render_calls(away=self.page_beside is not None)
        self.calls.setHidden(self._desk.call is None and not self._desk.legs)
        return ringing

    def event(self, event: QEvent) -> bool:
        """Notes when a page that was entered has been painted."""
        done = super().event(event)
        if event.type() is QEvent.Type.UpdateRequest and self._awaiting_paint is not None:
            begun, step, visit = self._awaiting_paint
            self._awaiting_paint = None
            _LOG.info(
                "page_painted", step=step, visit=visit, ms=round((time.perf_counter() - begun) * 1000, 2)
            )
        return done

    # keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and digits that no input wanted."""
        text = event.text()
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if modifiers or event.isAutoRepeat() or self._stack.currentWidget() is self.ready:
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go_on()
        elif len(text) == 1 and text in "123456789" and self.step.choices.digits:
            self._choose(int(text))
        else:
            super().keyPressEvent(event)

    def _go_on(self) -> None:
        if self._stack.currentWidget() is self.step:
            self.step.submit_primary()
        elif self._stack.currentWidget() is self.ended:
            self.ended.button.click()

    def _choose(self, number: int) -> None:
        if self._stack.currentWidget() is self.step:
            self.step.choices.press(number - 1)

    def _go_back(self) -> None:
        beside = self.page_beside
        if beside is not None:
            beside.back()
        else:
            self.step.go_back()

    def _write_note(self) -> None:
        if self.page_beside is not None:
            return
        if self.context.isHidden() and self._in_session:
            self._toggle_side()
        self.context.notes.box.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_shortcuts(self) -> None:
        """Opens the overview of all keys."""
        if self._shortcuts is None:
            self._shortcuts = Shortcuts(self)
        self._shortcuts.open()

    # theme and size

    def toggle_theme(self) -> None:
        """Light to dark and back; the choice is told by `theme_changed`."""
        self._follows = False
        self.set_theme("light" if theme_name() == "dark" else "dark")
        self.theme_changed.emit(theme_name())

    def set_theme(self, choice: ThemeChoice) -> None:
        """Applies a theme to the whole application."""
        self._restyle_to(resolve(choice))
        self.status.theme.refresh()
        self.step.restyle()
        for page in self._pages.values():
            page.restyle()
        self._render_all()

    def _restyle_to(self, name: ThemeName) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, name)

    def _follow_system(self) -> None:
        if self._follows:
            self.set_theme("system")

    def _toggle_side(self) -> None:
        self._side_open = not self._side_open
        self._fit_panes()

    def _fit_panes(self) -> None:
        beside = self.page_beside is not None
        self.copilot.be_away(beside)
        narrow, session = self.width() < _NARROW, self._in_session and not beside
        self._foot.setHidden(beside)
        self.status.side.setVisible(narrow and session)
        self.status.be_brief(self.width() < _BRIEF)
        if not narrow or not session:
            self._side_open = False
        self.context.setVisible(session and (not narrow or self._side_open))
        self._middle.setVisible(not (narrow and self._side_open and session))
        self.context.setFixedWidth(
            Size.CONTEXT if not (narrow and self._side_open) else max(self.width() - 140, 320)
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The context goes behind a button where the page needs the room."""
        super().resizeEvent(event)
        self._fit_panes()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hands over what is half typed, and stops listening."""
        if self._leave is not None:
            if not self.may_close():
                event.ignore()
                return
            for page in self._pages.values():
                page.leave()
            self.step.flush_drafts()
            self.context.notes.keep()
            self._leave()
            self._leave = None
            self.status.sound.detach()
            self.status.agent.detach()
            self.wrap_up.detach()
            self.day.detach()
            for leave in self._leave_too:
                leave()
            self.call_panel.sound.detach()
            self.calls.detach()
            self.copilot.detach()
            if self._unfollow is not None:
                self._unfollow()
            self.closed.emit()
        super().closeEvent(event)
