"""OpenAI's chat completions, and every server that speaks them (any base URL).

Rules:
- Tries and time-outs: see `connectors.openai_client`.
- An answer that is not what the protocol says is `malformed`, never an exception that nobody foresaw.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from halodesk.connectors.llm.faults import lost, opened
from halodesk.connectors.llm.provider import LlmAccount, Provider
from halodesk.connectors.openai_client import open_client
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent.inputs import Usage
from halodesk.engine.flow_agent.prompt import estimated
from halodesk.runtime.flow_agent_ports import (
    CallPiece,
    ChatError,
    ChatMessage,
    ChatRequest,
    EndPiece,
    Piece,
    TextPiece,
    ToolSpec,
)


class OpenAIChat:
    """One model over chat completions."""

    def __init__(self, account: LlmAccount) -> None:
        if not account.api_key and not account.url:
            raise SettingsError(
                f"The model {account.model} has no key.", "Give `api_key`, or the `url` of a server of yours."
            )
        self._account, self._base_url = account, account.base_url
        # the library is loaded here, not in the first completion
        self._client = open_client(account.api_key, self._base_url, account.timeout_s)

    @property
    def name(self) -> str:
        """Provider and model."""
        return f"openai/{self._account.model}"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """The completion, piece by piece."""
        import httpx2
        import openai

        begun = False
        try:
            ask: Callable[[], Awaitable[Any]] = partial(
                self._client.chat.completions.create, **self._arguments(request)
            )
            stream = await opened(ask, openai, httpx2)
            async with stream:
                begun = True
                end, counted, said = "", Usage(), 0
                async for chunk in stream:
                    if chunk.usage is not None:
                        counted = self._account.priced(
                            chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0
                        )
                    for choice in (chunk.choices or [])[:1]:
                        for piece in _pieces(choice.delta):
                            said += len(piece.text if isinstance(piece, TextPiece) else piece.arguments)
                            yield piece
                        end = choice.finish_reason or end
            if not end:
                raise ChatError("cut", "The answer broke off.")
            if not counted.prompt:
                counted = self._account.priced(estimated(list(request.messages)), said // 4)
            yield EndPiece(finish=end, usage=counted)
        except (
            openai.APIError,
            httpx2.TransportError,
            httpx2.StreamError,
            ValueError,
            TypeError,
            AttributeError,
            LookupError,
        ) as error:
            raise lost(error, openai, begun=begun) from None

    async def close(self) -> None:
        """End its connections."""
        await self._client.close()

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        # As `extra_body`, which the library sends as it is: given by name it walks each message along the
        # types of its own, and a long conversation takes it tens of milliseconds a completion.
        body: dict[str, Any] = {"messages": [_message(one) for one in request.messages]}
        if request.tools:
            body["tools"] = [_tool(one) for one in request.tools]
        found: dict[str, Any] = {
            "model": self._account.model,
            "messages": [],
            "stream": True,
            "stream_options": {"include_usage": True},
            "extra_body": body,
        }
        # servers of others know the old name only, OpenAI's newer models the new one only
        found["max_tokens" if self._base_url else "max_completion_tokens"] = request.max_tokens
        temperature = request.temperature if request.temperature is not None else self._account.temperature
        if temperature is not None:
            found["temperature"] = temperature
        return found


def _message(message: ChatMessage) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.calls:
        found["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
            for call in message.calls
        ]
        found["content"] = message.content or None
    if message.role == "tool":
        found["tool_call_id"] = message.call_id
    return found


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }


def _pieces(delta: Any) -> Iterator[TextPiece | CallPiece]:
    if delta is None:
        return
    if delta.content:
        yield TextPiece(text=str(delta.content))
    for place, call in enumerate(delta.tool_calls or []):
        function = call.function
        yield CallPiece(
            index=place if call.index is None else int(call.index),
            id=str(call.id or ""),
            name=str((function and function.name) or ""),
            arguments=str((function and function.arguments) or ""),
        )


PROVIDER = Provider(key="openai", label="OpenAI, or a server that speaks its language", build=OpenAIChat)
