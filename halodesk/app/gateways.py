"""Payment gateways of the settings, with their keys from where IT keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from halodesk.app.secrets_of import secret_of
from halodesk.connectors.payments import open_gateway
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.engine.errors import SettingsError
from halodesk.runtime.payment_ports import PaymentGateway
from halodesk.runtime.settings import Gateway


def open_gateways(wanted: Sequence[Gateway]) -> Mapping[str, PaymentGateway]:
    """Every gateway by its name in flows. Raises `SettingsError`, `StoreKeyError`, naming no key."""
    names = [found.name for found in wanted]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise SettingsError(f"Two gateways are called “{twice}”.", "Give each its own name.")
    return {found.name: open_gateway(found.provider, _account(found)) for found in wanted}


def _account(found: Gateway) -> GatewayAccount:
    return GatewayAccount(
        base_url=found.url,
        api_key=_secret(found.name, found.api_key),
        login=found.login,
        client_key=_secret(found.name, found.client_key),
        merchant_account=found.merchant_account,
        currency=found.currency,
        total_seconds=found.timeout_s,
    )


def _secret(gateway: str, given: str) -> str:
    return secret_of(f"the gateway “{gateway}”", given)
