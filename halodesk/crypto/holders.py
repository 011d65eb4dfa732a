"""Who may open sealed values: key holders, in pairs, and the people who may ask them; signed by the root.

Rules:
- The root that signs the list of publishers (`crypto.metadata`) signs this list, too. A server can
  pass it on, it cannot make one.
- Values are sealed to the list's `pair`: two keys of two owners. One owner for both is refused
  wherever the list is read, not only where it is made.
- A holder who leaves the pair stays on the list: what was sealed to that key opens with it only.
- Versions only grow, and a list ends: an old one that is signed well is refused all the same.
"""

from __future__ import annotations

import time

import msgspec

from halodesk.crypto import hpke_keys, metadata
from halodesk.crypto.envelope import Recipient
from halodesk.crypto.metadata import MetadataError
from halodesk.crypto.signing import KEY_BYTES, SigningKey, key_id

LIST_TAG = "HDHOLD1"
OWNER_TAG = "HDOWNER1"
DAYS = 400.0
"""How long a list is good: a year, and a month to have a new one signed."""
_LONGEST_NAME = 100


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a holder. `owner` is the person: two keys of one pair need two."""

    name: str
    owner: str
    suite: int
    seal_key: bytes
    sign_key: bytes

    @property
    def kid(self) -> str:
        """Id of the key that values are sealed to (32 hex digits)."""
        return key_id(self.seal_key)

    @property
    def recipient(self) -> Recipient:
        """For sealing."""
        return Recipient(suite=self.suite, key=self.seal_key)


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who may ask for a value to be opened."""

    name: str
    owner: str
    key: bytes


class Holders(msgspec.Struct, frozen=True, kw_only=True):
    """The list. `pair` names two kids, or nobody: then nothing can be sealed. Times are Unix seconds."""

    tenant: str
    version: int
    root: bytes
    holders: tuple[Holder, ...] = ()
    pair: tuple[str, ...] = ()
    askers: tuple[Asker, ...] = ()
    issued_at: float = 0.0
    expires_at: float = 0.0

    def holder(self, kid: str) -> Holder | None:
        """The holder with a key of that id."""
        return next((found for found in self.holders if found.kid == kid), None)

    def asker(self, key: str) -> Asker | None:
        """Who asks with a key of that id."""
        return next((found for found in self.askers if key_id(found.key) == key), None)

    def recipients(self) -> tuple[Recipient, Recipient]:
        """The two keys that values are sealed to now. Raises `MetadataError`."""
        a, b = _pair(self)
        return a.recipient, b.recipient


def same_person(one: str, other: str) -> bool:
    """Whether two names of owners mean one person: case and spaces do not make two of them."""
    return "".join(one.casefold().split()) == "".join(other.casefold().split())


def sign_list(root: SigningKey, holders: Holders) -> bytes:
    """The signed list. Raises `MetadataError` for one that no seat would take."""
    _check(holders)
    return metadata.sign_as(root, LIST_TAG, holders)


def open_list(data: bytes, *, root: bytes, tenant: str, now: float | None = None) -> Holders:
    """The list of that organisation, signed by that root and in force. Raises `MetadataError`.

    `now` None: whether it has ended is not asked, as for a list whose next version is made.
    """
    holders = metadata.open_as(data, root, LIST_TAG, Holders)
    if holders.root != root:
        raise MetadataError("The list of key holders names another root than the one that signed it.")
    if holders.tenant != tenant:
        raise MetadataError("This list of key holders was signed for another organisation.")
    _check(holders)
    if now is not None and now >= holders.expires_at:
        when = time.strftime("%Y-%m-%d", time.gmtime(holders.expires_at))
        raise MetadataError(
            f"The list of key holders has ended on {when}.", "Have a new one signed: halodesk keys pair"
        )
    return holders


def claimed_root(data: bytes) -> bytes:
    """The root a list names, proven by nothing but its own signature. Raises `MetadataError`."""
    root = metadata.claimed(data, Holders).root
    metadata.open_as(data, root, LIST_TAG, Holders)
    return root


class OlderListError(MetadataError):
    """A list of key holders that is older than the one that counts."""


def check_newer(new: Holders, new_data: bytes, old: Holders, old_data: bytes) -> bool:
    """Whether the new list is to be taken; False for the very same. Raises `MetadataError`: rolled back."""
    if new.version > old.version:
        return True
    if new.version == old.version and new_data == old_data:
        return False
    if new.version == old.version:
        raise MetadataError("Two lists of key holders have the same number.", "Tell IT.")
    raise OlderListError(
        f"List {new.version} of key holders is older than list {old.version}, which is here; "
        "it is not taken.",
        "Somebody may want former holders to open what is sealed from now on. Tell IT.",
    )


def introduce(holder: Holder, key: SigningKey) -> bytes:
    """What a new holder hands to whoever keeps the root: the public keys, signed by their owner."""
    return metadata.sign_as(key, OWNER_TAG, holder)


def introduced(data: bytes) -> Holder:
    """The public keys of a new holder. Raises `MetadataError`."""
    holder = metadata.open_as(data, metadata.claimed(data, Holder).sign_key, OWNER_TAG, Holder)
    _check_holder(holder)
    return holder


def _check(holders: Holders) -> None:
    for holder in holders.holders:
        _check_holder(holder)
    kids = [holder.kid for holder in holders.holders]
    if len(set(kids)) != len(kids):
        raise MetadataError("The list of key holders has one key twice.")
    for asker in holders.askers:
        if len(asker.key) != KEY_BYTES or not asker.owner.strip():
            raise MetadataError(f'"{asker.name[:40]}" on the list of key holders has no proper key.')
    if holders.pair:
        _pair(holders)


def _check_holder(holder: Holder) -> None:
    if not holder.owner.strip() or not holder.name or len(holder.owner) + len(holder.name) > _LONGEST_NAME:
        raise MetadataError("A key holder needs a name and an owner, together at most 100 characters.")
    if len(holder.sign_key) != KEY_BYTES:
        raise MetadataError(f"The holder {holder.name} has no proper signing key.")
    try:
        hpke_keys.check_public(holder.suite, holder.seal_key)
    except hpke_keys.SealKeyError as error:
        raise MetadataError(f"The holder {holder.name} has no proper key. {error.message}") from None


def _pair(holders: Holders) -> tuple[Holder, Holder]:
    if not holders.pair:
        raise MetadataError(
            "No two key holders are named yet, so nothing can be sealed.",
            "Name them where the root key is: halodesk keys pair",
        )
    found = [holders.holder(kid) for kid in holders.pair]
    if len(found) != 2 or found[0] is None or found[1] is None:
        raise MetadataError("The pair of key holders is not two holders of the list.")
    a, b = found[0], found[1]
    if a.kid == b.kid:
        raise MetadataError("Both key holders have the same key.", "Two keys of two people are needed.")
    if a.sign_key == b.sign_key or same_person(a.owner, b.owner):
        raise MetadataError(
            f"Both keys belong to {a.owner}: one person could open everything alone.",
            "Name a holder of another owner.",
        )
    if a.suite != b.suite:
        raise MetadataError("The two key holders use different suites.", "Make both keys of one suite.")
    return a, b
