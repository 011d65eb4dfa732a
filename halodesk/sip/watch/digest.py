"""Digest access authentication of a SIP request (RFC 3261, 22; RFC 8760 for SHA-256).

The realm is whatever the challenge says, as in the phone. Of several challenges the strongest that is
known here is answered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

import msgspec

_PART = re.compile(r'([a-zA-Z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_HASHES: dict[str, Callable[[bytes], str]] = {
    # MD5 is what most PBXs offer; it keeps the password off the wire and proves nothing more.
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
}


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What a server wants proved."""

    realm: str
    nonce: str
    opaque: str = ""
    algorithm: str = "md5"
    qop: bool = False
    stale: bool = False
    proxy: bool = False
    """A proxy asks: the answer goes into another header."""


def read_challenge(values: Sequence[str], *, proxy: bool) -> Challenge | None:
    """The strongest challenge that can be answered here; None: there is none."""
    found = [one for one in (_read(value, proxy) for value in values) if one is not None]
    return max(found, key=lambda one: one.algorithm == "sha-256", default=None)


def _read(value: str, proxy: bool) -> Challenge | None:
    scheme, _, rest = value.strip().partition(" ")
    parts = {name.lower(): quoted or plain for name, quoted, plain in _PART.findall(rest)}
    algorithm = parts.get("algorithm", "MD5").lower()
    if scheme.lower() != "digest" or not parts.get("nonce") or algorithm not in _HASHES:
        return None
    offered = [one.strip().lower() for one in parts.get("qop", "").split(",") if one.strip()]
    if offered and "auth" not in offered:
        return None
    return Challenge(
        realm=parts.get("realm", ""),
        nonce=parts["nonce"],
        opaque=parts.get("opaque", ""),
        algorithm=algorithm,
        qop=bool(offered),
        stale=parts.get("stale", "").lower() == "true",
        proxy=proxy,
    )


def answer(
    challenge: Challenge, *, user: str, password: str, method: str, uri: str, count: int, cnonce: str
) -> tuple[str, str]:
    """Name and value of the header that proves it; `count` is how often this nonce was used, from 1."""
    digest = _HASHES[challenge.algorithm]
    first = digest(f"{user}:{challenge.realm}:{password}".encode())
    second = digest(f"{method}:{uri}".encode())
    nc = f"{count:08x}"
    middle = f"{challenge.nonce}:{nc}:{cnonce}:auth" if challenge.qop else challenge.nonce
    response = digest(f"{first}:{middle}:{second}".encode())
    parts = [
        f'username="{user}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f'response="{response}"',
        f"algorithm={challenge.algorithm.upper()}",
    ]
    if challenge.qop:
        parts += ["qop=auth", f"nc={nc}", f'cnonce="{cnonce}"']
    if challenge.opaque:
        parts.append(f'opaque="{challenge.opaque}"')
    return "Proxy-Authorization" if challenge.proxy else "Authorization", f"Digest {', '.join(parts)}"
