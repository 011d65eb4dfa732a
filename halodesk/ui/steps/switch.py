"""switch: seen only while its expression is computed."""

from __future__ import annotations

from halodesk.ui.steps.waiting import WaitingLayout

KIND = "switch"


class SwitchLayout(WaitingLayout):
    """Routes on a value."""


LAYOUT = SwitchLayout
