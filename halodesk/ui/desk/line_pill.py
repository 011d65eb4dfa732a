"""The lines of the seat in the status bar; the time until the next try runs down while it is seen."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent

from halodesk.protocol.phone_link import Registration
from halodesk.ui.parts import pill
from halodesk.ui.parts.pill import Pill

_TICK_MS = 500
_WHEN = re.compile(r",? ?next try in \d+ s")


class LinePill(Pill):
    """The worst line in words; all of them in the tool tip."""

    def __init__(self) -> None:
        super().__init__("registration_state")
        self._worst: Registration | None = None
        self._lines: Sequence[Registration] = ()
        self._account = ""
        self._ticks = QTimer(self, interval=_TICK_MS)
        self._ticks.timeout.connect(self._show_lines)

    def render_lines(self, worst: Registration | None, lines: Sequence[Registration], account: str) -> None:
        """`account` is told where there is one line."""
        self._worst, self._lines, self._account = worst, lines, account
        self._show_lines()

    def showEvent(self, event: QShowEvent) -> None:
        """Runs."""
        self._ticks.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stands still."""
        self._ticks.stop()

    def _show_lines(self) -> None:
        worst = self._worst
        words, tone = {
            "registered": (self.tr("Line ready"), pill.GOOD),
            "registering": (self.tr("Line connecting…"), pill.WARN),
            "failed": (self.tr("Line down"), pill.BAD),
            "unregistered": (self.tr("No registration"), pill.PLAIN),
        }[worst.state if worst is not None else "unregistered"]
        left = _left(worst) if worst is not None else None
        if left is not None:
            words = f"{words} · {self._seconds(left)}"
        told = (self._message(worst), worst.todo) if worst is not None else ()
        tip = " ".join(filter(None, (self._account, *told)))
        if len(self._lines) > 1:
            tip = "\n".join(self._line_words(line) for line in self._lines)
        self.render_as(words, tone, tip=tip)

    def _seconds(self, left: int) -> str:
        return self.tr("{count} s").format(count=left) if left > 0 else self.tr("trying")

    def _message(self, line: Registration) -> str:
        """What the phone says of the line, with the time that is left now."""
        left = _left(line)
        if left is None:
            return line.message
        what = _WHEN.sub("", line.message)
        if left <= 0:
            return self.tr("{what}, trying again now").format(what=what)
        return self.tr("{what}, next try in {count} s").format(what=what, count=left)

    def _line_words(self, line: Registration) -> str:
        state = {
            "registered": self.tr("ready"),
            "registering": self.tr("connecting…"),
            "failed": self.tr("down"),
            "unregistered": self.tr("no registration"),
        }[line.state]
        told = " ".join(filter(None, (self._message(line), line.todo)))
        return f"{line.name or line.account}: {state}{f' ({told})' if told else ''}"


def _left(line: Registration) -> int | None:
    """Whole seconds until the next try; None where none is planned."""
    if line.state != "failed" or line.next_try_at is None:
        return None
    return max(0, round(line.next_try_at - time.time()))
