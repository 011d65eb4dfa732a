"""What Qt says goes to the log, but not within Qt's call.

Qt may speak in the middle of loading a library, with the loader's lock held. Writing to the log lets go of
the interpreter's lock; another thread that takes it and then needs the loader (the first use of a function
of a C library does) would wait for ever, and the window with it. What ends the process is written at once:
there is no later.
"""

from __future__ import annotations

import contextlib

import structlog
from PySide6.QtCore import QMessageLogContext, QObject, Qt, QtMsgType, Signal, Slot, qInstallMessageHandler

from halodesk.runtime.crash import message_digest

_log = structlog.get_logger("app")
_QUIET = (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg)


class QtWords(QObject):
    """Installs itself. Belongs to the main thread and lives as long as the application."""

    _told = Signal(str, str, str)

    def __init__(self) -> None:
        super().__init__()
        self._told.connect(self._write_down, Qt.ConnectionType.QueuedConnection)
        qInstallMessageHandler(self._said)

    def _said(self, kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        if kind in _QUIET:
            return
        # Without its text: it may hold an address or a name.
        words = str(context.category or ""), message_digest(text), kind.name
        if kind is QtMsgType.QtFatalMsg:
            self._write_down(*words)
            return
        with contextlib.suppress(RuntimeError):  # the process ends: nobody is left to write it down
            self._told.emit(*words)

    @Slot(str, str, str)
    def _write_down(self, category: str, digest: str, state: str) -> None:
        _log.warning("qt_message", kind=category, code=digest, state=state)
