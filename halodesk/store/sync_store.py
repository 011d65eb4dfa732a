"""What the seat keeps about its server: reads from any thread, writes through the one writer.

Rules:
- Nothing is queued for sending: what waits is the log after the acknowledged event. So nothing can
  be queued twice or forgotten, and an acknowledgement that is lost only sends again.
- A counter of a flow never goes down, and a document is kept in the same transaction as the
  pointer to it.
"""

from __future__ import annotations

import secrets
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, and_, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from halodesk.engine.flow import Flow, content_hash, dump
from halodesk.protocol import erasure as orders
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.erasure import SignedErasure
from halodesk.store import audit_tables as a
from halodesk.store import seals, sessions
from halodesk.store import sync_tables as s
from halodesk.store import tables as t
from halodesk.store.writer import Writer


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """The server this seat belongs to. `authority`: PEM of the only certificate authority that is
    trusted for it, empty: the system's. `policy` is JSON of `protocol.sync.Policy`."""

    url: str
    authority: bytes = b""
    tenant: str = ""
    team: str = ""
    server_key: bytes
    root: bytes
    trust: bytes
    sign_seed: bytes
    seal_seed: bytes
    policy: bytes = b"{}"
    enrolled: bool = False
    epoch: str = ""
    """The history the acknowledgements are of."""
    catalogue_epoch: str = ""
    cursor: int = 0
    engine: int = 0
    """The engine that read the catalogue so far: a newer one may run what an older refused."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A session the server has not up to its last event. `acked_head` is None before the first."""

    session: str
    acked: int
    acked_head: bytes | None
    last: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A session the server refused for good, and its words."""

    session: str
    code: str
    words: str


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a flow that new sessions begin on."""

    flow: str
    counter: int
    version: int
    content: str
    pointer: bytes


