"""Flow agents on calls at the port: notes what is asked, shows what a test gives it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from halodesk.engine.commands import Refused
from halodesk.runtime.live_agent_port import LiveView
from halodesk.runtime.ports import Unsubscribe


class FakeLive:
    """See `halodesk.runtime.live_agent_port.LivePort`."""

    def __init__(self) -> None:
        self.view = LiveView()
        self.asked: list[tuple[object, ...]] = []
        self.listeners: list[Callable[[], None]] = []

    def show(self, **changes: object) -> None:
        """Another view, and the news of it."""
        self.view = msgspec.structs.replace(self.view, **changes)
        for listener in tuple(self.listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def begin(self, agent: str) -> None:
        self.asked.append(("begin", agent))

    def assist(self, agent: str) -> None:
        self.asked.append(("assist", agent))

    def whisper(self, text: str) -> None:
        self.asked.append(("whisper", text))

    def take_over(self) -> None:
        self.asked.append(("take_over",))

    def hand_back(self, note: str = "") -> None:
        self.asked.append(("hand_back", note))

    def dismiss(self) -> None:
        self.asked.append(("dismiss",))

    def accept(self, proposal: int) -> Refused | None:
        self.asked.append(("accept", proposal))
        return None

    def turn_down(self, proposal: int) -> None:
        self.asked.append(("turn_down", proposal))

    def typed(self, field: str) -> None:
        self.asked.append(("typed", field))
