"""In the bar on top: puts the co-pilot on the call, and shows that it is there."""

from __future__ import annotations

from PySide6.QtCore import Qt

from halodesk.ui.parts.buttons import Button
from halodesk.ui.theme.tokens import Size


class CopilotButton(Button):
    """Hidden while there is no call it could listen to."""

    def __init__(self) -> None:
        super().__init__(kind="ghost", icon="listen", name="toggle_copilot", height=Size.BUTTON_SMALL)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.render_as_stands(possible=False, on=False)

    def render_as_stands(self, *, possible: bool, on: bool) -> None:
        """Whether it may be put on the call, and whether it is."""
        words = self.tr("Stop the co-pilot") if on else self.tr("Co-pilot: listen and propose")
        self.kind = "primary" if on else "ghost"
        self.setAccessibleName(words)
        self.setToolTip(f"{words} (Alt+C)")
        self.setVisible(possible)
        self.update()
