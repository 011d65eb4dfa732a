"""Anthropic's messages.

Rules: as for `openai`. Besides, messages of one side in a row become one, and the first is the user's,
as the protocol demands.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from halodesk.connectors.llm.faults import lost, opened
from halodesk.connectors.llm.provider import CONNECT_SECONDS, LlmAccount, Provider
from halodesk.engine.errors import SettingsError
from halodesk.runtime.flow_agent_ports import (
    CallPiece,
    ChatError,
    ChatMessage,
    ChatRequest,
    EndPiece,
    Piece,
    TextPiece,
)

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


class AnthropicChat:
    """One model over messages."""

    def __init__(self, account: LlmAccount) -> None:
        if not account.api_key and not account.url:
            raise SettingsError(f"The model {account.model} has no key.", "Give `api_key`.")
        self._account, self._base_url = account, account.base_url
        self._client = self._opened()

    @property
    def name(self) -> str:
        """Provider and model."""
        return f"anthropic/{self._account.model}"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """The completion, piece by piece."""
        import anthropic
        import httpx2

        begun = False
        try:
            ask: Callable[[], Awaitable[Any]] = partial(
                self._client.messages.create, **self._arguments(request)
            )
            stream = await opened(ask, anthropic, httpx2)
            async with stream:
                begun = True
                prompt = completion = 0
                finish, whole = "", False
                async for event in stream:
                    match event.type:
                        case "message_start":
                            prompt = event.message.usage.input_tokens or 0
                        case "content_block_start" if event.content_block.type == "tool_use":
                            block = event.content_block
                            yield CallPiece(index=event.index, id=str(block.id), name=str(block.name))
                        case "content_block_delta" if event.delta.type == "text_delta":
                            yield TextPiece(text=event.delta.text)
                        case "content_block_delta" if event.delta.type == "input_json_delta":
                            yield CallPiece(index=event.index, arguments=event.delta.partial_json)
                        case "message_delta":
                            finish = str(event.delta.stop_reason or finish)
                            completion = event.usage.output_tokens or completion
                        case "message_stop":
                            whole = True
            if not whole:
                raise ChatError("cut", "The answer broke off.")
            yield EndPiece(finish=finish, usage=self._account.priced(prompt, completion))
        except (
            anthropic.APIError,
            httpx2.TransportError,
            httpx2.StreamError,
            ValueError,
            TypeError,
            AttributeError,
            LookupError,
        ) as error:
            raise lost(error, anthropic, begun=begun) from None

    async def close(self) -> None:
        """End its connections."""
        await self._client.close()

    def _opened(self) -> AsyncAnthropic:
        # loaded here, not with this module: it takes most of a second, and not in the first completion
        import anthropic

        timeout = anthropic.Timeout(self._account.timeout_s, connect=CONNECT_SECONDS)
        return anthropic.AsyncAnthropic(
            api_key=self._account.api_key or "none",
            base_url=self._base_url or "https://api.anthropic.com",
            max_retries=0,
            timeout=timeout,
            http_client=anthropic.DefaultAsyncHttpxClient(
                trust_env=False, follow_redirects=False, timeout=timeout
            ),
        )

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        system = "\n\n".join(one.content for one in request.messages if one.role == "system")
        rest = [one for one in request.messages if one.role != "system"]
        body: dict[str, Any] = {"system": system, "messages": _messages(rest)}
        found: dict[str, Any] = {
            "model": self._account.model,
            "max_tokens": request.max_tokens,
            "messages": [],
            "stream": True,
            "extra_body": body,  # sent as it is, see `openai`
        }
        if request.tools:
            body["tools"] = [
                {"name": one.name, "description": one.description, "input_schema": one.parameters}
                for one in request.tools
            ]
        temperature = request.temperature if request.temperature is not None else self._account.temperature
        if temperature is not None:
            found["temperature"] = temperature
        return found


def _messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if found and found[-1]["role"] == role:
            found[-1]["content"].extend(blocks)
        elif not found and role == "assistant":
            opening = {"type": "text", "text": "(The call is connected.)"}
            found.append({"role": "user", "content": [opening]})
            found.append({"role": role, "content": blocks})
        else:
            found.append({"role": role, "content": blocks})
    return found


def _blocks(message: ChatMessage) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.call_id, "content": message.content}]
    text = [{"type": "text", "text": message.content}] if message.content.strip() else []
    calls = [
        {
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": msgspec.json.decode(call.arguments or "{}"),
        }
        for call in message.calls
    ]
    return [*text, *calls]


PROVIDER = Provider(key="anthropic", label="Anthropic", build=AnthropicChat)
