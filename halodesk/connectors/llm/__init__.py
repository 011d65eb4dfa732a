"""Language models: one provider a module, found by itself.

A module of this package that defines `PROVIDER` (`provider.Provider`) is a provider; adding one is
adding its module. The accounts of the settings, in their order, are the fallback chain.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from halodesk.connectors.llm.provider import LlmAccount, Provider
from halodesk.engine.errors import SettingsError
from halodesk.runtime.discovery import found_in
from halodesk.runtime.flow_agent_ports import ChatLLM


@functools.cache
def providers() -> Mapping[str, Provider]:
    """Every provider by its key."""
    return found_in(__path__, __name__, "PROVIDER", Provider)


def accounts(settings: Sequence[Mapping[str, Any]]) -> tuple[LlmAccount, ...]:
    """The accounts of the settings. Raises `SettingsError` naming what is wrong."""
    found = []
    for number, one in enumerate(settings, start=1):
        try:
            found.append(msgspec.convert(one, LlmAccount))
        except msgspec.ValidationError as error:
            raise SettingsError(f"Model {number} in `llm`: {error}.", "See docs/flow-agents.md.") from None
    return tuple(found)


def open_llm(account: LlmAccount) -> ChatLLM:
    """The model of an account. Raises `SettingsError` where there is none or it cannot be used."""
    provider = providers().get(account.provider)
    if provider is None:
        raise SettingsError(
            f"There is no provider of models “{account.provider}”.",
            f"Choose one of: {', '.join(sorted(providers()))}.",
        )
    return provider.build(account)
