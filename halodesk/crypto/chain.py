"""The salted hash chain of a session's events.

    leaf_i = HMAC-SHA-256(salt_i, payload_i)
    h_0    = SHA-256("HDCHAIN1" || session)
    h_i    = SHA-256("HDCHAIN1" || h_{i-1} || seq_i as 8 bytes big endian || SHA-256(envelope_i) || leaf_i)

All parts but the session have a fixed length, so no two inputs look alike. A payload and
its salt may be erased (a person's right): the leaf stays, the chain stays valid, and without
the salt the leaf says nothing of the payload, not even to someone who guesses it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

_TAG = b"HDCHAIN1"
SALT_BYTES = 32


def new_salt() -> bytes:
    """A fresh random salt for one payload."""
    return secrets.token_bytes(SALT_BYTES)


def genesis(session: str) -> bytes:
    """The head of a session without events (32 bytes)."""
    return hashlib.sha256(_TAG + session.encode()).digest()


def leaf(salt: bytes, payload: bytes) -> bytes:
    """Commitment to one payload (32 bytes)."""
    return hmac.digest(salt, payload, hashlib.sha256)


def link(head: bytes, seq: int, envelope: bytes, leaf_of_payload: bytes) -> bytes:
    """The head after one more event (32 bytes)."""
    return hashlib.sha256(
        _TAG + head + seq.to_bytes(8, "big") + hashlib.sha256(envelope).digest() + leaf_of_payload
    ).digest()
