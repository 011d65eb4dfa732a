"""api_call: a page that waits for an outside system, and says so."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.parts.spinner import Spinner
from halodesk.ui.steps.base import StepLayout
from halodesk.ui.theme.tokens import Space

KIND = "api_call"


class ApiCallLayout(StepLayout):
    """A turning arc with the words for what is under way."""

    big_wait = True

    def __init__(self) -> None:
        self._card = QFrame()
        self._card.setProperty("pane", "inset")
        self._words = label(role="section", name="waiting", wrap=True)
        self._more = label(role="muted", wrap=True)
        words = QVBoxLayout()
        words.setSpacing(Space.XS)
        words.addWidget(self._words)
        words.addWidget(self._more)
        layout = QHBoxLayout(self._card)
        layout.setContentsMargins(Space.XL, Space.XL, Space.XL, Space.XL)
        layout.setSpacing(Space.L)
        layout.addWidget(Spinner(44), 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addLayout(words, 1)

    def tail(self) -> QWidget | None:
        """Below the script, which the agent reads aloud meanwhile."""
        return self._card

    def render(self, page: Page, desk: PagePort) -> None:
        """What is under way; hidden once it is done."""
        self._words.setText(page.waiting)
        more = QCoreApplication.translate("api_call", "Nothing to do for you. It goes on by itself.")
        if page.choices:
            more = QCoreApplication.translate(
                "api_call", "The outcome is looked up. You may go on; nothing is charged twice."
            )
        set_text(self._more, more)
        self._card.setVisible(bool(page.waiting))


LAYOUT = ApiCallLayout
