"""web_browser: a foreign page below the script, filled from what was captured."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.browser.pane import WebPane
from halodesk.ui.steps.base import StepLayout, Tools

KIND = "web_browser"


class WebBrowserLayout(StepLayout):
    """The browser takes all the room the script leaves."""

    fills = True

    def __init__(self) -> None:
        self._pane: WebPane | None = None
        self._tools = Tools()

    def equip(self, tools: Tools) -> None:
        """With the browser of the seat; a replay has none."""
        self._tools = tools

    def tail(self) -> QWidget | None:
        """The browser."""
        if self._pane is None:
            self._pane = WebPane(self._tools.visits)
        return self._pane

    def render(self, page: Page, desk: PagePort) -> None:
        """The visit under way, or why there is none."""
        visit = str(page.panel.get("visit") or "")
        if self._pane is not None:
            live = self._tools.visits is not None
            self._pane.show_visit(visit if live else "", self._idle(page, visit, live=live))

    def leave(self) -> None:
        """What the session's pages kept goes with the session."""
        if self._tools.visits is not None:
            self._tools.visits.session_over()

    def _idle(self, page: Page, visit: str, *, live: bool) -> str:
        tr = QCoreApplication.translate
        if not live:
            url = str(page.panel.get("url") or "")
            words = tr("web_browser", "A web page is shown here. Foreign pages are not recorded.")
            return f"{words} {url}".strip()
        if visit:
            return tr("web_browser", "The web page is being opened …")
        if page.panel.get("problem"):
            return tr("web_browser", "The web page is closed.")
        return tr("web_browser", "The web page is done. What was read from it is kept.")


LAYOUT = WebBrowserLayout
