"""What the parts of the Desk share that show what the flow agents' port tells."""

from __future__ import annotations

from halodesk.runtime.live_agent_port import LivePort
from halodesk.runtime.ports import Unsubscribe


class LivePart:
    """Stands before the widget's own class; `_render` reads the port's view and shows it."""

    _live: LivePort | None = None
    _leave: Unsubscribe | None = None

    def attach(self, live: LivePort | None) -> None:
        """Shows what this one tells; without one there is nothing to see."""
        self._live = live
        if live is not None:
            self._leave = live.subscribe(self._render)
            self._render()

    def detach(self) -> None:
        """The window closes."""
        if self._leave is not None:
            self._leave()
            self._leave = None

    def _render(self) -> None:
        raise NotImplementedError
