"""email: whom the mail went to, and whether it is out."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.facts import FactStrip
from halodesk.ui.steps.base import StepLayout

KIND = "email"


class EmailLayout(StepLayout):
    """The state of the mail above the script."""

    def __init__(self) -> None:
        self._facts = FactStrip("email_facts")

    def head(self) -> QWidget | None:
        """To, state."""
        return self._facts

    def render(self, page: Page, desk: PagePort) -> None:
        """From the step's panel."""
        tr = QCoreApplication.translate
        states = {
            "sent": tr("email", "Sent"),
            "queued": tr("email", "Queued: it goes out when there is a connection"),
            "failed": tr("email", "Not sent"),
        }
        status = page.waiting or states.get(str(page.panel.get("status", "")), "")
        self._facts.render_as(
            ((tr("email", "To"), str(page.panel.get("to", ""))), (tr("email", "Mail"), status))
        )


LAYOUT = EmailLayout
