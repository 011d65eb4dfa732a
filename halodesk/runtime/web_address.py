"""Which web addresses secrets may be sent to."""

from __future__ import annotations

import ipaddress


def protected(scheme: str, host: str) -> bool:
    """Whether nobody on the way can read along: https, or http that does not leave this machine."""
    return scheme == "https" or (scheme == "http" and _is_this_machine(host))


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
