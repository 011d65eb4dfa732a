"""What the outbox and the inbox need of the store and of the server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from halodesk.engine.flow import Flow
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.erasure import SignedErasure
from halodesk.runtime.ports import SyncState
from halodesk.store.sync_store import Installed, Waiting

Answer = TypeVar("Answer")

OnState = Callable[[SyncState], None]
OnFlow = Callable[[Flow], None]


class Server(Protocol):
    """The server, as `sync.client.ServerClient` speaks to it. Raises `ServerAwayError`, `RefusedError`."""

    async def get(self, path: str, kind: type[Answer], **query: str | int) -> Answer:
        """GET, signed in."""
        ...

    async def post(self, path: str, message: object, kind: type[Answer]) -> Answer:
        """POST, signed in."""
        ...

    async def get_bytes(self, path: str) -> bytes:
        """A blob."""
        ...


class OutboxStore(Protocol):
    """The log of this seat, as `store.sync_store.SyncStore` keeps it. Reads block: off the loop."""

    def waiting(self, limit: int = 50) -> list[Waiting]: ...

    def events_after(self, session: str, seq: int, limit: int) -> list[StoredEvent]: ...

    def head_at(self, session: str, seq: int) -> bytes | None: ...

    def acknowledge(self, session: str, seq: int, head: bytes, *, at: int, receipt: bytes) -> Future[Any]: ...

    def refuse(self, session: str, code: str, words: str) -> Future[Any]: ...

    def refused(self) -> list[Any]: ...

    def acknowledged(self, since: float) -> dict[str, tuple[int, bytes]]: ...

    def change_link(self, **values: Any) -> Future[Any]: ...

    def erasures(self) -> list[tuple[str, SignedErasure]]: ...

    def erasure_sent(self, order: str) -> Future[Any]: ...


class InboxStore(Protocol):
    """The flows of this seat. Reads block: off the loop."""

    def installed(self) -> dict[str, Installed]: ...

    def document(self, content: str) -> bytes | None: ...

    def install(self, flow: Flow, *, counter: int, manifest: bytes, pointer: bytes) -> Future[Any]: ...

    def change_link(self, **values: Any) -> Future[Any]: ...
