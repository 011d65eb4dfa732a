"""HDX2: a value that two key holders can open together, and neither alone. Format: docs/hdx2.md.

Rules:
- Who seals can never open: only public keys are needed, and the data key is gone afterwards.
- The data key is the xor of two shares; each is encrypted (HPKE) to one holder. One share alone is
  random bytes and says nothing of the key.
- The envelope is bound to its place (organisation, session, field, flow) and to its two holders:
  moved to another place, or put together from two envelopes, it does not open.
- Values are padded to whole 32 bytes, so that the length of a short one is not told.
"""

from __future__ import annotations

import hashlib
import os
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from halodesk.crypto import hpke_keys
from halodesk.crypto.signing import key_id, statement
from halodesk.engine.errors import HaloDeskError

MAGIC = b"HDX2"
SHARE_BYTES = 32
LONGEST = 4096
"""Bytes of a value; a field has at most 64."""
_KID = 16
_NONCE = 12
_BLOCK = 32
_TAG = 16
_HEAD = len(MAGIC) + 1 + 2 * _KID + _NONCE

Slot = Literal["A", "B"]


class EnvelopeError(HaloDeskError):
    """A sealed value is damaged, does not belong here, or the shares do not open it."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sealed value belongs; `version` is the flow's."""

    tenant: str
    session: str
    field: str
    flow_hash: str
    version: int


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """The public key of a holder."""

    suite: int
    key: bytes

    @property
    def kid(self) -> str:
        """32 hex digits."""
        return key_id(self.key)


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one; `shares` are encrypted, the first to `kids[0]` (slot A)."""

    suite: int
    kids: tuple[str, str]
    nonce: bytes
    shares: tuple[bytes, bytes]
    ct: bytes


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One half of the data key, opened by its holder."""

    slot: Slot
    data: bytes

    def __repr__(self) -> str:
        """Nothing of what is inside."""
        return f"<Share {self.slot}>"


def seal(value: bytes | bytearray | memoryview, place: Place, a: Recipient, b: Recipient) -> bytes:
    """The envelope of a value. Raises `EnvelopeError`, `SealKeyError`.

    The two holders must be two; that they are two persons is checked where the keys come from
    (`crypto.holders`).
    """
    if not 0 < len(value) <= LONGEST:
        raise EnvelopeError(f"A value of {len(value)} bytes is not sealed.")
    if a.kid == b.kid or a.suite != b.suite:
        raise EnvelopeError(
            "A value is sealed to two different keys of the same suite.", "Name another pair of holders."
        )
    key, first = bytearray(os.urandom(32)), bytearray(os.urandom(32))
    second = bytearray(x ^ y for x, y in zip(key, first, strict=True))
    padded = _padded(value)
    try:
        nonce, aad = os.urandom(_NONCE), _aad(place, (a.kid, b.kid))
        ct = AESGCM(key).encrypt(nonce, padded, aad)
        bound = _bound(aad, nonce, ct)
        shares = (
            hpke_keys.encrypt(a.suite, a.key, first, _info("A", bound)),
            hpke_keys.encrypt(b.suite, b.key, second, _info("B", bound)),
        )
    finally:  # best effort: Python gives no promise about copies
        for secret in (key, first, second, padded):
            secret[:] = bytes(len(secret))
    return pack(Envelope(suite=a.suite, kids=(a.kid, b.kid), nonce=nonce, shares=shares, ct=ct))


def open_share(data: bytes, place: Place, suite: int, private: bytes) -> Share:
    """A holder's own half, of the envelope that lies in that place. Raises `EnvelopeError`."""
    envelope = unpack(data)
    kid = key_id(hpke_keys.public_of(suite, private))
    slot = slot_of(envelope, kid)
    index = 0 if slot == "A" else 1
    bound = _bound(_aad(place, envelope.kids), envelope.nonce, envelope.ct)
    opened = None
    if suite == envelope.suite:
        opened = hpke_keys.decrypt(suite, private, envelope.shares[index], _info(slot, bound))
    if opened is None or len(opened) != SHARE_BYTES:
        raise EnvelopeError(
            "This share does not open: the envelope was changed, or it was moved here from another "
            "session, field or flow.",
            "Take the envelope from the session's own record again.",
        )
    return Share(slot=slot, data=opened)


