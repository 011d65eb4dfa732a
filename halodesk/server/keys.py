"""The server's own secrets, made from the one key of its data folder."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from halodesk.crypto.keystore import Status, load_key
from halodesk.crypto.signing import SigningKey


class ServerKeys:
    """`identity` signs receipts and answers nonces, `tokens` authenticates what the server hands out.

    Several server processes before one PostgreSQL share one data folder, and so these keys.
    Raises `StoreKeyError` when the folder's key does not open. Takes 0.1 s without a keyring.
    """

    def __init__(self, folder: Path) -> None:
        key, status = load_key(folder, "server")
        self.status: Status = status
        self.identity = SigningKey(_derive(key, b"HaloDesk server identity"))
        self.tokens = _derive(key, b"HaloDesk server tokens")


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
