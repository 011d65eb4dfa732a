"""sub_script: its template's pages are seen, it is not."""

from __future__ import annotations

from halodesk.ui.steps.waiting import WaitingLayout

KIND = "sub_script"


class SubScriptLayout(WaitingLayout):
    """Calls a template."""


LAYOUT = SubScriptLayout
