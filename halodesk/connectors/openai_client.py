"""The client of OpenAI's library, as models and speech use it.

Rules:
- The library's own tries and ten-minute time-out are off: whoever asks decides about both.
- Proxies and keys of the environment are ignored: a stray variable redirects no conversation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from halodesk.connectors.llm.provider import CONNECT_SECONDS

if TYPE_CHECKING:
    from openai import AsyncOpenAI


def open_client(api_key: str, base_url: str | None, timeout_s: float) -> AsyncOpenAI:
    """A client. `base_url`: None for OpenAI's own; `timeout_s`: the longest wait for bytes."""
    # loaded here, not with this module: it takes most of a second
    import openai

    timeout = openai.Timeout(timeout_s, connect=CONNECT_SECONDS)
    return openai.AsyncOpenAI(
        api_key=api_key or "none",
        base_url=base_url or "https://api.openai.com/v1",
        organization="",
        project="",
        max_retries=0,
        timeout=timeout,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False, timeout=timeout),
    )
