"""The private keys of one holder, in a file wrapped with a passphrase.

Rules:
- The passphrase is stretched with Argon2id (RFC 9106) over 256 MiB. The cost stands in the file and
  has a floor when it is opened: a file that was made cheap is refused before a guess is worth it.
- The keys are wrapped with AES-256-GCM; everything else that the file says is authenticated with
  them. A digest over the whole tells a damaged file from a wrong passphrase.
- An escrow copy is the same file under another passphrase. It only serves to make a holder's file
  again (`rewrap`), never to approve.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from halodesk.crypto import hpke_keys
from halodesk.crypto.holders import Holder
from halodesk.crypto.signing import KEY_BYTES, SigningKey, statement
from halodesk.engine.errors import HaloDeskError

FORMAT = "halodesk-holder-1"
FLOOR_KIB = 256 * 1024
"""Memory of the key stretching, in KiB; what a file may not be below."""
_CEILING_KIB = 4 * 1024 * 1024
_PASSES, _LANES = 3, 4
_MOST_PASSES, _MOST_LANES = 64, 64
SHORTEST_PASSPHRASE = 12
LARGEST_FILE = 64 * 1024

Use = Literal["holder", "escrow"]


class HolderFileError(HaloDeskError):
    """A holder's key file is damaged, of another kind, or the passphrase is not its own."""


class HolderKeys(msgspec.Struct, frozen=True, kw_only=True):
    """An opened file."""

    public: Holder
    seal_private: bytes
    sign_seed: bytes

    def __repr__(self) -> str:
        """The public half only."""
        return f"<HolderKeys {self.public.kid}>"

    @property
    def signing(self) -> SigningKey:
        """For approvals."""
        return SigningKey(self.sign_seed)


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    use: Use
    holder: Holder
    memory_kib: int
    passes: int
    lanes: int
    salt: bytes
    nonce: bytes
    wrapped: bytes


class _File(msgspec.Struct, frozen=True, kw_only=True):
    body: msgspec.Raw
    digest: str


class _Private(msgspec.Struct, frozen=True):
    seal: bytes
    sign: bytes


def new_holder(name: str, owner: str, suite: int = hpke_keys.CLASSIC) -> HolderKeys:
    """Fresh keys. Raises `SealKeyError`."""
    private, signing = hpke_keys.new_private(suite), SigningKey.new()
    seal_key = hpke_keys.public_of(suite, private)
    public = Holder(name=name, owner=owner, suite=suite, seal_key=seal_key, sign_key=signing.public)
    return HolderKeys(public=public, seal_private=private, sign_seed=signing.seed)


