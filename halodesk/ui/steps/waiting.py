"""The page of a step that works without the agent: a turning arc, and words for what is under way."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.wait_card import WaitCard
from halodesk.ui.steps.base import StepLayout


class WaitingLayout(StepLayout):
    """Below the script, which the agent reads aloud meanwhile."""

    big_wait = True

    def __init__(self) -> None:
        self._card = WaitCard()

    def tail(self) -> QWidget | None:
        """What is under way; hidden once it is done."""
        return self._card

    def render(self, page: Page, desk: PagePort) -> None:
        """From the page's wait."""
        more = QCoreApplication.translate("waiting", "Nothing to do for you. It goes on by itself.")
        if page.choices:
            more = QCoreApplication.translate(
                "waiting", "The outcome is looked up. You may go on; nothing is done twice."
            )
        self._card.render_as(page.waiting, more)
