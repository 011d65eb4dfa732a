"""zip_lookup: what the code stands for, or that it stands for several places or none."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.banner import Banner
from halodesk.ui.steps.base import StepLayout

KIND = "zip_lookup"


class ZipLayout(StepLayout):
    """Sentences below the fields; the places themselves are the page's buttons."""

    def __init__(self) -> None:
        self._told = Banner("zip_told")

    def tail(self) -> QWidget | None:
        """What was found."""
        return self._told

    def render(self, page: Page, desk: PagePort) -> None:
        """From the step's panel."""
        tr = QCoreApplication.translate
        places = page.panel.get("places", ())
        if len(places) > 1:
            self._told.render_as(
                "info", tr("zip", "Several places have this code."), tr("zip", "Ask, and choose one below.")
            )
        elif page.panel.get("missed"):
            self._told.render_as(
                "warning",
                tr("zip", "No place is known for this code."),
                tr("zip", "Ask for the city and type it."),
            )
        else:
            self._told.render_as("info", ", ".join(places), " ".join(page.panel.get("sources", ())))


LAYOUT = ZipLayout
