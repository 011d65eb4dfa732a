"""for_each: seen only while its list is fetched."""

from __future__ import annotations

from halodesk.ui.steps.waiting import WaitingLayout

KIND = "for_each"


class ForEachLayout(WaitingLayout):
    """Goes through a list."""


LAYOUT = ForEachLayout
