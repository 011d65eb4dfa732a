"""Tools in simulation: nothing leaves the machine, answers come from the document or the caller's script."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from halodesk.engine.flow_agent.document import Document
from halodesk.runtime.flow_agent_ports import ToolAnswer, ToolRequest


class MockTools:
    """Answers by name: `answers` first, then the tool's own `mock_response`, then a plain yes.

    An answer `{"error": "…"}` is a failure. Every request is kept; a second one with the same key gets
    the first one's answer, as an idempotent service gives it.
    """

    def __init__(self, document: Document, answers: Mapping[str, Any] | None = None) -> None:
        self._document, self._answers = document, copy.deepcopy(dict(answers or {}))
        self.seen: list[ToolRequest] = []
        self._given: dict[str, ToolAnswer] = {}

    async def call(self, request: ToolRequest) -> ToolAnswer:
        """The answer, at once."""
        self.seen.append(request)
        if request.key not in self._given:
            self._given[request.key] = self._answer(request)
        return self._given[request.key]

    def _answer(self, request: ToolRequest) -> ToolAnswer:
        tool = self._document.tool_named(request.name)
        value = self._answers.get(request.name)
        if isinstance(value, list):  # one after the other, the last stays
            value = value.pop(0) if len(value) > 1 else value[0] if value else None
        if value is None and tool is not None:
            value = tool.mock
        if isinstance(value, dict) and set(value) == {"error"}:
            return ToolAnswer(ok=False, error=str(value["error"]))
        return ToolAnswer(ok=True, value={"done": True} if value is None else value)
