"""A model that says what a script says: for simulation without a provider, and for regression tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from halodesk.runtime.flow_agent_ports import (
    CallPiece,
    ChatError,
    ChatRequest,
    EndPiece,
    Piece,
    TextPiece,
)


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A function call in a script. `raw` is text in place of arguments, for a model that writes badly."""

    name: str
    arguments: dict[str, Any] = {}
    raw: str | None = None


class Completion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One completion of a script. `fail` is the way it is lost (`inputs.Failure`)."""

    text: str = ""
    calls: tuple[Said, ...] = ()
    fail: str = ""


class ScriptedLLM:
    """Gives its completions in their order; when there are no more, empty ones."""

    name = "script"

    def __init__(self, completions: Sequence[Completion]) -> None:
        self._left = list(completions)
        self.requests: list[ChatRequest] = []

    @property
    def left(self) -> int:
        """Completions that nobody asked for."""
        return len(self._left)

    @property
    def next(self) -> Completion:
        """The one that comes next."""
        return self._left[0] if self._left else Completion()

    async def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """The next completion."""
        self.requests.append(request)
        found = self._left.pop(0) if self._left else Completion()
        if found.text:
            yield TextPiece(text=found.text)
        if found.fail:
            raise ChatError(found.fail, "The script says so.")  # type: ignore[arg-type]  # checked where scripts are read
        for index, call in enumerate(found.calls):
            text = msgspec.json.encode(call.arguments).decode() if call.raw is None else call.raw
            yield CallPiece(index=index, id=f"s{index}", name=call.name, arguments=text)
        yield EndPiece()

    async def close(self) -> None:
        """Nothing is open."""
