"""Where the server is and which certificates are believed."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from halodesk.engine.errors import SettingsError
from halodesk.runtime.web_address import protected

_TODO = "Write https://HOST:PORT as IT gave it to you."


def checked(url: str) -> str:
    """The address without a slash at its end. Plain HTTP is for this machine only.

    Raises `SettingsError`.
    """
    parts = urlsplit(url)
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.path.strip("/") or parts.query or parts.username:
        raise SettingsError(f"{url} is no address of a server.", _TODO)
    if not protected(parts.scheme, host):
        raise SettingsError(f"{url} would send everything unprotected.", _TODO)
    return f"{parts.scheme}://{parts.netloc}"


def trusting(authority: bytes) -> ssl.SSLContext:
    """TLS that believes this authority (PEM) and no other; empty: those of the system.

    Raises `SettingsError` when it is no certificate.
    """
    if not authority:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=authority.decode("ascii"))
    except (ssl.SSLError, UnicodeError):
        raise SettingsError(
            "The certificate of the authority cannot be read.", "Name a PEM file, as IT gave it to you."
        ) from None
    return context
