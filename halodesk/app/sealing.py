"""The seat's sealer, with the list of key holders it keeps and those that come from the server."""

from __future__ import annotations

from collections.abc import Callable

from halodesk.runtime.ports import Clock
from halodesk.runtime.sealer import Sealer
from halodesk.store.holder_store import HolderStore
from halodesk.store.sync_store import Link


def open_sealer(store: HolderStore, clock: Clock) -> Sealer:
    """Seals to the holders of the list that this seat keeps, if it does."""
    sealer = Sealer(clock)
    _use(sealer, store)
    return sealer


def taker(store: HolderStore, sealer: Sealer, link: Link) -> Callable[[bytes], None]:
    """Takes a list that the server passes on. Blocks; raises `MetadataError` for one that is not taken."""

    def take(data: bytes) -> None:
        store.take(data, link)
        _use(sealer, store)

    return take


def _use(sealer: Sealer, store: HolderStore) -> None:
    kept = store.current()
    if kept is not None:
        sealer.use(kept.data, root=kept.root, tenant=kept.tenant)
