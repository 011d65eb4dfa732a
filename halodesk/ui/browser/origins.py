"""Origins (RFC 6454) of addresses as Chromium gives them, and the list of those that are allowed."""

from __future__ import annotations

from PySide6.QtCore import QUrl

_SCHEMES = {"http": ("http", 80), "https": ("https", 443), "ws": ("http", 80), "wss": ("https", 443)}
_INNER = ("data", "blob")


def origin_of(url: QUrl) -> str:
    """As `engine.url_template.origin` writes it; a web socket has that of its page. Empty: none."""
    known = _SCHEMES.get(url.scheme().casefold())
    host = url.host(QUrl.ComponentFormattingOption.FullyEncoded).casefold()
    if known is None or not host:
        return ""
    scheme, usual = known
    port = url.port(usual)
    return f"{scheme}://{host}" + (f":{port}" if port != usual else "")


def normal(origin: str) -> str:
    """An origin of a flow in the form of `origin_of`."""
    return origin_of(QUrl(origin))


def may_fetch(url: QUrl, allowed: frozenset[str], *, navigation: bool) -> bool:
    """Whether a request may go out. Data made inside a page may be used in it, not be a page."""
    if url.scheme().casefold() in _INNER:
        return not navigation
    if url.scheme().casefold() == "about":
        return url.path() in ("blank", "srcdoc")
    return origin_of(url) in allowed