class SyncStore:
    """Part of `SeatStore`, over its engine and its writer."""

    def __init__(self, engine: Engine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    # the link

    def seat(self) -> str:
        """The id of this seat, made on first use. Blocks."""
        job = partial(sessions.ensure_seat, new_id=f"seat-{secrets.token_hex(8)}")
        return str(self._writer.submit(job).result(10))

    def sign_seed(self) -> bytes:
        """The seat's own signing key, made on first use. Blocks."""
        return bytes(self._writer.submit(lambda connection: seals.ensure_key(connection).seed).result(10))

    def link(self) -> Link | None:
        """The server of this seat, enrolled or being asked."""
        with self._engine.connect() as connection:
            row = connection.execute(select(s.server_link)).mappings().first()
        if row is None:
            return None
        values = {name: row[name] for name in Link.__struct_fields__}
        return Link(**values | {"enrolled": bool(row["enrolled"])})

    def save_link(self, link: Link) -> Future[Any]:
        """Replace the link; done when it is on disk."""
        return self._writer.submit(partial(_replace_link, link=link))

    def change_link(self, **values: Any) -> Future[Any]:
        """Change some of its fields, named as in `Link`."""
        return self._writer.submit(partial(_change_link, values=values))

    # sessions up

    def waiting(self, limit: int = 50) -> list[Waiting]:
        """Sessions with events the server has not, oldest first; those refused for good left out."""
        last = select(func.max(t.event.c.seq)).where(t.event.c.session == t.session.c.id).scalar_subquery()
        acked = func.coalesce(s.outbox.c.acked_seq, 0)
        query = (
            select(t.session.c.id, acked.label("acked"), s.outbox.c.acked_head, last.label("last"))
            .select_from(t.session.outerjoin(s.outbox, s.outbox.c.session == t.session.c.id))
            .where(func.coalesce(s.outbox.c.refused_code, "") == "", last > acked)
            .order_by(t.session.c.number)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [
                Waiting(session=row.id, acked=row.acked, acked_head=row.acked_head, last=row.last)
                for row in connection.execute(query)
            ]

    def events_after(self, session: str, seq: int, limit: int) -> list[StoredEvent]:
        """The next events of a session."""
        query = select(t.event).where(t.event.c.session == session, t.event.c.seq > seq)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(t.event.c.seq).limit(limit)).mappings()
            return [StoredEvent(**row) for row in rows]

    def head_at(self, session: str, seq: int) -> bytes | None:
        """The chain's head after that event, None where there is no such event."""
        query = select(t.event.c.head).where(t.event.c.session == session, t.event.c.seq == seq)
        with self._engine.connect() as connection:
            head = connection.execute(query).scalar()
        return None if head is None else bytes(head)

    def acknowledge(self, session: str, seq: int, head: bytes, *, at: int, receipt: bytes) -> Future[Any]:
        """The server has the session up to `seq`, or only that far; `at` is Unix seconds, its own."""
        values = {"acked_seq": seq, "acked_head": head, "acked_at": at, "receipt": receipt}
        return self._writer.submit(partial(_outbox, session=session, values=values))

    def refuse(self, session: str, code: str, words: str) -> Future[Any]:
        """Put a session aside: the server refused it for good. Its events stay."""
        values = {"refused_code": code, "refused_words": words}
        return self._writer.submit(partial(_outbox, session=session, values=values))

    def release(self, session: str) -> Future[Any]:
        """Offer a session again that was put aside."""
        return self.refuse(session, "", "")

    def refused(self) -> list[Refused]:
        """Sessions put aside."""
        query = select(s.outbox).where(s.outbox.c.refused_code != "").order_by(s.outbox.c.session)
        with self._engine.connect() as connection:
            return [
                Refused(session=row.session, code=row.refused_code, words=row.refused_words)
                for row in connection.execute(query)
            ]

    def acknowledged(self, since: float) -> dict[str, tuple[int, bytes]]:
        """Last event and head of the sessions acknowledged since then (Unix seconds, the server's)."""
        query = select(s.outbox.c.session, s.outbox.c.acked_seq, s.outbox.c.acked_head).where(
            and_(s.outbox.c.acked_at >= since, s.outbox.c.acked_seq > 0)
        )
        with self._engine.connect() as connection:
            return {row.session: (row.acked_seq, bytes(row.acked_head)) for row in connection.execute(query)}

    # erasures up

    def erasures(self) -> list[tuple[str, SignedErasure]]:
        """Orders to erase that the server has not carried out, with their ids, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(a.erasure).where(a.erasure.c.sent == 0)).all()
        found = [(row.id, SignedErasure(order=row.signed, signature=row.signature)) for row in rows]
        return sorted(found, key=lambda one: orders.decode(one[1].order).at)

    def erasure_sent(self, order: str) -> Future[Any]:
        """The server has carried it out."""
        change = update(a.erasure).where(a.erasure.c.id == order).values(sent=1)
        return self._writer.submit(lambda connection: connection.execute(change).rowcount)

    # flows down

    def installed(self) -> dict[str, Installed]:
        """Pointers by flow."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(s.flow_pointer)).mappings()
            found = [{name: row[name] for name in Installed.__struct_fields__} for row in rows]
        return {one["flow"]: Installed(**one) for one in found}

    def documents(self) -> list[bytes]:
        """Documents of the versions new sessions begin on, by flow."""
        joined = s.flow_pointer.join(t.flow_version, t.flow_version.c.hash == s.flow_pointer.c.content)
        query = select(t.flow_version.c.document).select_from(joined).order_by(s.flow_pointer.c.flow)
        with self._engine.connect() as connection:
            return [bytes(row.document) for row in connection.execute(query)]

    def document(self, content: str) -> bytes | None:
        """A document that is here already, by its content hash."""
        query = select(t.flow_version.c.document).where(t.flow_version.c.hash == content)
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else bytes(found)

    def install(self, flow: Flow, *, counter: int, manifest: bytes, pointer: bytes) -> Future[Any]:
        """Keep a version and begin new sessions on it, unless its counter is not greater.

        The future gives whether it was.
        """
        return self._writer.submit(
            partial(_install, flow=flow, counter=counter, manifest=manifest, pointer=pointer)
        )


def _replace_link(connection: Connection, link: Link) -> None:
    connection.execute(delete(s.server_link))
    values = msgspec.structs.asdict(link) | {"enrolled": int(link.enrolled)}
    connection.execute(insert(s.server_link).values(one=1, **values))


def _change_link(connection: Connection, values: dict[str, Any]) -> None:
    connection.execute(update(s.server_link).values(**values))


def _outbox(connection: Connection, session: str, values: dict[str, Any]) -> None:
    empty = {"session": session, "acked_seq": 0, "acked_head": b"", "acked_at": 0, "receipt": b""}
    connection.execute(
        upsert(s.outbox)
        .values(**(empty | values))
        .on_conflict_do_update(index_elements=["session"], set_=values)
    )


def _install(connection: Connection, flow: Flow, counter: int, manifest: bytes, pointer: bytes) -> bool:
    query = select(s.flow_pointer.c.counter).where(s.flow_pointer.c.flow == flow.key)
    before = connection.execute(query).scalar()
    if before is not None and counter <= before:
        return False
    content = content_hash(flow)
    sessions.keep_flow(
        connection, content_hash=content, key=flow.key, version=flow.version, document=dump(flow)
    )
    values: dict[str, Any] = {
        "counter": counter,
        "version": flow.version,
        "content": content,
        "manifest": manifest,
        "pointer": pointer,
    }
    connection.execute(
        upsert(s.flow_pointer)
        .values(flow=flow.key, **values)
        .on_conflict_do_update(index_elements=["flow"], set_=values)
    )
    return True
