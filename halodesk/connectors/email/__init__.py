"""Mail providers: one module each, found by itself.

A module of this package that defines `PROVIDER` (`provider.Provider`) is a provider; adding one is
adding its module. `post.MailPost` is what a seat uses: it composes, sends, and queues.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from halodesk.connectors.email.provider import MailAccount, Mailer, Provider
from halodesk.engine.errors import SettingsError
from halodesk.runtime.discovery import found_in


@functools.cache
def providers() -> Mapping[str, Provider]:
    """Every provider by its key."""
    return found_in(__path__, __name__, "PROVIDER", Provider)


def open_mailer(account: MailAccount) -> Mailer:
    """The mailer of an account. Raises `SettingsError` where there is none or it cannot be used."""
    provider = providers().get(account.provider)
    if provider is None:
        raise SettingsError(
            f"There is no mail provider “{account.provider}”.",
            f"Choose one of: {', '.join(sorted(providers()))}.",
        )
    return provider.build(account)
