"""The key pair of a seat's recordings: the phone has the public half alone.

Rules:
- Each recording has a key of its own, made by the phone and sealed to the seat's public key with HPKE
  (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) in the head of the file. A phone that is taken over
  can read what it records at that moment, and nothing that was recorded before.
- The private half is derived from the key of the seat's database (HKDF, a label of its own): whoever
  opens the database opens the recordings, and there is no second key to lose.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from halodesk.engine.errors import SessionFileError

KEY_BYTES = 32
KID_BYTES = 8
_LABEL = b"HaloDesk recordings 1"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class RecordingLock:
    """The public half: seals the keys of new recordings."""

    def __init__(self, public: bytes) -> None:
        """`public`: 32 bytes. Raises `ValueError` for anything else."""
        self._key = X25519PublicKey.from_public_bytes(public)
        self.public = public
        self.kid = kid_of(public)

    def seal(self, key: bytes) -> bytes:
        """A recording's key, for the head of its file."""
        return _SUITE.encrypt(key, self._key, info=_LABEL)


class RecordingKey:
    """The private half: opens the keys of recordings made for this seat."""

    def __init__(self, database_key: bytes) -> None:
        secret = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_LABEL).derive(database_key)
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.kid = kid_of(self.public)

    def open(self, kid: bytes, sealed: bytes) -> bytes:
        """The key of a recording. Raises `SessionFileError`: it was made for another seat, or changed."""
        if kid != self.kid:
            raise SessionFileError(
                "The recording was made at another seat, or before this seat's key was made anew.",
                "Play it at the seat that made it.",
            )
        try:
            return _SUITE.decrypt(sealed, self._key, info=_LABEL)
        except (InvalidTag, ValueError):
            raise SessionFileError(
                "The recording does not open: its head was changed.", "Do not use it as evidence."
            ) from None


def kid_of(public: bytes) -> bytes:
    """What a file's head calls the key pair."""
    return hashlib.sha256(public).digest()[:KID_BYTES]
