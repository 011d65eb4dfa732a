"""The way of other threads to the main thread."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal, Slot


class Bridge(QObject):
    """The one way from other threads to the main thread: a queued signal that carries a call."""

    called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.called.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def post(self, call: Callable[[], None]) -> None:
        """Run it on the main thread, later, in order. Any thread."""
        self.called.emit(call)

    def deliver(self) -> None:
        """Run now what is waiting; main thread."""
        QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall.value)

    def close(self) -> None:
        """Take nothing any more: what is behind the calls is being taken apart."""
        self.called.disconnect(self._run)

    @Slot(object)
    def _run(self, call: Callable[[], None]) -> None:
        call()
