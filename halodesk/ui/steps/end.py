"""end: the outcome of the call, with what was reached in sight."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.facts import FactStrip
from halodesk.ui.parts.words import clock
from halodesk.ui.steps.base import StepLayout

KIND = "end"


class EndLayout(StepLayout):
    """Wrap-up."""

    def __init__(self) -> None:
        self._facts = FactStrip("outcome_facts")

    def head(self) -> QWidget | None:
        """Length of the call, how it ended, the order."""
        return self._facts

    def render(self, page: Page, desk: PagePort) -> None:
        """From the call and the cart."""
        tr = QCoreApplication.translate
        call = desk.call
        length = ""
        if call is not None and call.answered_at is not None and call.ended_at is not None:
            length = clock(call.ended_at - call.answered_at)
        order = ""
        if page.cart.lines:
            paid = tr("end", "paid") if page.cart.paid else tr("end", "not paid")
            order = f"{page.cart.total}, {paid}"
        self._facts.render_as(
            (
                (tr("end", "Call"), page.call_left or ("" if call is None else tr("end", "still connected"))),
                (tr("end", "Length"), length),
                (tr("end", "Order"), order),
            )
        )


LAYOUT = EndLayout
