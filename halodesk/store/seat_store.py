"""The seat's store: one engine, one writer, the readers; what the runtime calls its event store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Self

import msgspec
from sqlalchemy.exc import DatabaseError

from halodesk.crypto.keystore import Status, load_key
from halodesk.crypto.recording_file import open_recording
from halodesk.crypto.recording_key import RecordingKey
from halodesk.engine.errors import StoreError
from halodesk.engine.flow import Flow, content_hash, dump
from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.ports import StorageState
from halodesk.store import search, sessions
from halodesk.store.agent_store import AgentDayStore
from halodesk.store.database import SCHEMA, damage, open_database, schema_version
from halodesk.store.erasing import Eraser
from halodesk.store.holder_store import HolderStore
from halodesk.store.people import People
from halodesk.store.proofs import Proofs
from halodesk.store.restoring import restore
from halodesk.store.sync_store import SyncStore
from halodesk.store.writer import Writer

FILE = "seat.db"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the file is: the migration it is at, the newest one this HaloDesk knows, what is damaged."""

    schema: str
    newest: str
    damage: tuple[str, ...]


class SeatStore:
    """Opens `seat.db` in a data folder.

    `as_it_is`: to look and change nothing; then `health` comes before anything else is read. Raises
    `StoreKeyError` when the seat's key does not open it, `StoreError` when it cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        on_state: Callable[[StorageState], None] = lambda state: None,
        *,
        as_it_is: bool = False,
    ) -> None:
        self.path = folder / FILE
        self.key_status: Status
        key, self.key_status = load_key(folder)
        self.recording_key = RecordingKey(key)
        self._engine = open_database(self.path, key, as_it_is=as_it_is)
        self._writer = Writer(self._engine, on_state)
        self.sessions = sessions.Sessions(self._engine)
        self.search = search.Search(self._engine)
        self.sync = SyncStore(self._engine, self._writer)
        self.holders = HolderStore(self._engine, self._writer)
        self.proofs = Proofs(self._engine)
        self.eraser = Eraser(self._engine, self._writer, folder)
        self.people = People(self._engine, self._writer)
        self._counting, self._numbered = Lock(), 0
        self.agent_day = AgentDayStore(self._engine, self._writer)

    def open_recording(self, path: Path) -> BinaryIO:
        """The sound of a recording of this seat, decrypted as it is read; plain files as they are.

        Raises `OSError`, and `SessionFileError` where it does not open.
        """
        return open_recording(path, self.recording_key)

    def seat(self) -> str:
        """The id of this seat, made on first use."""
        job = partial(sessions.ensure_seat, new_id=f"seat-{secrets.token_hex(8)}")
        return str(self._writer.submit(job).result(10))

    def next_number(self) -> int:
        """Which session of this seat the next one is; counted here: the last may not be on disk yet."""
        with self._counting:
            if not self._numbered:
                self._numbered = self.sessions.count()[0]
            self._numbered += 1
            return self._numbered

    def append(self, rows: Sequence[StoredEvent], *, urgent: bool = True) -> Future[Any]:
        """Append stamped events; done when they are on disk."""
        return self._writer.submit(partial(sessions.append, rows=rows), urgent=urgent)

    def draft(self, session: str, step: str, field: str, raw: Any) -> Future[Any]:
        """Keep half-typed input; done when it is on disk."""
        job = partial(sessions.keep_draft, session=session, step=step, field=field, raw=raw)
        return self._writer.submit(job, urgent=True)

    def restore(self, data: bytes) -> str:
        """Put a session back from its exported record; its id. Raises `SessionFileError`."""
        return restore(self._engine, self._writer, data)

    def keep_flow(self, flow: Flow) -> Future[Any]:
        """Keep the document a session will run on."""
        job = partial(
            sessions.keep_flow,
            content_hash=content_hash(flow),
            key=flow.key,
            version=flow.version,
            document=dump(flow),
        )
        return self._writer.submit(job)

    def index(self, entries: Sequence[search.Entry]) -> Future[Any]:
        """Keep the words of sessions for searching."""
        return self._writer.submit(partial(search.keep, entries=entries))

    def health(self, *, pages: bool = True) -> Health:
        """`pages`: look for damage, too, which reads the whole file. Raises `StoreError`."""
        try:
            with self._engine.connect() as connection:
                found = tuple(damage(connection)) if pages else ()
                return Health(schema=schema_version(connection), newest=SCHEMA, damage=found)
        except DatabaseError as error:
            raise StoreError(
                f"{self.path.name} cannot be read: {error.orig}.", "Check the disk, and tell IT."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> bool:
        """Write what is queued, close the file. False: something could not be written in time."""
        written = self._writer.close()
        self._engine.dispose()
        return written
