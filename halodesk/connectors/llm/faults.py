"""How a completion is lost, told alike for every provider.

The libraries of OpenAI and Anthropic are made by the same generator: their errors have the same names
and the same tree, so the module itself says which classes are meant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import TypeVar

from halodesk.runtime.flow_agent_ports import ChatError

_BROKE = "The connection broke in the middle of the answer."
_AWAY = "The model's server cannot be reached."
_PASSING = (408, 409)
Answer = TypeVar("Answer")


async def opened(ask: Callable[[], Awaitable[Answer]], library: ModuleType, transport: ModuleType) -> Answer:
    """The beginning of an answer.

    A connection that was kept may have been closed over there just as it was used again: that is no
    failure of the model, so it is asked once more, on a new one. `transport`: the library's own HTTP.
    """
    try:
        return await ask()
    except library.APIConnectionError as error:
        broken = (transport.RemoteProtocolError, transport.ReadError, transport.WriteError)
        if not isinstance(error.__cause__, broken):
            raise
    return await ask()


def lost(error: Exception, library: ModuleType, *, begun: bool) -> ChatError:
    """What the conversation is told of an `error` that a stream of `library` raised.

    `begun`: some of the answer had come. What is no error of the library's is nonsense in its answer,
    unless the transport below it broke.
    """
    if isinstance(error, library.APITimeoutError):
        return ChatError("timeout", "The model did not answer in time.")
    if isinstance(error, library.RateLimitError):
        return ChatError("rate_limited", "The model takes no more requests now.")
    if isinstance(error, library.APIStatusError):
        lasting = error.status_code < 500 and error.status_code not in _PASSING
        return ChatError(
            "refused" if lasting else "away", f"The model's server answered {error.status_code}."
        )
    if isinstance(error, library.APIConnectionError):
        return (
            ChatError("cut", _BROKE) if begun else ChatError("away", "The model's server cannot be reached.")
        )
    if isinstance(error, library.APIError):
        return ChatError("malformed", "The model's server reported a fault in its answer.")
    if isinstance(error, (ValueError, TypeError, AttributeError, LookupError)):
        return ChatError("malformed", "The model's server answered in another language.")
    return ChatError("cut", _BROKE)
