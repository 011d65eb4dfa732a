"""Payment gateways: one module each, found by itself.

A module of this package that defines `PROVIDER` (`provider.Provider`) is a gateway; adding one
is adding its module. Decline codes are put in the agent's words by `reasons`, for all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import msgspec

from halodesk.connectors.payments.provider import GatewayAccount, Provider
from halodesk.engine.errors import SettingsError
from halodesk.runtime.discovery import found_in
from halodesk.runtime.payment_ports import PaymentGateway


@functools.cache
def providers() -> Mapping[str, Provider]:
    """Every gateway by its key."""
    return found_in(__path__, __name__, "PROVIDER", Provider)


def open_gateway(key: str, account: GatewayAccount) -> PaymentGateway:
    """The gateway `key` for an account. Raises `SettingsError` where there is none or it cannot be used."""
    provider = providers().get(key)
    if provider is None:
        raise SettingsError(
            f"There is no payment gateway “{key}”.", f"Choose one of: {', '.join(sorted(providers()))}."
        )
    if not account.base_url:
        if not provider.live_url:
            raise SettingsError(f"The gateway “{key}” needs an address.", "Set its `url`.")
        account = msgspec.structs.replace(account, base_url=provider.live_url)
    return provider.build(account)
