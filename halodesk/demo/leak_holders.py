"""Two key holders for the seat of `halodesk leak-test`: without them it seals nothing, and takes nothing."""

from __future__ import annotations

import time
from pathlib import Path

from halodesk.crypto import holders as h
from halodesk.crypto.holder_file import new_holder
from halodesk.crypto.hpke_keys import CLASSIC
from halodesk.crypto.signing import SigningKey
from halodesk.store.seat_store import SeatStore

_DAY = 86_400.0


def install(seat: Path, tenant: str) -> None:
    """Name two people of whom nobody keeps a key: what is sealed in this test is opened by no one."""
    root, now = SigningKey.new(), time.time()
    anna, bert = (new_holder(name, f"{name.title()} Leak-Test", CLASSIC).public for name in ("anna", "bert"))
    listed = h.Holders(
        tenant=tenant,
        version=1,
        root=root.public,
        holders=(anna, bert),
        pair=(anna.kid, bert.kid),
        askers=(),
        issued_at=now,
        expires_at=now + _DAY,
    )
    store = SeatStore(seat)
    try:
        store.holders.install(h.sign_list(root, listed), root=root.public, tenant=tenant, now=now)
    finally:
        store.close()
