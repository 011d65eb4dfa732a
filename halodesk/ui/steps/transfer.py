"""transfer: where the call goes and how, before it goes."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.facts import FactStrip
from halodesk.ui.parts.words import phone_words
from halodesk.ui.steps.base import StepLayout

KIND = "transfer"


class TransferLayout(StepLayout):
    """Target above the script; what stands against it below."""

    def __init__(self) -> None:
        self._facts = FactStrip("transfer_facts")
        self._locked = Banner("transfer_locked")

    def head(self) -> QWidget | None:
        """Target and manner."""
        return self._facts

    def tail(self) -> QWidget | None:
        """Why it cannot be done now."""
        return self._locked

    def render(self, page: Page, desk: PagePort) -> None:
        """From the step's panel."""
        tr = QCoreApplication.translate
        targets = {
            "external": tr("transfer", "Number"),
            "queue": tr("transfer", "Queue"),
            "agent": tr("transfer", "Colleague"),
        }
        modes = {
            "blind": tr("transfer", "At once, unannounced"),
            "attended": tr("transfer", "After you have announced the caller"),
            "conference": tr("transfer", "All three together"),
        }
        panel = page.panel
        self._facts.render_as(
            (
                (targets.get(str(panel.get("target")), ""), phone_words(str(panel.get("to", "")))),
                (tr("transfer", "How"), modes.get(str(panel.get("mode")), "")),
            )
        )
        locked = "" if page.ended or page.waiting else str(panel.get("locked", ""))
        self._locked.render_as("warning", locked)


LAYOUT = TransferLayout
