"""From a command to a window, or to words on the screen about why there is none."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMessageBox

from halodesk.app.qt_words import QtWords
from halodesk.app.seat import Seat
from halodesk.engine.errors import HaloDeskError, SettingsError
from halodesk.runtime.settings import Settings

_log = structlog.get_logger("app")


@contextmanager
def failure_shown() -> Iterator[None]:
    """A start that fails says so on the screen, too: who clicked an icon reads no terminal."""
    try:
        yield
    except HaloDeskError as error:
        _show_failure(error.message, error.todo)
        raise
    except OSError as error:
        _show_failure(f"{error.filename or 'A file'}: {error.strerror}.", "")
        raise


def failure_box(message: str, todo: str) -> QMessageBox:
    """What is shown instead of the window."""
    box = QMessageBox(QMessageBox.Icon.Critical, "HaloDesk", message)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setInformativeText(todo)
    return box


def _show_failure(message: str, todo: str) -> None:
    if not has_screen() or os.environ.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "minimal")):
        return
    app = QApplication.instance() or QApplication(sys.argv[:1])
    failure_box(message, todo).exec()
    del app


def has_screen() -> bool:
    """Whether Qt finds a platform to draw on; without one it aborts the process."""
    names = ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


def run(settings: Settings, folder: Path, link: str = "") -> int:
    """Open the window and serve until the agent quits; the exit code. `link`: what it was opened with."""
    if not has_screen():
        raise SettingsError("There is no screen here.", "Start HaloDesk in a desktop session.")
    app = QApplication.instance() or QApplication(sys.argv[:1])
    words = QtWords()
    if isinstance(app, QApplication):
        app.setQuitOnLastWindowClosed(False)  # a dialog may be the last one, over a window in the tray
    seat = Seat(settings, folder)
    seat.window.closed.connect(lambda: app.exit(0))
    seat.start()
    if link:
        with suppress(HaloDeskError):  # the window says why it is not used
            seat.habits.link(link)
    # Python hears of a signal when it next runs: with the seat's tick, within a second. `exit`, not `quit`:
    # that would ask the window first.
    signal.signal(signal.SIGTERM, lambda number, frame: app.exit(0))
    try:
        return app.exec()
    finally:
        seat.close()
        del words
