"""What a leak test found, signed with the seat's key (Ed25519): a JSON document anybody can check.

The signed statement is the tag HDLEAK1 and the document's bytes in canonical form: without the
signature, keys sorted, no blanks. A canary stands in it as a salted SHA-256, so that one that turns up
later can be laid beside the certificate, and the certificate itself leaks none.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from halodesk.crypto.signing import SigningKey, holds
from halodesk.engine.errors import DocumentError
from halodesk.selftest.leak_memory import Memory
from halodesk.selftest.leak_places import Place
from halodesk.selftest.leak_scan import Canary
from halodesk.selftest.leak_sound import Sound

TAG = "HDLEAK1"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A canary as the certificate names it. `digest`: SHA-256 of salt and value, in hex."""

    kind: str
    digest: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`ok`: nothing in what lasts, and the recording is proven silent."""

    version: int = 1
    ok: bool
    made_at: str
    program: str
    seat: str
    session: str
    salt: str
    canaries: tuple[Known, ...]
    bytes_scanned: int
    findings: int
    places: tuple[Place, ...]
    recording: Sound
    memory: Memory
    moments: tuple[str, ...]
    """When the files were looked at, beside the end."""
    public_key: str = ""
    signature: str = ""

    def signed(self, key: SigningKey) -> Certificate:
        """The same with key and signature."""
        bare = msgspec.structs.replace(self, public_key=key.public.hex(), signature="")
        return msgspec.structs.replace(bare, signature=key.sign(TAG, _canonical(bare)).hex())

    def is_genuine(self) -> bool:
        """Whether the signature fits the document and the key in it."""
        bare = msgspec.structs.replace(self, signature="")
        try:
            return holds(bytes.fromhex(self.public_key), bytes.fromhex(self.signature), TAG, _canonical(bare))
        except ValueError:
            return False


def known(canary: Canary, salt: bytes) -> Known:
    """How the certificate names a canary."""
    return Known(kind=canary.kind, digest=hashlib.sha256(salt + canary.value.encode()).hexdigest())


def read(data: bytes) -> Certificate:
    """A certificate. Raises `DocumentError`."""
    try:
        return msgspec.json.decode(data, type=Certificate)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise DocumentError("", "a certificate of a leak test", "Name the file as it was written.") from None


def _canonical(certificate: Certificate) -> bytes:
    built: Any = msgspec.to_builtins(certificate)
    built.pop("signature")
    return msgspec.json.encode(built, order="sorted")
