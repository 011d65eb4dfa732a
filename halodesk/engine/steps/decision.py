"""decision: no page; functions run, then the routes decide."""

from __future__ import annotations

from halodesk.engine.steps.base import Plain


class Decision(Plain):
    """Routes on any captured value."""

    name = "decision"
    shows_page = False


TYPE = Decision()
