"""What a module of this package says of itself, and what it is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from halodesk.runtime.ports import PaymentGateway

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0


class GatewayAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Where a gateway is and how one logs in; times in seconds."""

    base_url: str
    api_key: str
    connect_seconds: float = CONNECT_SECONDS
    total_seconds: float = TOTAL_SECONDS

    def __repr__(self) -> str:
        """Without the API key, which is a secret."""
        return f"<GatewayAccount {self.base_url}>"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway that HaloDesk can use. `build` raises `SettingsError` for an unusable account."""

    key: str
    """Name in flows and settings, for ever."""
    label: str
    build: Callable[[GatewayAccount], PaymentGateway]
