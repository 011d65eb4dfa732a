"""script: what the agent says, with fields below it. The generic page as it is."""

from __future__ import annotations

from halodesk.ui.steps.base import StepLayout

KIND = "script"


class ScriptLayout(StepLayout):
    """Talking points."""


LAYOUT = ScriptLayout
