"""Mail providers: one module each, found by itself.

A module of this package that defines `PROVIDER` (`provider.Provider`) is a provider; adding one is
adding its module. `post.MailPost` is what a seat uses: it composes, sends, and queues.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from halodesk.connectors.email.provider import MailAccount, Mailer, Provider
from halodesk.engine.errors import SettingsError


@functools.cache
def providers() -> Mapping[str, Provider]:
    """Every provider by its key."""
    found: dict[str, Provider] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        provider = getattr(module, "PROVIDER", None)
        if isinstance(provider, Provider):
            found[provider.key] = provider
    return MappingProxyType(found)


def open_mailer(account: MailAccount) -> Mailer:
    """The mailer of an account. Raises `SettingsError` where there is none or it cannot be used."""
    provider = providers().get(account.provider)
    if provider is None:
        raise SettingsError(
            f"There is no mail provider “{account.provider}”.",
            f"Choose one of: {', '.join(sorted(providers()))}.",
        )
    return provider.build(account)
