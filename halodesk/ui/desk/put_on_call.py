"""The small button of a connected call that puts a flow agent on it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from halodesk.protocol.phone_link import CallInfo
from halodesk.ui.desk.live_part import LivePart
from halodesk.ui.desk.live_words import tr
from halodesk.ui.parts.buttons import Button


class PutOnCall(LivePart, Button):
    """Shown where the seat has flow agents, the call is connected, and none is on it."""

    def __init__(self) -> None:
        super().__init__(icon="flow_agents", name="put_on_call")
        words = tr("Let a flow agent speak")
        self.setAccessibleName(words)
        self.setToolTip(f"{words} (Ctrl+G)")
        self.menu_of_agents = QMenu(self)
        self.menu_of_agents.setObjectName("put_on_call_menu")
        self._call = ""
        self.clicked.connect(self.choose)
        self.hide()

    def render_call(self, call: CallInfo | None) -> None:
        """The call in hand."""
        connected = call is not None and call.state == "active" and not call.emergency
        self._call = call.key if call is not None and connected else ""
        self._render()

    def choose(self) -> None:
        """Which one; where there is one only, that one."""
        if self._live is None or not self.isVisible():
            return
        agents = self._live.view.agents
        if len(agents) == 1:
            self._live.begin(agents[0])
            return
        self.menu_of_agents.clear()
        for agent in agents:
            action = self.menu_of_agents.addAction(agent.replace("&", "&&"))
            action.triggered.connect(partial(self._live.begin, agent))
        self.menu_of_agents.setActiveAction(self.menu_of_agents.actions()[0])
        self.menu_of_agents.popup(self.mapToGlobal(QPoint(0, self.height())))

    def _render(self) -> None:
        view = self._live.view if self._live is not None else None
        known = view is not None and bool(view.agents)
        free = view is not None and (view.mode in ("", "copilot") or view.call != self._call)
        self.setVisible(bool(self._call) and known and free)
