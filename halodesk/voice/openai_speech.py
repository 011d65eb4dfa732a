"""What ear and mouth over OpenAI's audio endpoints have in common: the client, and faults in words.

Rules: as for the models (`connectors.llm.openai`): no tries of the library's own, nothing of the
environment, no redirects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from halodesk.connectors.openai_client import open_client
from halodesk.engine.errors import SettingsError
from halodesk.voice.provider import SpeechAccount

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class SpeechFaultError(Exception):
    """The server answered something that is no speech. Stays within ear and mouth."""


def opened(account: SpeechAccount, total_s: float) -> AsyncOpenAI:
    """A client; `total_s` bounds each wait of it. Raises `SettingsError`."""
    if not account.api_key and not account.url:
        raise SettingsError(
            "Speech by OpenAI has no key.", "Give `api_key`, or the `url` of a server of yours."
        )
    return open_client(account.api_key, account.base_url, total_s)


def faults() -> tuple[type[Exception], ...]:
    """What may go wrong with a request, all of it."""
    import httpx2
    import openai

    return (
        SpeechFaultError,
        openai.OpenAIError,
        httpx2.HTTPError,
        httpx2.StreamError,
        OSError,  # TimeoutError is one
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
    )


def in_words(error: Exception) -> str:
    """What went wrong, after “The speech server …”."""
    import httpx2
    import openai

    match error:
        case TimeoutError() | openai.APITimeoutError():
            return "did not answer in time"
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return "refused the key"
        case openai.RateLimitError():
            return "takes no more requests now"
        case openai.APIStatusError():
            return f"answered {error.status_code}"
        case openai.APIConnectionError() | httpx2.HTTPError() | httpx2.StreamError() | OSError():
            return "cannot be reached"
    return "answered something that is no speech"


def passes(error: Exception) -> bool:
    """Whether the same request may well succeed at once."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return error.status_code >= 500 or error.status_code in (408, 409, 429)
    return unconnected(error)


def unconnected(error: Exception) -> bool:
    """Whether there was no connection, or it was lost before an answer: as a kept one is that grew old."""
    import openai

    return isinstance(error, openai.APIConnectionError) and not isinstance(error, openai.APITimeoutError)
