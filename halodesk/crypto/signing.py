"""Ed25519 signatures over unambiguous statements.

A statement is a tag (what is being said) and its parts, each with its length in front, so
that no two statements have the same bytes and a signature made for one purpose fits no other:

    HDFLOW1   this is version N of a flow                    publisher
    HDPOINT1  seats shall run this version                   publisher
    HDTRUST1  these publishers may sign flows                root
    HDENROL1  these are the keys of a new seat               seat
    HDAUTH1   I hold the key of this seat or publisher       seat, publisher
    HDHEAD1   the session has this head                      seat
    HDSEEN1   the server holds the session up to this head   server
    HDSELF1   this server answers your nonce                 server
    HDHOLD1   these key holders open sealed values           root
    HDOWNER1  these keys are mine, and this is who I am      holder
    HDASK1    I ask for a sealed value to be opened          asker
    HDSHARE1  I approve: here is my share for you            holder
    HDOPEN1   I have opened it                               asker
    HDSEAL1   I closed my Nth session at this head           seat
    HDERASE1  I erased this of a session, and why            seat

`server.audit` hashes its rows as statements too (HDAUDIT1).

Ed25519 as of RFC 8032; public keys and seeds are 32 bytes, signatures 64.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32

ENROL_TAG = "HDENROL1"
AUTH_TAG = "HDAUTH1"
HEAD_TAG = "HDHEAD1"
SEEN_TAG = "HDSEEN1"
SELF_TAG = "HDSELF1"
SEAL_TAG = "HDSEAL1"
ERASE_TAG = "HDERASE1"

Part = bytes | str | int
"""Text goes in as UTF-8, a number (0 to 2^64 - 1) as 8 bytes, big endian."""


def statement(tag: str, *parts: Part) -> bytes:
    """The bytes that are signed."""
    pieces = []
    for part in (tag, *parts):
        data = part.to_bytes(8, "big") if isinstance(part, int) else part
        data = data.encode() if isinstance(data, str) else data
        pieces.append(len(data).to_bytes(8, "big") + data)
    return b"".join(pieces)


def key_id(public: bytes) -> str:
    """A short name of a public key: 32 hex digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:32]


class SigningKey:
    """A private Ed25519 key."""

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def new(cls) -> SigningKey:
        """A fresh key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def __repr__(self) -> str:
        """The public half only."""
        return f"<SigningKey {key_id(self.public)}>"

    def sign(self, tag: str, *parts: Part) -> bytes:
        """Signature of a statement."""
        return self._key.sign(statement(tag, *parts))


def holds(public: bytes, signature: bytes, tag: str, *parts: Part) -> bool:
    """Whether the signature of that key fits the statement; False for any malformed input."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement(tag, *parts))
    except (InvalidSignature, ValueError):
        return False
    return True
