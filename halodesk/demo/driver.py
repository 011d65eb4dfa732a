"""The headless agent: works the real window with real clicks and keys.

It sees what a person sees (the page that is shown, which inputs are unlocked) and does
what a person does (press keys, click buttons); it never calls the session. A generator of
conditions is turned by a timer, so the window's own event loop runs all the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path

import structlog
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QWidget

from halodesk.engine.errors import DemoError
from halodesk.runtime.ports import DeskPort

_log = structlog.get_logger("driver")

STEP_S = 30.0
TICK_MS = 20
REST_S = 0.12
"""After this the last layout of a page has been painted."""


class Until:
    """Go on when `test` holds; fail with `what` after `within_s`."""

    def __init__(self, test: Callable[[], bool], what: str, within_s: float = STEP_S) -> None:
        self.test, self.what, self.within_s = test, what, within_s
        self.since = time.monotonic()


Script = Generator[Until, None, None]


class Hands:
    """What an agent can do with a window."""

    def __init__(self, window: QWidget, desk: DeskPort, pictures: Path) -> None:
        self.window, self.desk, self._pictures = window, desk, pictures
        self.taken: list[str] = []

    def find(self, name: str) -> QWidget | None:
        """The visible widget of that object name."""
        found = self.window.findChildren(QWidget, name)
        return next((widget for widget in found if widget.isVisible()), None)

    def can_use(self, name: str) -> bool:
        """It is shown and takes input: a secure box that is locked swallows what is typed."""
        widget = self.find(name)
        return widget is not None and widget.isEnabled() and not getattr(widget, "locked", False)

    def click(self, name: str) -> None:
        """Press and release the left mouse button in the middle of it."""
        widget = self._usable(name)
        if isinstance(widget, QAbstractButton):
            self._show(widget)
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def type(self, name: str, text: str) -> None:
        """Click into it and press one key after the other."""
        widget = self._usable(name)
        self._show(widget)
        widget.setFocus(Qt.FocusReason.MouseFocusReason)
        QTest.keyClicks(widget, text)

    def type_slowly(self, name: str, text: str, each_s: float) -> Script:
        """Type as somebody who listens: one key every `each_s` seconds."""
        for sign in text:
            self.type(name, sign)
            yield from self.rest(each_s)

    def rest(self, seconds: float) -> Script:
        """Do nothing for a while."""
        until = time.monotonic() + seconds
        yield Until(lambda: time.monotonic() >= until, "the time to pass")

    def retype(self, name: str, text: str) -> None:
        """Replace what stands in it (the caller's number, say) by pressing keys."""
        widget = self._usable(name)
        widget.setFocus(Qt.FocusReason.MouseFocusReason)
        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClick(widget, Qt.Key.Key_Delete)
        self.type(name, text)

    def key(self, name: str, key: Qt.Key) -> None:
        """Press one key in it."""
        QTest.keyClick(self._usable(name), key)

    def picture(self, name: str) -> Script:
        """A screenshot of the whole window once it has come to rest, numbered in order."""
        until = time.monotonic() + REST_S
        yield Until(lambda: time.monotonic() >= until, "the window to come to rest")
        self.grab(name)

    def grab(self, name: str) -> None:
        """A screenshot of the whole window as it is."""
        path = self._pictures / f"{len(self.taken) + 1:02}-{name}.png"
        self.window.grab().save(str(path))
        self.taken.append(str(path))

    def _usable(self, name: str) -> QWidget:
        widget = self.find(name)
        if widget is None or not widget.isEnabled():
            raise DemoError(f"The window shows no usable “{name}” on the page {self.page_words()}.")
        return widget

    def _show(self, widget: QWidget) -> None:
        parent = widget.parentWidget()
        while parent is not None:
            if hasattr(parent, "ensureWidgetVisible"):
                parent.ensureWidgetVisible(widget)
            parent = parent.parentWidget()

    def page_words(self) -> str:
        """The page shown, for an error."""
        page = self.desk.page
        return (
            f"{page.step} (visit {page.visit}, {page.waiting or page.problem or 'ready'})" if page else "none"
        )


class Driver(QObject):
    """Turns a script; `done` gets None or what went wrong."""

    def __init__(self, script: Script, done: Callable[[DemoError | None], None]) -> None:
        super().__init__()
        self._script, self._done = script, done
        self._waiting: Until | None = None
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._turn)
        self._timer.start()

    def _turn(self) -> None:
        waiting = self._waiting
        if waiting is not None and not waiting.test():
            if time.monotonic() - waiting.since > waiting.within_s:
                self._finish(DemoError(f"Waited {waiting.within_s:.0f} s in vain: {waiting.what}."))
            return
        try:
            self._waiting = next(self._script)
        except StopIteration:
            self._finish(None)
        except DemoError as error:
            self._finish(error)

    def _finish(self, error: DemoError | None) -> None:
        self._timer.stop()
        if error is not None:
            _log.error("driver_failed", reason=error.message)
        self._done(error)
