"""The main thread's wait as an event loop of Qt: some systems tell of devices only through it.

Python runs a signal's handler when it next runs bytecode of the main thread, and inside Qt's loop it
runs none. So the signal's number is written to a socket, and the loop wakes up for it.

What Qt says goes to the log, but not in Qt's call: that may be in the middle of loading a library, with the
loader's lock held. Writing to the log lets go of the interpreter's lock; another thread that takes it and
then needs the loader (cffi does, at the first use of a function) waits for ever, and the phone with it.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading

from PySide6.QtCore import (
    QCoreApplication,
    QEventLoop,
    QObject,
    QSocketNotifier,
    Qt,
    QTimer,
    QtMsgType,
    Signal,
    Slot,
    qInstallMessageHandler,
)

from halodesk.sip.phone.log import Log


class QtWaiting(QObject):
    """Like a `threading.Event` for the main thread, which makes it."""

    _woken = Signal()
    _told = Signal(str)

    def __init__(self, log: Log) -> None:
        self._log = log
        self._application = QCoreApplication.instance() or QCoreApplication(["halodesk-phone"])
        super().__init__()
        self._flag = threading.Event()
        self._loop = QEventLoop(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._loop.quit)
        self._woken.connect(self._loop.quit, Qt.ConnectionType.QueuedConnection)
        self._told.connect(self._write_down, Qt.ConnectionType.QueuedConnection)
        qInstallMessageHandler(self._said)
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._mouth.setblocking(False)
        self._notifier = QSocketNotifier(self._ear.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._signalled)
        signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)

    def set(self) -> None:
        """Ends the wait. Any thread, and signal handlers."""
        self._flag.set()
        self._woken.emit()

    def clear(self) -> None:
        """The next wait waits again."""
        self._flag.clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Serves events until `set`, or for `timeout` seconds; whether it was set. Main thread."""
        if not self._flag.is_set():
            if timeout is not None:
                self._timer.start(max(0, round(timeout * 1000)))
            self._loop.exec()
            self._timer.stop()
        return self._flag.is_set()

    @Slot()
    def _signalled(self) -> None:
        """Python has run the handler by the time this is left."""
        self._ear.recv(64)

    def _said(self, kind: QtMsgType, _context: object, text: str) -> None:
        """Qt's own words go to the log; standard error is for what ends the process."""
        if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg):
            with contextlib.suppress(RuntimeError):  # the process ends: nobody is left to write it down
                self._told.emit(text)

    @Slot(str)
    def _write_down(self, text: str) -> None:
        self._log.info("qt", text=text)
