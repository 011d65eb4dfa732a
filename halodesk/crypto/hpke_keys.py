"""HPKE (RFC 9180, base mode, single shot) in the two suites HaloDesk uses, with keys as raw bytes.

    suite  KEM                            KDF          AEAD         private  public
    1      DHKEM(X25519, HKDF-SHA256)     HKDF-SHA256  AES-256-GCM  32       32
    2      ML-KEM-768 with X25519         HKDF-SHA256  AES-256-GCM  64 + 32  1184 + 32

A key of suite 2 is the ML-KEM part (as its seed where it is private) and then the X25519 part. What
is encrypted is the encapsulated key and then the ciphertext, as the library puts them.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from halodesk.engine.errors import HaloDeskError

CLASSIC, HYBRID = 1, 2
SUITES = (CLASSIC, HYBRID)
_TAG = 16
_CURVE = 32
_SEED = 64
_LATTICE = 1184
_PRIVATE = {CLASSIC: _CURVE, HYBRID: _SEED + _CURVE}
_PUBLIC = {CLASSIC: _CURVE, HYBRID: _LATTICE + _CURVE}
_KEMS = {CLASSIC: KEM.X25519, HYBRID: KEM.MLKEM768_X25519}
_MADE = {number: Suite(kem, KDF.HKDF_SHA256, AEAD.AES_256_GCM) for number, kem in _KEMS.items()}


class SealKeyError(HaloDeskError):
    """A key is malformed, or this computer cannot use its suite."""


def new_private(suite: int) -> bytes:
    """A fresh private key. Raises `SealKeyError` for a suite there is not."""
    return os.urandom(_length(_PRIVATE, suite))


def public_of(suite: int, private: bytes) -> bytes:
    """The public half. Raises `SealKeyError`."""
    if suite == CLASSIC:
        return _curve(private).public_key().public_bytes_raw()
    lattice, curve = _hybrid_parts(private)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def check_public(suite: int, public: bytes) -> None:
    """Raises `SealKeyError` unless this can be a public key of the suite."""
    if len(public) != _length(_PUBLIC, suite):
        raise SealKeyError(f"A public key of suite {suite} has {_PUBLIC[suite]} bytes, not {len(public)}.")
    _public(suite, public)


def encrypted_length(suite: int, plain: int) -> int:
    """Bytes of what `encrypt` makes of that many. Raises `SealKeyError`."""
    _length(_PUBLIC, suite)
    return _KEMS[suite].enc_length() + plain + _TAG


def encrypt(suite: int, public: bytes, plain: bytes | bytearray | memoryview, info: bytes) -> bytes:
    """To the owner of that key, bound to `info`. Raises `SealKeyError`."""
    try:
        return _MADE[suite].encrypt(plain, _public(suite, public), info=info)
    except UnsupportedAlgorithm:
        raise _unsupported() from None
    except ValueError:  # a point of small order, say
        raise SealKeyError("Nothing can be encrypted to this public key.", "Have a new key made.") from None


def decrypt(suite: int, private: bytes, data: bytes, info: bytes) -> bytes | None:
    """What was encrypted to that key, or None where key, data and `info` do not belong together.

    Raises `SealKeyError` for a key that is none.
    """
    key = _curve(private) if suite == CLASSIC else MLKEM768X25519PrivateKey(*_hybrid_parts(private))
    try:
        return _MADE[suite].decrypt(data, key, info=info)
    except (InvalidTag, ValueError):
        return None


def _public(suite: int, public: bytes) -> X25519PublicKey | MLKEM768X25519PublicKey:
    try:
        if suite == CLASSIC:
            return X25519PublicKey.from_public_bytes(public)
        lattice = MLKEM768PublicKey.from_public_bytes(public[:_LATTICE])
        return MLKEM768X25519PublicKey(lattice, X25519PublicKey.from_public_bytes(public[_LATTICE:]))
    except UnsupportedAlgorithm:
        raise _unsupported() from None
    except ValueError:
        raise SealKeyError("This is no public key.", "Have a new key made.") from None


def _curve(private: bytes) -> X25519PrivateKey:
    try:
        return X25519PrivateKey.from_private_bytes(private)
    except ValueError:
        raise SealKeyError("This is no private key.") from None


def _hybrid_parts(private: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(private) != _PRIVATE[HYBRID]:
        raise SealKeyError("This is no private key.")
    try:
        return MLKEM768PrivateKey.from_seed_bytes(private[:_SEED]), _curve(private[_SEED:])
    except UnsupportedAlgorithm:
        raise _unsupported() from None


def _length(lengths: dict[int, int], suite: int) -> int:
    try:
        return lengths[suite]
    except KeyError:
        raise SealKeyError(f"There is no suite {suite}.", "It may come from a newer HaloDesk.") from None


def _unsupported() -> SealKeyError:
    return SealKeyError(
        "The cryptographic library of this computer cannot do ML-KEM (suite 2).", "Use suite 1 here."
    )
