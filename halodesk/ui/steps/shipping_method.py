"""shipping_method: the buttons are the options; a choice that vanished is told above them."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.rows import Row, Rows
from halodesk.ui.steps.base import StepLayout
from halodesk.ui.theme.tokens import Space

KIND = "shipping_method"


class ShippingLayout(StepLayout):
    """Warning above the script, options with cost and time below the fields."""

    def __init__(self) -> None:
        self._warning = Banner("shipping_warning")
        self._options = Rows("strong", "body", spacing=Space.M)
        self._options.setObjectName("shipping_options")

    def head(self) -> QWidget | None:
        """What is no longer offered."""
        return self._warning

    def tail(self) -> QWidget | None:
        """All that is offered."""
        return self._options

    def render(self, page: Page, desk: PagePort) -> None:
        """From the step's panel."""
        self._warning.render_as("warning", str(page.panel.get("warning", "")))
        self._options.render(
            tuple(
                Row(option["name"], " · ".join(filter(None, (option["cost"], option["timeframe"]))))
                for option in page.panel.get("options", ())
            )
        )


LAYOUT = ShippingLayout
