"""One completion: pieces of a stream in, spoken sentences and whole calls out, within its deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from halodesk.engine.flow_agent import inputs as i
from halodesk.runtime.flow_agent.sentences import Sentences
from halodesk.runtime.flow_agent_ports import (
    CallPiece,
    ChatError,
    ChatLLM,
    ChatRequest,
    Clock,
    EndPiece,
    Piece,
    TextPiece,
)

MOST_TEXT = 20_000
MOST_ARGUMENTS = 40_000
"""Characters of one completion: a model that runs wild is cut."""


class _Call:
    def __init__(self) -> None:
        self.id = self.name = self.arguments = ""


async def complete(
    llm: ChatLLM, request: ChatRequest, number: int, clock: Clock, tell: Callable[[i.AnyNews], None]
) -> None:
    """Stream a completion and tell what comes of it. Never raises for what a model does."""
    begun, first_ms = clock.now(), 0
    sentences, calls = Sentences(), dict[int, _Call]()
    text = arguments = 0
    try:
        end: EndPiece | None = None
        async with aclosing(_paced(llm, request)) as pieces:
            async for piece in pieces:
                first_ms = first_ms or max(1, round((clock.now() - begun) * 1000))
                match piece:
                    case TextPiece():
                        text += len(piece.text)
                        for sentence in sentences.feed(piece.text):
                            tell(i.ModelSaid(request=number, text=sentence))
                    case CallPiece():
                        arguments += len(piece.arguments) + len(piece.name)
                        call = calls.setdefault(piece.index, _Call())
                        call.id, call.name = piece.id or call.id, call.name + piece.name
                        call.arguments += piece.arguments
                    case EndPiece():
                        end = piece
                if text > MOST_TEXT or arguments > MOST_ARGUMENTS or len(calls) > 64:
                    raise ChatError("malformed", "The model does not come to an end.")
        if end is None:
            raise ChatError("cut", "The answer broke off.")
    except ChatError as error:
        tell(i.ModelFailed(request=number, failure=error.failure, detail=error.message))
        return
    rest = sentences.flush()
    if rest:
        tell(i.ModelSaid(request=number, text=rest))
    whole = tuple(
        i.ToolCall(id=call.id, name=call.name, arguments=call.arguments) for _, call in sorted(calls.items())
    )
    tell(i.ModelDone(request=number, calls=whole, usage=end.usage, model=llm.name, first_ms=first_ms))


async def text_of(llm: ChatLLM, request: ChatRequest) -> tuple[str, i.Usage]:
    """The whole text of a completion. Raises `ChatError`."""
    found, usage, ended = "", i.Usage(), False
    async with aclosing(_paced(llm, request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, TextPiece):
                found += piece.text
            elif isinstance(piece, EndPiece):
                usage, ended = piece.usage, True
            if len(found) > MOST_TEXT:
                raise ChatError("malformed", "The model does not come to an end.")
    if not ended:
        raise ChatError("cut", "The answer broke off.")
    return found, usage


async def _paced(llm: ChatLLM, request: ChatRequest) -> AsyncGenerator[Piece, None]:
    """The pieces, unless one is too late."""
    stream = llm.stream(request)
    seconds, late = request.first_token_s, False
    try:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    piece = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ChatError(
                    "stalled" if late else "timeout", f"Nothing came for {seconds:g} seconds."
                ) from None
            yield piece
            seconds, late = request.stall_s, True
    finally:
        close = getattr(stream, "aclose", None)  # a generator has it, another iterator may not
        if close is not None:
            await cast("Callable[[], asyncio.Future[None]]", close)()