def wrap(keys: HolderKeys, passphrase: str, use: Use = "holder", *, memory_kib: int = FLOOR_KIB) -> bytes:
    """The file. Raises `HolderFileError` for a short passphrase."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise HolderFileError(
            f"A passphrase needs {SHORTEST_PASSPHRASE} characters at least.", "Four or five words are good."
        )
    body = _Body(
        format=FORMAT,
        use=use,
        holder=keys.public,
        memory_kib=memory_kib,
        passes=_PASSES,
        lanes=_LANES,
        salt=secrets.token_bytes(16),
        nonce=secrets.token_bytes(12),
        wrapped=b"",
    )
    plain = msgspec.msgpack.encode(_Private(keys.seal_private, keys.sign_seed))
    wrapped = AESGCM(_stretch(body, passphrase)).encrypt(body.nonce, plain, _said(body))
    data = msgspec.json.encode(msgspec.structs.replace(body, wrapped=wrapped))
    whole = msgspec.json.encode(_File(body=msgspec.Raw(data), digest=hashlib.sha256(data).hexdigest()))
    return whole + b"\n"


def unwrap(data: bytes, passphrase: str, use: Use = "holder", *, floor_kib: int = FLOOR_KIB) -> HolderKeys:
    """The keys of a file. Raises `HolderFileError` with the reason."""
    body = _read(data)
    if body.use != use:
        kind = "an escrow copy" if body.use == "escrow" else "a holder's own file, no escrow copy"
        todo = "Make a holder's file of it: halodesk keys restore" if body.use == "escrow" else ""
        raise HolderFileError(f"This is {kind}.", todo)
    if not floor_kib <= body.memory_kib <= _CEILING_KIB:
        raise HolderFileError(
            f"This file stretches its passphrase over {body.memory_kib // 1024} MiB; "
            f"at least {floor_kib // 1024} MiB are wanted.",
            "Somebody may have made it easy to guess. Restore the key from its escrow copy.",
        )
    if not (0 < body.passes <= _MOST_PASSES and 0 < body.lanes <= _MOST_LANES):
        raise HolderFileError("This file asks for a key stretching that nobody uses.")
    try:
        plain = AESGCM(_stretch(body, passphrase)).decrypt(body.nonce, body.wrapped, _said(body))
        private = msgspec.msgpack.decode(plain, type=_Private)
    except (InvalidTag, ValueError, msgspec.DecodeError):
        raise HolderFileError(
            "The passphrase is not that of this file.",
            "Mind capitals and the keyboard's language. A passphrase cannot be recovered: "
            "without it there is only the escrow copy.",
        ) from None
    keys = HolderKeys(public=body.holder, seal_private=private.seal, sign_seed=private.sign)
    _check_halves(keys)
    return keys


def public_part(data: bytes) -> Holder:
    """Whose file it is, proven by nothing. Raises `HolderFileError`."""
    return _read(data).holder


def new_escrow_code() -> str:
    """A passphrase for paper: 120 random bits, six groups of four signs without look-alikes."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    groups = ("".join(secrets.choice(letters) for _ in range(4)) for _ in range(6))
    return "-".join(groups)


def save(file: Path, data: bytes) -> None:
    """Write a file that only its owner can read.

    Raises `HolderFileError` where there is one already: a key that is written over is lost.
    """
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise HolderFileError(
            f"There is a file {file} already.", "Choose another name; nothing was made."
        ) from None
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _read(data: bytes) -> _Body:
    if len(data) > LARGEST_FILE:
        raise HolderFileError("This is no holder's key file: it is far too large.")
    try:
        whole = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeError):
        raise HolderFileError(
            "This is no holder's key file, or it is cut off.", "Bring it back from a copy."
        ) from None
    if hashlib.sha256(whole.body).hexdigest() != whole.digest:
        raise HolderFileError("This holder's key file is damaged.", "Bring it back from a copy.")
    try:
        body = msgspec.json.decode(whole.body, type=_Body)
    except (msgspec.DecodeError, UnicodeError):
        raise HolderFileError("This holder's key file cannot be read.", "Update HaloDesk.") from None
    if body.format != FORMAT:
        raise HolderFileError(f'A key file of the kind "{body.format[:40]}" is not known here.')
    return body


def _check_halves(keys: HolderKeys) -> None:
    public = keys.public
    fits = (
        len(keys.sign_seed) == KEY_BYTES
        and SigningKey(keys.sign_seed).public == public.sign_key
        and hpke_keys.public_of(public.suite, keys.seal_private) == public.seal_key
    )
    if not fits:
        raise HolderFileError("The keys of this file do not belong to the holder it names.")


def _said(body: _Body) -> bytes:
    holder = body.holder
    parts = (holder.name, holder.owner, holder.suite, holder.seal_key, holder.sign_key)
    cost = (body.memory_kib, body.passes, body.lanes)
    return statement("HDHOLDER1", body.format, body.use, *parts, *cost, body.salt)


def _stretch(body: _Body, passphrase: str) -> bytes:
    try:
        kdf = Argon2id(
            salt=body.salt,
            length=32,
            iterations=body.passes,
            lanes=body.lanes,
            memory_cost=body.memory_kib,
        )
        return kdf.derive(passphrase.encode())
    except (MemoryError, ValueError):
        raise HolderFileError(
            f"The passphrase cannot be stretched here: {body.memory_kib // 1024} MiB of memory are needed.",
            "Close other programs, or use another computer.",
        ) from None
