"""api_call: a page that waits for an outside system, and says so."""

from __future__ import annotations

from halodesk.ui.steps.waiting import WaitingLayout

KIND = "api_call"


class ApiCallLayout(WaitingLayout):
    """Asks another system."""


LAYOUT = ApiCallLayout
