"""Signed metadata of the flow catalogue: who may publish, what was published, what shall run.

Rules, in the manner of TUF (The Update Framework):
- The root key is used seldom and may lie offline. It signs `Trust`, the list of publishers.
  A seat pins the root when it enrols; a server can pass a list on, it cannot make one.
- A publisher signs a `Manifest` (this document is version N) and a `Pointer` (run it).
- Versions of `Trust` and counters of `Pointer` only grow: old metadata that is signed well is
  refused all the same. To go back to an old version is a new pointer with a greater counter.
- The signature is over the exact bytes of the body, so that what a newer version added to it
  stays signed. Bodies are canonical JSON (sorted keys).
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from halodesk.crypto.signing import SigningKey, holds, key_id
from halodesk.engine.errors import HaloDeskError

LARGEST = 256 * 1024
"""Bytes of one signed piece; real ones are under 2 KB."""


class MetadataError(HaloDeskError):
    """Signed metadata is forged, malformed or signed by someone who may not."""


class Publisher(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who may sign flows."""

    name: str
    key: bytes


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Who may publish in a tenant; signed by `root`. `issued_at` is Unix seconds."""

    tenant: str
    version: int
    root: bytes
    publishers: tuple[Publisher, ...] = ()
    issued_at: float = 0.0

    def publisher(self, key: str) -> Publisher | None:
        """The publisher with a key of that id."""
        return next((found for found in self.publishers if key_id(found.key) == key), None)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version of a flow.

    `blob` is the SHA-256 (hex) of the document's bytes, `content` of its canonical form
    (`engine.flow.content_hash`, what sessions refer to), `size` is in bytes. A seat whose
    engine is older than `min_engine` does not run it.
    """

    tenant: str
    flow: str
    version: int
    name: str
    blob: str
    content: str
    size: int
    min_engine: int
    created_at: float


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """From now on seats begin sessions of `flow` on the version with this `content`."""

    tenant: str
    flow: str
    counter: int
    version: int
    content: str
    at: float


Body = TypeVar("Body", bound=msgspec.Struct)

_TAGS: dict[type, str] = {Trust: "HDTRUST1", Manifest: "HDFLOW1", Pointer: "HDPOINT1"}


class _Signed(msgspec.Struct, frozen=True):
    body: bytes
    key: str
    signature: bytes


_encode = msgspec.json.Encoder(order="sorted").encode
_read = msgspec.json.Decoder(_Signed)


def sign(key: SigningKey, body: Trust | Manifest | Pointer) -> bytes:
    """The body with its signature, as bytes that travel and are kept."""
    return sign_as(key, _TAGS[type(body)], body)


def sign_as(key: SigningKey, tag: str, body: msgspec.Struct) -> bytes:
    """As `sign`, of a body of another kind: `tag` is what a signature under it says."""
    data = _encode(body)
    return _encode(_Signed(data, key_id(key.public), key.sign(tag, data)))


def open_as(data: bytes, public: bytes, tag: str, kind: type[Body]) -> Body:
    """The body that this key signed under that tag. Raises `MetadataError`."""
    signed = _split(data)
    if not holds(public, signed.signature, tag, signed.body):
        raise MetadataError("The signature does not fit: this was forged or damaged.")
    return _decoded(signed.body, kind)


def claimed(data: bytes, kind: type[Body]) -> Body:
    """What the body says, proven by nothing. Raises `MetadataError`."""
    return _decoded(_split(data).body, kind)


def signer(data: bytes) -> str:
    """Id of the key that is said to have signed. Raises `MetadataError`."""
    return _split(data).key


def open_trust(data: bytes, *, root: bytes, tenant: str) -> Trust:
    """The list of publishers of that tenant, signed by that root. Raises `MetadataError`."""
    trust = _open(data, root, Trust)
    if trust.root != root:
        raise MetadataError("The list of publishers names another root than the one that signed it.")
    _same_tenant(trust.tenant, tenant)
    return trust


def claimed_root(data: bytes) -> bytes:
    """The root a list of publishers names, proven by nothing but its own signature."""
    try:
        root = msgspec.json.decode(_split(data).body, type=Trust).root
    except (msgspec.DecodeError, UnicodeError):
        raise MetadataError("This is no list of publishers.") from None
    _open(data, root, Trust)
    return root


def open_manifest(data: bytes, trust: Trust) -> Manifest:
    """A version that a trusted publisher signed. Raises `MetadataError`."""
    manifest = _open(data, _publisher_key(data, trust), Manifest)
    _same_tenant(manifest.tenant, trust.tenant)
    return manifest


def open_pointer(data: bytes, trust: Trust) -> Pointer:
    """A pointer that a trusted publisher signed. Raises `MetadataError`."""
    pointer = _open(data, _publisher_key(data, trust), Pointer)
    _same_tenant(pointer.tenant, trust.tenant)
    return pointer


def check_pair(manifest: Manifest, pointer: Pointer) -> None:
    """A pointer must be at the version it comes with. Raises `MetadataError`."""
    said = (pointer.flow, pointer.version, pointer.content)
    if said != (manifest.flow, manifest.version, manifest.content):
        raise MetadataError("The pointer and the version it comes with do not belong together.")


def _publisher_key(data: bytes, trust: Trust) -> bytes:
    publisher = trust.publisher(signer(data))
    if publisher is None:
        raise MetadataError(
            "This is signed by a key that may not publish here.",
            "Ask who keeps the root key to add the publisher.",
        )
    return publisher.key


def _open(data: bytes, public: bytes, kind: type[Body]) -> Body:
    return open_as(data, public, _TAGS[kind], kind)


def _decoded(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise MetadataError(
            f"Signed metadata cannot be read: {error}.", "It may come from a newer HaloDesk."
        ) from None


def _split(data: bytes) -> _Signed:
    if len(data) > LARGEST:
        raise MetadataError("Signed metadata is far too large.")
    try:
        return _read.decode(data)
    except (msgspec.DecodeError, UnicodeError):
        raise MetadataError("This is no signed metadata.") from None


def _same_tenant(said: str, wanted: str) -> None:
    if said != wanted:
        raise MetadataError("This was signed for another organisation.")
