"""wait: the time that is left."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.countdown import Countdown
from halodesk.ui.steps.base import StepLayout

KIND = "wait"


class WaitLayout(StepLayout):
    """A countdown below the script."""

    def __init__(self) -> None:
        self._count = Countdown("wait_left")

    def tail(self) -> QWidget | None:
        """Minutes and seconds."""
        return self._count

    def render(self, page: Page, desk: PagePort) -> None:
        """From the step's panel; a recorded page shows no time that runs."""
        tr = QCoreApplication.translate
        more = tr("wait", "Or as soon as its condition holds.") if page.panel.get("condition") else ""
        until = None if page.ended else page.panel.get("until")
        self._count.render_as(until, tr("wait", "This page goes on by itself when the time is up."), more)


LAYOUT = WaitLayout
