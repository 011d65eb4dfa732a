"""The agent's state as the tray wants it: ready or not, in words, with one switch."""

from __future__ import annotations

from collections.abc import Callable

from halodesk.runtime.agent_ports import AgentPort
from halodesk.runtime.ports import Unsubscribe
from halodesk.ui.desk.agent_words import state_words


class Readiness:
    """`runtime.desktop_ports.ReadinessPort` over the agent's day."""

    def __init__(self, agent: AgentPort) -> None:
        self._agent = agent

    @property
    def ready(self) -> bool:
        """What the agent has chosen; a call and its wrap-up pass."""
        return self._agent.view.choice == "ready"

    @property
    def words(self) -> str:
        """As the bar of the window says it."""
        return state_words(self._agent.view)

    def set_ready(self, *, ready: bool) -> None:
        """Ready, or not ready for the first of the reasons."""
        if ready != self.ready:
            self._agent.toggle()

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Be told of changes, on the main thread."""
        return self._agent.subscribe(lambda topic: listener() if topic == "state" else None)
