"""What the tray may use beside the desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from halodesk.runtime.ports import Unsubscribe


class ReadinessPort(Protocol):
    """Whether the agent takes calls; at seats that have such a state. Main thread only."""

    @property
    def ready(self) -> bool: ...

    @property
    def words(self) -> str:
        """The state and its reason, for people."""
        ...

    def set_ready(self, *, ready: bool) -> None: ...

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe: ...
