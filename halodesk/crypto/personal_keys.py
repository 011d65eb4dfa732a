"""Signing keys of a person: publishers' keys, and the root that says who they are.

Rules:
- Each private key lies in a file of its own, `NAME.key` (0600), sealed with AES-256-GCM under the
  folder's key: in the keyring of this computer, else wrapped with a passphrase
  (`halodesk.crypto.keystore`). The name is authenticated, so that files cannot be swapped.
- `root.key` signs the list of publishers and nothing else. It is made with the first publisher, and
  may be moved to a folder that lies in a safe: only `admit` and `remove` need it.
- `TENANT.trust` is the signed list. It is public; the server takes it from here.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from halodesk.crypto import metadata
from halodesk.crypto.keystore import Status, load_key
from halodesk.crypto.metadata import Publisher, Trust
from halodesk.crypto.signing import KEY_BYTES, SigningKey
from halodesk.engine.errors import HaloDeskError

ROOT = "root"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class PersonalKeyError(HaloDeskError):
    """A personal key is missing, taken already or does not open."""


class _Sealed(msgspec.Struct, frozen=True):
    nonce: bytes
    sealed: bytes


class PersonalKeys:
    """The keys of one folder. Raises `StoreKeyError` when the folder's own key does not open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        key, status = load_key(folder, "signing")
        self.status: Status = status
        self._cipher = AESGCM(key)

    def new(self, name: str) -> SigningKey:
        """Make a key. Raises `PersonalKeyError` when there is one of that name."""
        file = self._file(name)
        if file.exists():
            raise PersonalKeyError(f"There is a key {name} already.", "Choose another name.")
        key, nonce = SigningKey.new(), secrets.token_bytes(12)
        sealed = self._cipher.encrypt(nonce, key.seed, name.encode())
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(msgspec.msgpack.encode(_Sealed(nonce, sealed)))
            out.flush()
            os.fsync(out.fileno())
        return key

    def load(self, name: str) -> SigningKey:
        """The key of that name. Raises `PersonalKeyError`."""
        try:
            kept = msgspec.msgpack.decode(self._file(name).read_bytes(), type=_Sealed)
            seed = self._cipher.decrypt(kept.nonce, kept.sealed, name.encode())
        except FileNotFoundError:
            todo = "It lies where the first publisher was made." if name == ROOT else "Make or bring it."
            raise PersonalKeyError(f"There is no key {name} in {self.folder}.", todo) from None
        except (OSError, msgspec.DecodeError, InvalidTag, ValueError):
            raise PersonalKeyError(f"The key {name} does not open.", "Bring it back from a copy.") from None
        if len(seed) != KEY_BYTES:
            raise PersonalKeyError(f"The key {name} does not open.", "Bring it back from a copy.")
        return SigningKey(seed)

    def names(self) -> list[str]:
        """Publishers with a private key here."""
        return sorted(file.stem for file in self.folder.glob("*.key") if file.stem not in (ROOT, "seat"))

    def trust(self, tenant: str) -> Trust | None:
        """The list of publishers as it is here. Raises `MetadataError` when it was changed."""
        file = self.trust_file(tenant)
        if not file.exists():
            return None
        data = file.read_bytes()
        return metadata.open_trust(data, root=metadata.claimed_root(data), tenant=tenant)

    def admit(self, tenant: str, publisher: Publisher) -> Trust:
        """Add a publisher to the list, or give a name a new key. Needs the root, made where there is no list.

        Raises `PersonalKeyError`, `MetadataError`.
        """
        before = self.trust(tenant)
        fresh = before is None and not self._file(ROOT).exists()
        root = self.new(ROOT) if fresh else self.load(ROOT)
        others = before.publishers if before else ()
        return self._sign(root, tenant, before, (*_without(others, publisher.name), publisher))

    def remove(self, tenant: str, name: str) -> Trust:
        """Take a publisher off the list. Raises `PersonalKeyError` when there is none of that name."""
        before = self.trust(tenant)
        if before is None or all(publisher.name != name for publisher in before.publishers):
            raise PersonalKeyError(f"{name} is not on the list of {tenant}.")
        return self._sign(self.load(ROOT), tenant, before, _without(before.publishers, name))

    def wrap(self, data: bytes, name: str) -> bytes:
        """Something small encrypted with the folder's key, bound to its name."""
        nonce = secrets.token_bytes(12)
        return msgspec.msgpack.encode(_Sealed(nonce, self._cipher.encrypt(nonce, data, name.encode())))

    def unwrap(self, data: bytes, name: str) -> bytes:
        """What `wrap` made. Raises `PersonalKeyError`."""
        try:
            kept = msgspec.msgpack.decode(data, type=_Sealed)
            return self._cipher.decrypt(kept.nonce, kept.sealed, name.encode())
        except (msgspec.DecodeError, InvalidTag, ValueError):
            raise PersonalKeyError(f"{name} does not open with the key of {self.folder}.") from None

    def trust_file(self, tenant: str) -> Path:
        """Where the list lies. Raises `PersonalKeyError` for a name that cannot be a file's."""
        return self.folder / f"{_checked(tenant)}.trust"

    def _sign(
        self, root: SigningKey, tenant: str, before: Trust | None, publishers: tuple[Publisher, ...]
    ) -> Trust:
        trust = Trust(
            tenant=tenant,
            version=before.version + 1 if before else 1,
            root=root.public,
            publishers=publishers,
            issued_at=time.time(),
        )
        file = self.trust_file(tenant)
        partial = file.with_suffix(".trust.new")
        partial.write_bytes(metadata.sign(root, trust))
        partial.replace(file)
        return trust

    def _file(self, name: str) -> Path:
        return self.folder / f"{_checked(name)}.key"


def _without(publishers: tuple[Publisher, ...], name: str) -> tuple[Publisher, ...]:
    return tuple(publisher for publisher in publishers if publisher.name != name)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or name == "seat":
        raise PersonalKeyError(f'"{name}" is no name for a key.', "Use letters, digits, dots and dashes.")
    return name
