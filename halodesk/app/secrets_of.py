"""Keys of the settings, from where IT keeps them."""

from __future__ import annotations

import os

from halodesk.crypto import keystore
from halodesk.engine.errors import SettingsError


def secret_of(owner: str, given: str) -> str:
    """A key as it stands, or from `env:VARIABLE` or `keyring:ENTRY`.

    `owner`: whose key, in words for the error. Raises `SettingsError`, `StoreKeyError`, naming no key.
    """
    kind, _, entry = given.partition(":")
    if kind not in ("env", "keyring"):
        return given
    value = os.environ.get(entry, "") if kind == "env" else keystore.kept_secret(entry)
    if not value:
        raise SettingsError(
            f"The key of {owner} is empty or missing ({kind}).",
            "Set the variable, or run: halodesk keys secret ENTRY",
        )
    return value
