"""start: who is calling, before the first word."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.facts import FactStrip
from halodesk.ui.parts.words import phone_words
from halodesk.ui.steps.base import StepLayout

KIND = "start"


class StartLayout(StepLayout):
    """The caller's data above the greeting."""

    def __init__(self) -> None:
        self._facts = FactStrip("caller_facts")

    def head(self) -> QWidget | None:
        """Name, number, dialled number, queue."""
        return self._facts

    def render(self, page: Page, desk: PagePort) -> None:
        """From the call in hand."""
        tr = QCoreApplication.translate
        call = desk.call
        if call is None:
            self._facts.render_as(())
            return
        queue = next((v for k, v in call.headers.items() if k.casefold() == "x-queue"), "")
        outgoing = call.direction == "out"
        self._facts.render_as(
            (
                (tr("start", "Customer") if outgoing else tr("start", "Caller"), call.remote_name),
                (tr("start", "Number"), phone_words(call.remote_number)),
                (tr("start", "Dialled"), phone_words(call.called)),
                (tr("start", "Queue"), queue),
            )
        )


LAYOUT = StartLayout
