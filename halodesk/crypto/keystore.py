"""The seat's own keys: in the keyring of the operating system, else in a wrapped file.

Rules:
- Only keyrings that encrypt are taken: Windows Credential Locker, macOS Keychain, Secret
  Service, KWallet. A plain-text or null backend is never used, even where it is the default.
- A key that is there is used where it is: a file made on a seat without a keyring stays in use
  when a keyring appears. A new key is made only where there is no database it could not open.
- Without one the key lies in `seat.key`, mode 0600, wrapped with AES-256-GCM under
  Argon2id (RFC 9106, second recommended option) of a passphrase: from the environment
  variable HALODESK_PASSPHRASE, else from `seat.secret`, made at random beside it. The
  last protects a database that is copied alone, not a disk that is copied whole; `Status`
  says so.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path

import keyring
import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError

from halodesk.engine.errors import StoreKeyError

KEY_BYTES = 32
_SERVICE = "HaloDesk seat"
_SECRETS = "HaloDesk secrets"
_SAFE_BACKENDS = (
    "keyring.backends.Windows",
    "keyring.backends.macOS",
    "keyring.backends.SecretService",
    "keyring.backends.kwallet",
)
_VARIABLE = "HALODESK_PASSPHRASE"
_FILE = "seat.key"
_BESIDE = "seat.secret"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where the key is and what that protects, in words."""

    place: str
    strong: bool
    message: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to keep a key in; nothing of it was used. `backend` is the keyring that is set
    here, `safe` the one of it that encrypts, empty for none. `modes` are those of the key's files.
    """

    backend: str
    safe: str
    passphrase: bool
    modes: dict[str, int]


class _Wrapped(msgspec.Struct, frozen=True):
    salt: bytes
    nonce: bytes
    sealed: bytes


def load_key(folder: Path, name: str = "database") -> tuple[bytes, Status]:
    """The 256-bit key of that name, made on first use. Raises `StoreKeyError`."""
    backend = None if (folder / _FILE).exists() else _safe_backend()
    if backend is None:
        return _from_file(folder)
    try:
        return _from_keyring(backend, folder, name)
    except (KeyringError, binascii.Error):
        raise StoreKeyError(
            "The keyring of this computer does not give the seat's key.",
            "Unlock the keyring and start again.",
        ) from None


def look(folder: Path) -> Look:
    """Where the key of that folder is or would be, without making or reading one."""
    backend, safe = keyring.get_keyring(), _safe_backend()
    files = [folder / name for name in (_FILE, _BESIDE)]
    return Look(
        backend=type(backend).__module__,
        safe=type(safe).__module__ if safe is not None else "",
        passphrase=bool(os.environ.get(_VARIABLE)),
        modes={file.name: file.stat().st_mode & 0o777 for file in files if file.exists()},
    )


def kept_secret(entry: str) -> str:
    """A secret of another system that was put into the keyring under that name; "" where there is none.

    Raises `StoreKeyError`: no keyring that encrypts, or it does not open.
    """
    try:
        return _keyring().get_password(_SECRETS, entry) or ""
    except KeyringError:
        raise _locked() from None


def keep_secret(entry: str, value: str) -> None:
    """Put a secret of another system into the keyring. Raises `StoreKeyError`."""
    try:
        _keyring().set_password(_SECRETS, entry, value)
    except KeyringError:
        raise _locked() from None


def _keyring() -> KeyringBackend:
    backend = _safe_backend()
    if backend is None:
        raise StoreKeyError(
            "There is no keyring here that encrypts.", "Give the secret in an environment variable."
        )
    return backend


def _locked() -> StoreKeyError:
    return StoreKeyError("The keyring of this computer does not open.", "Unlock it and try again.")


def _safe_backend() -> KeyringBackend | None:
    backend = keyring.get_keyring()
    candidates = getattr(backend, "backends", [backend])
    return next((found for found in candidates if type(found).__module__ in _SAFE_BACKENDS), None)


def _from_keyring(backend: KeyringBackend, folder: Path, name: str) -> tuple[bytes, Status]:
    entry = f"{folder.resolve()}:{name}"
    kept = backend.get_password(_SERVICE, entry)
    if kept is None:
        _refuse_second_key(folder, "the keyring of this computer")
        kept = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        backend.set_password(_SERVICE, entry, kept)
    key = base64.b64decode(kept, validate=True)
    if len(key) != KEY_BYTES:
        raise binascii.Error("not a key")
    place = type(backend).__module__.rpartition(".")[2]
    return key, Status(place=place, strong=True, message=f"The key is in the keyring ({place}).")


def _from_file(folder: Path) -> tuple[bytes, Status]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / _FILE
    if not file.exists():
        _refuse_second_key(folder, _FILE)
    given = os.environ.get(_VARIABLE, "")
    if given:
        passphrase, strong = given.encode(), True
        message = "The key is in a file, wrapped with the passphrase of this seat."
    else:
        passphrase, strong = _secret(folder / _BESIDE, new=not file.exists()), False
        message = (
            "No keyring here: the key is in a file beside the database. "
            f"A copy of the whole folder can be opened; set {_VARIABLE} or use a desktop keyring."
        )
    status = Status(place="file", strong=strong, message=message)
    if file.exists():
        return _unwrap(file, passphrase), status
    key, salt, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, key, None)
    _write(file, msgspec.msgpack.encode(_Wrapped(salt, nonce, sealed)))
    return key, status


def _unwrap(file: Path, passphrase: bytes) -> bytes:
    try:
        wrapped = msgspec.msgpack.decode(file.read_bytes(), type=_Wrapped)
        return AESGCM(_stretch(passphrase, wrapped.salt)).decrypt(wrapped.nonce, wrapped.sealed, None)
    except (InvalidTag, msgspec.DecodeError, ValueError):
        raise StoreKeyError(
            f"{file.name} does not open with this passphrase.",
            f"Set {_VARIABLE} as it was when the seat was set up.",
        ) from None


def _stretch(passphrase: bytes, salt: bytes) -> bytes:
    return Argon2id(salt=salt, length=KEY_BYTES, iterations=3, lanes=4, memory_cost=64 * 1024).derive(
        passphrase
    )


def _secret(file: Path, *, new: bool) -> bytes:
    if not file.exists():
        if not new:
            raise StoreKeyError(
                f"The key of this seat is wrapped with a passphrase, and {file.name} is not there either.",
                f"Set {_VARIABLE} as it was when the seat was set up.",
            )
        _write(file, base64.b64encode(secrets.token_bytes(KEY_BYTES)))
    return file.read_bytes()


def _refuse_second_key(folder: Path, place: str) -> None:
    database = folder / "seat.db"
    if database.exists() and database.stat().st_size:
        raise StoreKeyError(
            f"The key of {database.name} is not in {place}.",
            "Bring the keyring or the key file back, or move the database away to begin anew.",
        )


def _write(file: Path, data: bytes) -> None:
    partial = file.with_suffix(file.suffix + ".new")
    handle = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(file)