def combine(data: bytes, place: Place, one: Share, other: Share) -> bytearray:
    """The value. Raises `EnvelopeError`."""
    envelope = unpack(data)
    if one.slot == other.slot or one.data == other.data:
        raise EnvelopeError("This is the same share twice.", "Both holders have to approve.")
    key = bytearray(x ^ y for x, y in zip(one.data, other.data, strict=True))
    try:
        padded = AESGCM(key).decrypt(envelope.nonce, envelope.ct, _aad(place, envelope.kids))
        unpadder = PKCS7(_BLOCK * 8).unpadder()
        return bytearray(unpadder.update(padded) + unpadder.finalize())
    except (InvalidTag, ValueError):
        raise EnvelopeError("The two shares do not open this value: they belong to another one.") from None
    finally:
        key[:] = bytes(len(key))


def slot_of(envelope: Envelope, kid: str) -> Slot:
    """Which of the two a key is. Raises `EnvelopeError` for one it was not sealed to."""
    if kid not in envelope.kids:
        raise EnvelopeError(
            f"This value was sealed to the holders {envelope.kids[0]} and {envelope.kids[1]}, not to {kid}.",
            "Each value opens with the keys it was sealed to, also after a change of holders.",
        )
    return "A" if kid == envelope.kids[0] else "B"


def pack(envelope: Envelope) -> bytes:
    """As bytes."""
    kids = b"".join(map(bytes.fromhex, envelope.kids))
    head = MAGIC + bytes([envelope.suite]) + kids + envelope.nonce
    return head + envelope.shares[0] + envelope.shares[1] + envelope.ct


def unpack(data: bytes) -> Envelope:
    """Its parts; nothing is proven by that. Raises `EnvelopeError` for what is cut off or none at all."""
    if data[: len(MAGIC)] != MAGIC or len(data) <= _HEAD:
        raise EnvelopeError("This is no sealed value.")
    suite = data[len(MAGIC)]
    if suite not in hpke_keys.SUITES:
        raise EnvelopeError(
            f"This value is sealed with suite {suite}, which is not known here.", "Update HaloDesk."
        )
    share = hpke_keys.encrypted_length(suite, SHARE_BYTES)
    rest = len(data) - _HEAD - 2 * share - _TAG
    if rest < _BLOCK or rest % _BLOCK or rest > LONGEST + _BLOCK:
        raise EnvelopeError("This sealed value is cut off or has something added.")
    at = len(MAGIC) + 1
    kids = data[at : at + _KID].hex(), data[at + _KID : at + 2 * _KID].hex()
    if kids[0] == kids[1]:
        raise EnvelopeError("This value names one key twice: nobody made it so with HaloDesk.")
    shares = data[_HEAD : _HEAD + share], data[_HEAD + share : _HEAD + 2 * share]
    return Envelope(
        suite=suite,
        kids=kids,
        nonce=data[at + 2 * _KID : _HEAD],
        shares=shares,
        ct=data[_HEAD + 2 * share :],
    )


def _padded(value: bytes | bytearray | memoryview) -> bytearray:
    """PKCS #7 (RFC 5652, 6.3) in a buffer of our own, which can be wiped."""
    missing = _BLOCK - len(value) % _BLOCK
    padded = bytearray([missing]) * (len(value) + missing)
    padded[: len(value)] = value
    return padded


def _aad(place: Place, kids: tuple[str, str]) -> bytes:
    parts = (place.tenant, place.session, place.field, place.flow_hash, place.version)
    return statement("HDX2", *parts, *kids)


def _bound(aad: bytes, nonce: bytes, ct: bytes) -> bytes:
    return hashlib.sha256(statement("HDX2 body", aad, nonce, ct)).digest()


def _info(slot: Slot, bound: bytes) -> bytes:
    return f"HDX2 share {slot}".encode() + bound
