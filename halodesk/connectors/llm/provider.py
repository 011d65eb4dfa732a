"""What a module of this package says of itself, and what it is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from halodesk.connectors.http import checked_base_url
from halodesk.engine.flow_agent.inputs import Usage
from halodesk.runtime.flow_agent_ports import ChatLLM

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
"""Bounds of the network; the deadlines of a conversation are shorter, and kept by its runner."""


class LlmAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of one provider. `provider` names a module of this package."""

    name: str = ""
    provider: str = "openai"
    model: str
    api_key: str = ""
    url: str = ""
    """Any server that speaks the provider's language; empty: the provider's own."""
    temperature: float | None = None
    price_prompt: float = 0.0
    price_completion: float = 0.0
    """Of a million tokens, in whatever currency the caps are in."""
    most_cost: float = 0.0
    most_tokens: int = 0
    """Caps of one call; 0: none. Those of the chain's first model count."""
    timeout_s: float = READ_SECONDS

    def __repr__(self) -> str:
        """Without the key."""
        return f"<LlmAccount {self.provider}/{self.model}>"

    def priced(self, prompt: int, completion: int) -> Usage:
        """What a completion used and cost."""
        cost = (prompt * self.price_prompt + completion * self.price_completion) / 1_000_000
        return Usage(prompt=prompt, completion=completion, cost=cost)

    @property
    def base_url(self) -> str | None:
        """The checked address; None for the provider's own. Raises `SettingsError`."""
        return checked_base_url(self.url) if self.url else None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider of models. `build` raises `SettingsError` for an unusable account."""

    key: str
    """Name in settings, for ever."""
    label: str
    build: Callable[[LlmAccount], ChatLLM]
