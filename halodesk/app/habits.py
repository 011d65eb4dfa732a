"""How HaloDesk behaves on the desktop: one instance, links, tray, notifications, keys, leaving.

Rules:
- Main thread only; what comes from the desktop's services is posted here.
- A key, a button of a notification and an entry of the tray do what the window's own key does.
- Nothing ends a call by accident: closing the window leaves HaloDesk in the tray where there is one,
  else it is asked, and asked again when the agent quits. The operating system's own end (SIGTERM,
  signing out) is not asked.
- What is beyond the window is used where the platform shows windows to a person (not offscreen).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QFileOpenEvent, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication

from halodesk.app.desktop import DesktopServices
from halodesk.app.door import Door
from halodesk.engine.dial_link import parse
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol.phone_link import CallChanged, CallInfo, Notice
from halodesk.runtime.call_history import is_missed
from halodesk.runtime.desktop_ports import ReadinessPort
from halodesk.runtime.desktop_settings import Action
from halodesk.runtime.dial_links import hosts_of, verdict
from halodesk.runtime.door import Knock
from halodesk.runtime.ports import DeskNotice, DeskPort, Topic
from halodesk.runtime.settings import Settings
from halodesk.runtime.threads import IoThread, Post
from halodesk.ui.desk.rail import DESK
from halodesk.ui.desktop.leave_dialog import LeaveDialog
from halodesk.ui.desktop.sign import caller_words
from halodesk.ui.desktop.tray import Tray
from halodesk.ui.window import MainWindow

if TYPE_CHECKING:
    from halodesk.connectors.desktop.media_keys import CallPhase, MediaKey

_log = structlog.get_logger("desktop")

_RING = "ring"
_CANCELLED = 487
"""SIP status of a call whose caller gave up (RFC 3261, 21.4.25)."""


class HabitsDesk(DeskPort, Protocol):
    """The desk, with a way to say something to the agent."""

    def notice(self, notice: DeskNotice) -> None: ...


class Habits(QObject):
    """Built with the window; `start` after it is shown, `close` before it is closed."""

    def __init__(
        self,
        desk: HabitsDesk,
        window: MainWindow,
        settings: Settings,
        folder: Path,
        *,
        io: IoThread,
        post: Post,
        readiness: ReadinessPort | None = None,
        locked: Callable[[], bool] = lambda: False,
        on_screen: bool | None = None,
        tray: Callable[[HabitsDesk, ReadinessPort | None], Tray] = Tray,
    ) -> None:
        """`locked`: nobody has signed in at this window; then no link dials, and none moves the page."""
        super().__init__()
        self._locked = locked
        self._desk, self._window, self._settings = desk, window, settings
        self._wishes = settings.desktop
        self._hosts = hosts_of(address for line in settings.lines for address in (line.uri, line.registrar))
        if on_screen is None:
            on_screen = QGuiApplication.platformName() not in ("offscreen", "minimal", "vnc")
        self._door = Door(folder, self._knocked)
        self._tray = tray(desk, readiness) if on_screen and self._wishes.tray else None
        self._services: DesktopServices | None = None
        self._io = io
        if on_screen:
            self._services = DesktopServices(
                self._wishes,
                io,
                post,
                os.environ,
                hotkey=self.press,
                media_key=self.press_media,
                acted=self._acted,
                told=self._told,
            )
        self.on_order: Callable[[str], None] = lambda name: None
        """Makes the call a flow agent's command asks for. May raise `HaloDeskError`."""
        self._dialog: LeaveDialog | None = None
        self._ending = self._told_of_tray = False
        self._shown: set[str] = set()
        """Ringing calls whose notification is up."""
        self._missed: dict[str, str] = {}
        self._leave = desk.subscribe(self._changed)
        window.may_close = self.may_close
        quit_key = QShortcut(QKeySequence("Ctrl+Q"), window)
        quit_key.setAutoRepeat(False)
        quit_key.activated.connect(self.leave)

    def start(self) -> None:
        """Open the door and show what belongs on the desktop."""
        if not self._door.open():
            words = "Links of other programs cannot reach this window."
            self._desk.notice(DeskNotice(level="info", message=words, todo="Tell IT: the log says why."))
        application = QApplication.instance()
        if isinstance(application, QGuiApplication):
            application.focusWindowChanged.connect(self._moved)
            if sys.platform == "darwin":  # each event passes a filter: elsewhere it would be for nothing
                application.installEventFilter(self)
        if self._tray is not None:
            self._tray.show_wanted.connect(self.raise_window)
            self._tray.message_clicked.connect(self.raise_window)
            self._tray.answer_wanted.connect(lambda: self.press("answer"))
            self._tray.hang_up_wanted.connect(lambda: self.press("hang_up"))
            self._tray.mute_wanted.connect(lambda: self.press("mute"))
            self._tray.quit_wanted.connect(self.leave)
            self._tray.start()
        if self._services is not None:
            self._io.submit(self._services.start())
        self._changed("call")

    def close(self) -> None:
        """Everything given back; the window may be closed after this without a question."""
        self._ending = True
        self._leave()
        self._door.close()
        application = QApplication.instance()
        if isinstance(application, QGuiApplication):
            application.removeEventFilter(self)
            application.focusWindowChanged.disconnect(self._moved)
        if self._tray is not None:
            self._tray.close()

    async def shut(self) -> None:
        """The part of `close` that is the io thread's."""
        if self._services is not None:
            await self._services.close()

    # leaving

    def may_close(self) -> bool:
        """Whether the window may close now; else it goes into the tray, or it is asked."""
        application = QApplication.instance()
        signing_out = isinstance(application, QGuiApplication) and application.isSavingSession()
        if self._ending or signing_out:
            return True
        if self._tray is not None and self._tray.here and self._wishes.close_to_tray:
            self._window.hide()
            if not self._told_of_tray:
                self._told_of_tray = True
                words = self.tr("It goes on taking calls here. Quit by this icon, or by Ctrl+Q.")
                self._tray.tell(self.tr("HaloDesk is still running"), words, urgent=False)
            return False
        return self._may_end()

    def leave(self) -> None:
        """Quit, after a question where a call is up."""
        if self._may_end():
            self._ending = True
            self._window.close()

    def _may_end(self) -> bool:
        up = next((leg for leg in self._desk.legs if leg.state != "ended"), None)
        if up is None:
            return True
        self.raise_window()
        if self._dialog is None:
            self._dialog = LeaveDialog(self._window)
            self._dialog.accepted.connect(self._left)
        self._dialog.ask(caller_words(up))
        return False

    def _left(self) -> None:
        self._ending = True
        self._window.close()

    def raise_window(self, activation: str = "") -> None:
        """To the front, with the keyboard where the desktop allows it."""
        if activation:
            os.environ["XDG_ACTIVATION_TOKEN"] = activation  # Qt takes it from there, and takes it out
        self._window.show()
        self._window.setWindowState(self._window.windowState() & ~self._window.windowState().WindowMinimized)
        self._window.raise_()
        self._window.activateWindow()

    # links

    def _knocked(self, knock: Knock) -> None:
        self.raise_window(knock.activation)
        if knock.order:
            self.on_order(knock.order)
        if knock.link:
            self.link(knock.link)

    def link(self, text: str) -> None:
        """A link of another program. Raises `LinkError` where it is refused; the agent is told, too."""
        try:
            found = parse(text)
        except HaloDeskError as error:
            _log.info("link_refused")
            self._desk.notice(DeskNotice(level="warning", message=error.message, todo=error.todo))
            raise
        hand = self._desk.call
        said = verdict(
            found,
            setting=self._wishes.links,
            busy=self._locked()
            or self._desk.page is not None
            or (hand is not None and hand.state != "ended"),
            emergency=self._desk.is_emergency(found.number or found.to),
            hosts=self._hosts,
        )
        _log.info("link", kind=found.scheme, outcome=said.act)
        if said.words:
            self._desk.notice(DeskNotice(level="info", message=said.words))
        if said.act == "dial":
            self._desk.dial(found.to)
        else:
            self.fill(found.to)

    def fill(self, number: str) -> None:
        """Into the dial line, where it waits for the agent."""
        self._window.ready.number.setText(number)
        if self._desk.page is None and not self._locked():
            self._window.show_page(DESK)
            self._window.ready.focus_first()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """macOS hands links over as open events."""
        if isinstance(event, QFileOpenEvent) and event.url().scheme():
            self.raise_window()
            try:
                self.link(bytes(event.url().toEncoded().data()).decode("ascii", "replace"))
            except HaloDeskError as error:
                _log.info("link_refused", error=type(error).__name__)
            return True
        return super().eventFilter(watched, event)

    # keys

    def press(self, action: Action) -> None:
        """A hotkey, a button of a notification, an entry of the tray."""
        hand = self._desk.hand
        match action:
            case "answer":
                self._window.calls.answer()
            case "hang_up":
                call, waiting = self._desk.call, self._desk.waiting
                if waiting is not None and (hand is None or hand.state == "ended"):
                    self._desk.refuse_waiting()
                elif (hand is not None and hand.state != "ended") or (
                    call is not None and call.state == "incoming"
                ):
                    self._desk.hang_up()
            case "mute":
                if hand is not None and hand.state == "active":
                    self._desk.set_microphone(muted=not hand.microphone_muted)

    def press_media(self, key: MediaKey) -> None:
        """A media key or a headset's button: play answers, then mutes and opens the microphone."""
        phase = self._phase()
        if key == "raise":
            self.raise_window()
        elif key == "stop":
            self.press("hang_up")
        elif phase == "ringing":
            if key != "pause":
                self.press("answer")
        elif key == "play_pause" or (key == "pause") == (phase == "open"):
            self.press("mute")

    def _phase(self) -> CallPhase:
        call, hand = self._desk.call, self._desk.hand
        if call is not None and call.state == "incoming":
            return "ringing"
        if hand is None or hand.state not in ("active", "connecting"):
            return "none"
        return "muted" if hand.microphone_muted else "open"

    def _told(self, problems: list[str]) -> None:
        for words in problems:
            todo = "Choose another key in the settings (desktop.hotkeys)."
            self._desk.notice(DeskNotice(level="info", message=words, todo=todo))

    # notifications

    def _changed(self, topic: Topic) -> None:
        if topic != "call" or self._services is None:
            return
        self._services.follow(self._phase())
        ringing = {leg.key: leg for leg in self._desk.legs if leg.state == "incoming"}
        if self._wishes.notifications and not self._in_front():
            for key in ringing.keys() - self._shown:
                self._show_ring(ringing[key])
                self._shown.add(key)
        for key in [*(self._shown - ringing.keys())]:
            self._services.withdraw(f"{_RING}:{key}")
            self._shown.discard(key)

    def phone_notice(self, notice: Notice) -> None:
        """What the phone told; a caller who gave up is news even when the window is in front."""
        if not isinstance(notice, CallChanged) or not self._wishes.notifications:
            return
        call = notice.call
        if is_missed(call) and call.code == _CANCELLED and self._services is not None:
            self._show_missed(call)

    def _moved(self) -> None:
        """Another program has come to the front, maybe while a call rings."""
        self._changed("call")

    def _show_ring(self, call: CallInfo) -> None:
        title, who = self.tr("Incoming call"), caller_words(call)
        buttons = (
            ("default", self.tr("Show")),
            ("answer", self.tr("Answer")),
            ("refuse", self.tr("Refuse")),
        )
        self._notify(f"{_RING}:{call.key}", title, who, buttons, urgent=True)

    def call_attention(self, agent: str) -> None:
        """A flow agent on a call asks for whoever sits here."""
        QApplication.alert(self._window)
        if self._wishes.notifications and not self._in_front():
            title = self.tr("A flow agent asks you to take over")
            self._notify("wanted", title, agent, (("default", self.tr("Show")),), urgent=True)

    def _show_missed(self, call: CallInfo) -> None:
        key = f"missed:{call.key}"
        if key in self._missed:
            return
        self._missed[key] = call.remote_number
        buttons = (("default", self.tr("Show")),)
        self._notify(key, self.tr("Missed call"), caller_words(call), buttons, urgent=False)

    def _notify(
        self, key: str, title: str, who: str, buttons: tuple[tuple[str, str], ...], *, urgent: bool
    ) -> None:
        def otherwise() -> None:
            if self._tray is not None:
                self._tray.tell(title, who, urgent=urgent)

        if self._services is not None:
            self._services.notify(key, title, who, buttons, urgent=urgent, otherwise=otherwise)

    def _acted(self, key: str, action: str) -> None:
        kind, _, call = key.partition(":")
        _log.info("notification_used", kind=kind, reason=action)
        rings = any(leg.key == call and leg.state == "incoming" for leg in self._desk.legs)
        if kind == _RING and action == "answer" and rings:
            self.raise_window()
            self.press("answer")
        elif kind == _RING and action == "refuse" and rings:
            self._desk.hang_up_leg(call)
        elif action == "default":
            self.raise_window()
            if (number := self._missed.get(key)) and self._desk.page is None:
                self.fill(number)

    def _in_front(self) -> bool:
        window = self._window
        return window.isActiveWindow() and window.isVisible() and not window.isMinimized()
