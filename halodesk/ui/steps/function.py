"""function: seen only while its expression is computed."""

from __future__ import annotations

from halodesk.ui.steps.waiting import WaitingLayout

KIND = "function"


class FunctionLayout(WaitingLayout):
    """Computes a value."""


LAYOUT = FunctionLayout
