"""The one way HaloDesk's connectors open an HTTP client.

Rules:
- Proxy and certificate settings of the environment are ignored (`trust_env`): an administrator
  sets them by policy, a stray variable does not redirect card data.
- No redirect is followed: an answer that points elsewhere is not the answer that was asked for.
- Connections are not kept: a pooled connection that the peer closed meanwhile fails after the
  request went out, and would turn a charge that never arrived into one that is uncertain.
- Plain HTTP is for loopback only (PCI DSS 4.0.1, 4.2.1).
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Mapping

import httpx

from halodesk.engine.errors import SettingsError
from halodesk.runtime.web_address import protected


@functools.cache
def _tls() -> ssl.SSLContext:
    """One context for all clients: building one reads every root certificate (about 20 ms)."""
    return httpx.create_ssl_context(trust_env=False)


def checked_base_url(address: str) -> str:
    """An address a connector may send secrets to, without a trailing slash.

    Raises `SettingsError` unless it is https, or http on loopback, without user name or query.
    """
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL()
    if not url.host or url.userinfo or url.query or url.fragment:
        raise SettingsError("A connection's address is not a web address.", "Write https://host/path.")
    if not protected(url.scheme, url.host):
        raise SettingsError(
            f"The connection to {url.host} is not encrypted.", "Use an address that begins with https."
        )
    return str(url).rstrip("/")


def open_client(
    base_url: str, *, headers: Mapping[str, str], connect_seconds: float, total_seconds: float
) -> httpx.AsyncClient:
    """A client for one exchange; use it as an async context manager.

    `total_seconds` bounds each wait of httpx; whoever needs a bound of the whole exchange sets
    `asyncio.timeout` around it.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        headers=dict(headers),
        verify=_tls(),
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_keepalive_connections=0),
        timeout=httpx.Timeout(total_seconds, connect=min(connect_seconds, total_seconds)),
    )
