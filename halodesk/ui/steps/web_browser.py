"""web_browser: what the foreign page is about to do, or why it is not there."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.banner import Banner
from halodesk.ui.steps.base import StepLayout

KIND = "web_browser"


class WebBrowserLayout(StepLayout):
    """A message area below the fields."""

    def __init__(self) -> None:
        self._told = Banner("browser_told")

    def tail(self) -> QWidget | None:
        """The message."""
        return self._told

    def render(self, page: Page, desk: PagePort) -> None:
        """From the step's panel."""
        tr = QCoreApplication.translate
        panel = page.panel
        if panel.get("problem"):
            self._told.render_as("error", str(panel["problem"]))
        elif panel.get("visit"):
            todo = ""
            if panel.get("submit") == "agent":
                todo = tr("browser", "Check what was filled in and send it there.")
            words = tr("browser", "The web page is open: {url}").format(url=panel.get("url", ""))
            self._told.render_as("info", words, todo)
        else:
            self._told.render_as("info", "")


LAYOUT = WebBrowserLayout
