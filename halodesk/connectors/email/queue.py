"""Letters that wait to be sent: one sealed file each in the seat's data folder.

Rules:
- A letter is on disk before it is first tried, so a crash loses none.
- Files are sealed with AES-256-GCM under a key of the seat's keystore, bound to their name: names
  and texts of callers lie nowhere in the clear.
- What was sent leaves an empty mark for 30 days: the same key is not sent twice.
- A file that cannot be opened is put aside (`.bad`) and reported, never deleted.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from halodesk.connectors.email.provider import Letter

FOLDER = "mail"
MARK_SECONDS = 30 * 86_400.0
_NONCE = 12


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One letter in the queue. Times are Unix seconds."""

    key: str
    account: str
    letter: Letter
    since: float
    tries: int = 0
    next_at: float = 0.0


class MailQueue:
    """The queue of one seat. One process uses it at a time, on one thread."""

    def __init__(self, data: Path, key: bytes) -> None:
        self._folder = data / FOLDER
        self._seal = AESGCM(key)

    def keep(self, one: Waiting) -> None:
        """Put a letter in, or its new state. `OSError` where the disk refuses."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = _name(one.key)
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._seal.encrypt(nonce, msgspec.msgpack.encode(one), name.encode())
        fresh = self._folder / f"{name}.new"
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
            out.write(sealed)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._folder / f"{name}.mail")

    def find(self, key: str) -> Waiting | None:
        """The letter that waits under a key."""
        return self._read(self._folder / f"{_name(key)}.mail")

    def was_sent(self, key: str) -> bool:
        """Whether a letter went out under that key."""
        return (self._folder / f"{_name(key)}.sent").exists()

    def mark_sent(self, key: str) -> None:
        """Note that it went out, and let go of it."""
        (self._folder / f"{_name(key)}.sent").touch(mode=0o600)
        self.drop(key)

    def drop(self, key: str) -> None:
        """Let go of a letter."""
        (self._folder / f"{_name(key)}.mail").unlink(missing_ok=True)

    def waiting(self) -> Iterator[Waiting]:
        """All letters, the oldest first."""
        found = [self._read(path) for path in sorted(self._folder.glob("*.mail"))]
        yield from sorted((one for one in found if one is not None), key=lambda one: one.since)

    def bad(self) -> int:
        """How many files were put aside because they could not be opened."""
        return len(list(self._folder.glob("*.bad")))

    def forget_marks(self, now: float) -> None:
        """Let go of marks older than 30 days."""
        for path in self._folder.glob("*.sent"):
            if path.stat().st_mtime < now - MARK_SECONDS:
                path.unlink(missing_ok=True)

    def _read(self, path: Path) -> Waiting | None:
        try:
            sealed = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            plain = self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], path.stem.encode())
            return msgspec.msgpack.decode(plain, type=Waiting)
        except (InvalidTag, ValueError, msgspec.DecodeError):
            path.replace(path.with_suffix(".bad"))
            return None


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
