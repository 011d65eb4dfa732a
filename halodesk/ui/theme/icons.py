"""Icons (Phosphor, from qtawesome) as plain pixmaps.

The icon engine of qtawesome is a Python object; a pixmap lives and dies without it, so the
order in which the interpreter takes things down at exit does not matter.
"""

from __future__ import annotations

from functools import lru_cache

import qtawesome
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QPixmap

from halodesk.ui.theme.active import colours

_NAMES = {
    "again": "ph.arrow-clockwise-bold",
    "alert": "ph.warning-circle-fill",
    "answer": "ph.phone-fill",
    "back": "ph.arrow-left-bold",
    "brand": "ph.moon-stars-fill",
    "before": "ph.caret-left-bold",
    "behind": "ph.caret-right-bold",
    "calendar": "ph.calendar-blank-fill",
    "cart": "ph.shopping-cart-simple-fill",
    "check": "ph.check-bold",
    "close": "ph.x-bold",
    "conference": "ph.users-three-fill",
    "dark": "ph.moon-fill",
    "callback": "ph.alarm-fill",
    "directory": "ph.address-book-fill",
    "missed": "ph.phone-x-fill",
    "star": "ph.star-fill",
    "star_off": "ph.star-bold",
    "timer": "ph.timer-fill",
    "voicemail": "ph.voicemail-fill",
    "desk": "ph.headset-fill",
    "dial": "ph.phone-outgoing-fill",
    "erase": "ph.backspace-fill",
    "export": "ph.file-arrow-down-fill",
    "flag": "ph.flag-fill",
    "flow_agents": "ph.robot-fill",
    "fold": "ph.caret-up-bold",
    "hang_up": "ph.phone-disconnect-fill",
    "hold": "ph.pause-fill",
    "incoming": "ph.phone-incoming-fill",
    "info": "ph.info-fill",
    "keypad": "ph.dots-nine-bold",
    "keyboard": "ph.keyboard-fill",
    "light": "ph.sun-fill",
    "lock": "ph.lock-key-fill",
    "listen": "ph.ear-fill",
    "microphone": "ph.microphone-fill",
    "microphone_off": "ph.microphone-slash-fill",
    "note": "ph.note-pencil-fill",
    "pause": "ph.pause-fill",
    "person": "ph.user-fill",
    "play": "ph.play-fill",
    "resume": "ph.play-fill",
    "sealed": "ph.check-circle-fill",
    "secure": "ph.shield-check-fill",
    "sessions": "ph.clock-counter-clockwise-bold",
    "side": "ph.columns-fill",
    "silent": "ph.speaker-slash-fill",
    "sound": "ph.speaker-high-fill",
    "swap": "ph.swap-bold",
    "transfer": "ph.arrow-bend-up-right-fill",
    "unfold": "ph.caret-down-bold",
    "warning": "ph.warning-fill",
}


def pixmap(name: str, token: str, size: int = 18, ratio: float = 2.0) -> QPixmap:
    """The icon in a colour token of the theme in force; `ratio` device pixels a logical one."""
    return _drawn(name, getattr(colours(), token), size, ratio)


def icon(name: str, token: str, size: int = 18) -> QIcon:
    """The same as a QIcon with pixmaps for 100 and 200 % scale."""
    made = QIcon(_drawn(name, getattr(colours(), token), size, 1.0))
    made.addPixmap(_drawn(name, getattr(colours(), token), size, 2.0))
    return made


@lru_cache(maxsize=256)
def _drawn(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    drawn: QPixmap = qtawesome.icon(_NAMES[name], color=colour).pixmap(QSize(size, size), ratio)
    return drawn
