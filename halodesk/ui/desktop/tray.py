"""The icon in the tray: how the seat is, and what is done most.

Some desktops have no tray, and some get theirs after we were started: it is looked for again.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from halodesk.runtime.desktop_ports import ReadinessPort
from halodesk.runtime.ports import DeskPort, Topic, Unsubscribe
from halodesk.ui.desktop.sign import Kind, Sign, sign_of
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.icons import pixmap

_LOOKS: dict[Kind, tuple[str, str, str]] = {
    "ready": ("success", "on_success", "desk"),
    "not_ready": ("warning", "on_warning", "pause"),
    "ringing": ("accent", "on_accent", "incoming"),
    "call": ("accent", "on_accent", "answer"),
    "masked": ("mask", "on_mask", "secure"),
    "trouble": ("danger", "on_danger", "alert"),
}
"""Body, sign on it, and its name: no two states differ by colour alone."""
_SIZES = (16, 22, 24, 32, 48, 64)
_LOOK_AGAIN_MS = 10_000


def tray_icon(kind: Kind) -> QIcon:
    """A filled disc with a sign, in the sizes of trays."""
    body, ink, name = _LOOKS[kind]
    made = QIcon()
    for size in _SIZES:
        picture = QPixmap(size, size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(body))
        painter.drawEllipse(QRectF(0, 0, size, size))
        inner = round(size * 0.66)
        place = (size - inner) // 2
        painter.drawPixmap(place, place, pixmap(name, ink, inner, 1.0))
        painter.end()
        made.addPixmap(picture)
    return made


class Tray(QObject):
    """Emits what its menu asks for; hang up, mute and answer go to the desk by the same ways as keys."""

    show_wanted = Signal()
    answer_wanted = Signal()
    hang_up_wanted = Signal()
    mute_wanted = Signal()
    quit_wanted = Signal()
    message_clicked = Signal()

    def __init__(
        self,
        desk: DeskPort,
        readiness: ReadinessPort | None = None,
        *,
        available: Callable[[], bool] = QSystemTrayIcon.isSystemTrayAvailable,
    ) -> None:
        super().__init__()
        self._desk, self._readiness, self._available = desk, readiness, available
        self._icon: QSystemTrayIcon | None = None
        self._drawn: Sign | None = None
        self.menu = QMenu()
        self._show = self.menu.addAction(self.tr("Show HaloDesk"), self.show_wanted.emit)
        self.menu.addSeparator()
        self._answer = self.menu.addAction(self.tr("Answer"), self.answer_wanted.emit)
        self._hang_up = self.menu.addAction(self.tr("Hang up"), self.hang_up_wanted.emit)
        self._mute = self.menu.addAction(self.tr("Microphone off"), self.mute_wanted.emit)
        self._mute.setCheckable(True)
        self.menu.addSeparator()
        self._ready = self.menu.addAction(self.tr("Ready for calls"), self._toggle_ready)
        self._ready.setCheckable(True)
        self._ready.setVisible(readiness is not None)
        self.menu.addSeparator()
        self._quit = self.menu.addAction(self.tr("Quit HaloDesk"), self.quit_wanted.emit)
        self._again = QTimer(self, interval=_LOOK_AGAIN_MS)
        self._again.timeout.connect(self._look)
        self._leave: list[Unsubscribe] = []

    @property
    def here(self) -> bool:
        """There is a tray, and our icon is in it."""
        return self._icon is not None and self._available()

    @property
    def icon(self) -> QSystemTrayIcon | None:
        """What is in the tray."""
        return self._icon

    def start(self) -> None:
        """Into the tray, now or when there is one."""
        self._leave.append(self._desk.subscribe(self._changed))
        if self._readiness is not None:
            self._leave.append(self._readiness.subscribe(self.render_sign))
        self.render_sign()
        self._look()
        self._again.start()

    def close(self) -> None:
        """Out of it."""
        self._again.stop()
        for leave in self._leave:
            leave()
        self._leave.clear()
        if self._icon is not None:
            self._icon.hide()
            self._icon.setContextMenu(None)  # type: ignore[arg-type]  # Qt takes none: the menu is ours
            self._icon.deleteLater()
            self._icon = None
        self.menu.deleteLater()

    def tell(self, title: str, words: str, *, urgent: bool) -> bool:
        """A balloon at the icon; False where there is none."""
        if self._icon is None or not QSystemTrayIcon.supportsMessages():
            return False
        kind = QSystemTrayIcon.MessageIcon.Warning if urgent else QSystemTrayIcon.MessageIcon.Information
        self._icon.showMessage(title, words, kind)
        return True

    def _look(self) -> None:
        if self._icon is not None or not self._available():
            return
        self._icon = QSystemTrayIcon(self)
        self._icon.setContextMenu(self.menu)
        self._icon.activated.connect(self._activated)
        self._icon.messageClicked.connect(self.message_clicked)
        self._drawn = None
        self.render_sign()
        self._icon.show()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (
            QSystemTrayIcon.ActivationReason.Trigger,
            QSystemTrayIcon.ActivationReason.DoubleClick,
        ):
            self.show_wanted.emit()

    def _changed(self, topic: Topic) -> None:
        if topic != "notice":
            self.render_sign()

    def render_sign(self) -> None:
        """Icon, tip and menu as the desk is now."""
        sign = sign_of(self._desk, self._readiness)
        hand = self._desk.hand
        call, waiting = self._desk.call, self._desk.waiting
        self._answer.setVisible(waiting is not None or (call is not None and call.state == "incoming"))
        self._hang_up.setVisible(hand is not None and hand.state != "ended")
        self._mute.setVisible(hand is not None and hand.state == "active")
        self._mute.setChecked(hand is not None and hand.microphone_muted)
        if self._readiness is not None:
            self._ready.setChecked(self._readiness.ready)
        if self._icon is None or sign == self._drawn:
            return
        if self._drawn is None or sign.kind != self._drawn.kind:
            self._icon.setIcon(tray_icon(sign.kind))
        self._icon.setToolTip(f"HaloDesk: {sign.words}")
        self._drawn = sign

    def _toggle_ready(self) -> None:
        if self._readiness is not None:
            self._readiness.set_ready(ready=not self._readiness.ready)
            self.render_sign()
