"""Cheap keys for tests: what is slow on purpose in the product is not what these tests are about."""

from __future__ import annotations

import hashlib

import pytest

from halodesk.crypto import keystore


@pytest.fixture(autouse=True)
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seat's key file is wrapped without Argon2id."""
    monkeypatch.setattr(keystore, "_stretch", lambda given, salt: hashlib.sha256(given + salt).digest())
