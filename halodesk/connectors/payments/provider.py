"""What a module of this package says of itself, and what it is given."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from halodesk.runtime.payment_ports import PaymentGateway

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0


class GatewayAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Where a gateway is and how one logs in; times in seconds."""

    base_url: str
    api_key: str
    login: str = ""
    """Public part of the log-in: API login ID (Authorize.Net), public key (Braintree)."""
    client_key: str = ""
    """Key that only makes tokens: public client key (Authorize.Net)."""
    merchant_account: str = ""
    """Which of the merchant's accounts is charged (Braintree)."""
    currency: str = "USD"
    """Currency of that account, where the gateway has one an account."""
    connect_seconds: float = CONNECT_SECONDS
    total_seconds: float = TOTAL_SECONDS

    def __repr__(self) -> str:
        """Without the keys, which are secrets."""
        return f"<GatewayAccount {self.base_url}>"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway that HaloDesk can use. `build` raises `SettingsError` for an unusable account."""

    key: str
    """Name in flows and settings, for ever."""
    label: str
    build: Callable[[GatewayAccount], PaymentGateway]
    live_url: str = ""
    """Where it is unless the account says otherwise; empty: the account has to say."""
