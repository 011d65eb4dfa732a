"""What a page beside the Desk is to the window: an entry in the rail and a widget made when first wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from halodesk.runtime.ports import Unsubscribe


class RailPage(QWidget):
    """A page the rail leads to. The window tells it when it comes in sight and when it leaves."""

    def enter(self) -> None:
        """In sight now: read what may have changed, put the focus where work begins."""

    def leave(self) -> None:
        """Out of sight, or the window closes: nothing plays, nothing is asked for."""

    def back(self) -> None:
        """Alt+Left: one level up inside the page."""

    def restyle(self) -> None:
        """The theme changed."""


@dataclass(frozen=True)
class PageEntry:
    """How the rail shows a page. `icon` (of `ui.theme.icons`) names the entry, too: `rail:ICON`."""

    icon: str
    words: str
    make: Callable[[], RailPage]
    watch: Callable[[Callable[[int], None]], Unsubscribe] | None = None
    """Tells how much news the page has: now, and whenever that changes."""
