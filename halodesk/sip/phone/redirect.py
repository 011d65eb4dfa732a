"""Calls that are sent on (3xx, RFC 3261, 8.1.3.4): followed within the PBX, never out of it.

Who answers an INVITE of ours may name any address in the world, at our cost and unencrypted. So an address
is followed only where it is at the PBX itself, at the proxy or at an allowed peer; with TLS only over TLS;
and no more than `MOST` times in one call. A loop ends sooner: pjsip takes no address of a 3xx twice.
"""

from __future__ import annotations

import re

from halodesk.protocol.phone_link import Account
from halodesk.sip.phone.invite import host_of, read_party

MOST = 5
LOOP = "The call runs in a loop: a diversion leads back to itself."

_HOST = re.compile(r"^sips?:(?:[^@]*@)?(\[[^\]]*\]|[^;?:>]+)", re.IGNORECASE)
_TLS = re.compile(r"^sips:|;\s*transport=tls\b", re.IGNORECASE)


def host_in(uri: str) -> str:
    """The host of a SIP address, in small letters; empty when it is none."""
    match = _HOST.match(uri.strip().lstrip("<"))
    return match[1].strip("[]").lower() if match else ""


def known_hosts(account: Account) -> frozenset[str]:
    """The hosts calls of this account may be sent on to."""
    named = (account.uri, f"sip:{account.registrar.removeprefix('sip:')}")
    proxy = f"sip:{account.proxy.removeprefix('sip:')}"
    peers = (host_of(peer).lower() for peer in account.allowed_peers)
    return frozenset({*map(host_in, (*named, proxy)), *peers} - {""})


def no_way(uri: str, account: Account, already: int) -> str:
    """Why a call is not sent on to `uri`, in words; empty: it is. `already`: how often it has been."""
    who = read_party(f"<{uri.strip('<> ')}>").user or uri[:60]
    if already >= MOST:
        return f"The PBX sends this call on again and again, last to {who}."
    if host_in(uri) not in known_hosts(account):
        return f"The call is sent on to {who}, outside of the PBX: that is not followed."
    if account.transport == "tls" and not _TLS.search(uri):
        return f"The call is sent on to {who} over an open connection: that is not followed."
    return ""
