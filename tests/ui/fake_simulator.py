"""A simulator at the port: notes what is asked, shows what a test gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from halodesk.runtime.ports import Unsubscribe
from halodesk.runtime.simulator_port import SimulatorView


class FakeSimulator:
    """See `halodesk.runtime.simulator_port.SimulatorPort`."""

    def __init__(self) -> None:
        self.view = SimulatorView()
        self.asked: list[tuple[str, ...]] = []
        self.listeners: list[Callable[[], None]] = []

    def show(self, **changes: object) -> None:
        """Another view, and the news of it."""
        self.view = msgspec.structs.replace(self.view, **changes)
        for listener in tuple(self.listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def refresh(self) -> None:
        self.asked.append(("refresh",))

    def choose(self, agent: str) -> None:
        self.asked.append(("choose", agent))

    def open_document(self, path: Path) -> None:
        self.asked.append(("open_document", str(path)))

    def open_caller(self, path: Path) -> None:
        self.asked.append(("open_caller", str(path)))

    def no_caller(self) -> None:
        self.asked.append(("no_caller",))

    def start(self) -> None:
        self.asked.append(("start",))

    def say(self, text: str) -> None:
        self.asked.append(("say", text))

    def press(self, keys: str) -> None:
        self.asked.append(("press", keys))

    def say_next(self) -> None:
        self.asked.append(("say_next",))

    def hang_up(self) -> None:
        self.asked.append(("hang_up",))

    def leave_alone(self, *, on: bool) -> None:
        self.asked.append(("leave_alone", str(on)))

    def run_callers(self, folder: Path) -> None:
        self.asked.append(("run_callers", str(folder)))

    def stop_callers(self) -> None:
        self.asked.append(("stop_callers",))

    def keep_callers(self, folder: Path) -> None:
        self.asked.append(("keep_callers", str(folder)))
