"""The signed list of key holders that this seat seals to.

Rules:
- The first list pins its root, which is the server's where the seat has one. After that only a newer
  list of the same root is taken: the number never goes down, not even by a restart.
- What is kept was opened before; it is opened again by whoever seals (`runtime.sealer`).
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Engine, Integer, LargeBinary, String, Table, select
from sqlalchemy.dialects.sqlite import insert as upsert

from halodesk.crypto import holders
from halodesk.crypto.holders import Holders
from halodesk.crypto.metadata import MetadataError
from halodesk.store.sync_store import Link
from halodesk.store.tables import metadata
from halodesk.store.writer import Writer

holder_list = Table(
    "holder_list",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("tenant", String, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
"""At most one row; `data` is the signed list as it came."""


class KeptList(msgspec.Struct, frozen=True, kw_only=True):
    """The list of this seat, with the root it is pinned to."""

    tenant: str
    root: bytes
    version: int
    data: bytes


class HolderStore:
    """Part of `SeatStore`, over its engine and its writer."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def current(self) -> KeptList | None:
        """The list that is kept."""
        with self._engine.connect() as connection:
            return _current(connection)

    def take(self, data: bytes, link: Link) -> None:
        """As `install`, a list that the seat's server passes on."""
        self.install(data, root=link.root, tenant=link.tenant, now=time.time())

    def install(self, data: bytes, *, root: bytes, tenant: str, now: float) -> Holders:
        """Take a list; the one that counts then. Blocks. Raises `MetadataError`: forged, ended, older."""
        found = holders.open_list(data, root=root, tenant=tenant, now=now)
        new = KeptList(tenant=tenant, root=root, version=found.version, data=data)
        self._writer.submit(partial(_keep, new=new)).result(10)
        return found


def _current(connection: Connection) -> KeptList | None:
    row = connection.execute(select(holder_list)).mappings().first()
    if row is None:
        return None
    return KeptList(**{name: row[name] for name in KeptList.__struct_fields__})


def _keep(connection: Connection, new: KeptList) -> None:
    """In the writer's own transaction: two lists that come at once are compared with each other."""
    old = _current(connection)
    if old is not None:
        if (old.root, old.tenant) != (new.root, new.tenant):
            raise MetadataError(
                "This list of key holders is of another root than the one this seat is pinned to.",
                "A seat that changes its organisation begins with an empty data folder.",
            )
        lists = [
            holders.open_list(one.data, root=one.root, tenant=one.tenant, now=None) for one in (new, old)
        ]
        if not holders.check_newer(lists[0], new.data, lists[1], old.data):
            return
    values: dict[str, Any] = msgspec.structs.asdict(new)
    connection.execute(
        upsert(holder_list).values(one=1, **values).on_conflict_do_update(index_elements=["one"], set_=values)
    )
