"""Flow agents on the calls of a desk: real Desk and machine, over a phone and a line that do as told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from halodesk.engine import events as s
from halodesk.engine.errors import SettingsError
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent.mock_tools import MockTools
from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from halodesk.runtime.flow_agent_ports import ChatLLM
from tests.fakes.flow_agent import sample_flow
from tests.fakes.live_line import FakeLine
from tests.fakes.seat import Seat


class Live:
    """A seat with a call, flow agents on it, and a model that follows a script."""

    def __init__(self, seat: Seat, folder: Path, *script: Completion, **more: Any) -> None:
        self.seat, self.lines = seat, list[FakeLine]()
        self.model = ScriptedLLM(script)
        self.line_model: ChatLLM | None = None
        self.wanted: list[str] = []
        self.refuse: SettingsError | None = None
        self.ready = threading.Event()
        self.ready.set()
        self.library = Library(folder)
        self.document = more.pop("document", None) or sample_flow()
        self.library.add(self.document)
        self.live = LiveAgents(
            self.library,
            seat.desk,
            io=seat.io,
            post=seat.posted.put,
            open_line=self._open,
            open_models=lambda: [self.model],
            tools=more.pop("tools", None) or MockTools(self.document),
            attention=self.wanted.append,
            **more,
        )

    async def _open(self, call: CallInfo) -> FakeLine:
        await asyncio.to_thread(self.ready.wait, 10)
        if self.refuse is not None:
            raise self.refuse
        self.lines.append(FakeLine(call))
        self.line.model = self.line_model
        return self.lines[-1]

    @property
    def line(self) -> FakeLine:
        return self.lines[-1]

    @property
    def view(self) -> Any:
        return self.live.view

    def until(self, condition: Callable[[], Any]) -> None:
        self.seat.until(condition)

    def hear(self, text: str, confidence: float = 1.0) -> None:
        self.seat.io.call(self.line.hear, text, confidence)

    def begin(self) -> Live:
        """The greeting is out and the caller has the word."""
        self.seat.take()
        self.live.begin("test-agent")
        self.until(lambda: self.view.node == "one" and self.view.phase == "listening" and self.told())
        return self

    def facts(self, kind: type[Any] = s.Event) -> list[Any]:
        kinds = (s.FlowAgentBegan, s.FlowAgentTalk, s.FlowAgentActed, s.FlowAgentEnded)
        return [one for one in self.seat.events if isinstance(one, kinds) and isinstance(one, kind)]

    def told(self) -> list[str]:
        return [one.text for one in self.view.said]
