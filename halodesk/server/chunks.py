"""Checks an uploaded piece of a session before the database sees it; no I/O.

The server believes nothing: it links the chain again over the leaves, from the head the piece
says it goes on from, checks each payload against its leaf, and the seat's signature over the end.
"""

from __future__ import annotations

import re

import msgspec

from halodesk.crypto import chain
from halodesk.crypto.signing import HEAD_TAG, holds
from halodesk.engine.errors import SessionFileError
from halodesk.protocol import log_lines
from halodesk.protocol.envelope import Envelope, StoredEvent
from halodesk.protocol.sync import LOG_SCHEMA, Chunk, RefusedError
from halodesk.server.access import Holder, refused

_SESSION = re.compile(r"[A-Za-z0-9_-]{8,64}")
_LAST_SEQ = 2**53
_TEXT = 200


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A piece whose chain holds, with what the session's line needs of it.

    `heads` are the chain's after each event. `flow`, `agent` and the like are known where the
    piece has the first event, `disposition` and `ended_at` where it has the last.
    """

    sid: str
    first: int
    last: int
    prev: bytes
    heads: tuple[bytes, ...]
    signature: bytes
    body: bytes
    flow: str
    version: int
    agent: str
    started_at: float
    ended_at: float | None
    disposition: str
    number: int = 0
    """Which session of its seat it is; known where the piece has the first event."""

    @property
    def head(self) -> bytes:
        """The chain's after the last event."""
        return self.heads[-1]


class _Facts(msgspec.Struct):
    event: str
    agent: str = ""
    disposition: str = ""


_facts = msgspec.json.Decoder(_Facts)


def check(chunk: Chunk, holder: Holder, public: bytes) -> Checked:
    """Raises `RefusedError`: 403 not the holder's, 422 with code schema or chain."""
    if chunk.tenant != holder.tenant:
        raise refused(403, "tenant", "This session belongs to another organisation.")
    if chunk.schema > LOG_SCHEMA:
        raise refused(
            422,
            "schema",
            "This session was recorded by a newer HaloDesk than the server's.",
            "Update HaloDesk on the server.",
        )
    if not _SESSION.fullmatch(chunk.sid) or not 1 <= chunk.first <= chunk.last < _LAST_SEQ:
        raise _broken("the session's name or numbers are malformed")
    if chunk.first == 1 and chunk.prev != chain.genesis(chunk.sid):
        raise _broken("it does not begin where every session begins")
    body = chunk.body.encode()
    try:
        lines = log_lines.read(body)
    except SessionFileError as error:
        raise _broken(error.message) from None
    if len(lines) != chunk.last - chunk.first + 1:
        raise _broken(f"it holds {len(lines)} events and says another number")
    heads, head = [], chunk.prev
    for seq, (stamped, row) in enumerate(lines, start=chunk.first):
        problem = _problem(chunk.sid, holder.subject, seq, stamped, row)
        head = chain.link(head, seq, row.envelope, row.leaf)
        if not problem and head != row.head:
            problem = "its link to the event before does not hold"
        if problem:
            raise _broken(f"event {seq}: {problem}")
        heads.append(head)
    if head != chunk.head:
        raise _broken("it ends in another head than it says")
    if not holds(public, chunk.signature, HEAD_TAG, chunk.tenant, chunk.sid, chunk.last, chunk.head):
        raise _broken("the seat's signature does not fit")
    return _with_facts(chunk, body, tuple(heads), lines)


def _with_facts(
    chunk: Chunk, body: bytes, heads: tuple[bytes, ...], lines: list[tuple[Envelope, StoredEvent]]
) -> Checked:
    first, ended_at, disposition, agent = lines[0][0], None, "", ""
    for stamped, row in lines:
        if stamped.event not in ("session_started", "session_ended"):
            continue
        ended_at = stamped.wall if stamped.event == "session_ended" else ended_at
        if row.payload is not None:
            facts = _facts.decode(row.payload)
            agent, disposition = facts.agent or agent, facts.disposition or disposition
    if not 0 <= first.number < _LAST_SEQ:
        raise _broken("the session's number is malformed")
    if not 0 <= first.version < _LAST_SEQ:
        raise _broken("the number of the flow's version is malformed")
    return Checked(
        sid=chunk.sid,
        first=chunk.first,
        last=chunk.last,
        prev=chunk.prev,
        heads=heads,
        signature=chunk.signature,
        body=body,
        flow=_clean(first.flow),
        version=first.version,
        agent=_clean(agent),
        started_at=first.wall,
        ended_at=ended_at,
        disposition=_clean(disposition),
        number=first.number if chunk.first == 1 else 0,
    )


def _problem(sid: str, seat: str, seq: int, stamped: Envelope, row: StoredEvent) -> str:
    if (stamped.session, stamped.seq) != (sid, seq):
        return "it is missing or out of order"
    if stamped.seat != seat:
        return "it was recorded at another seat"
    if row.payload is None or row.salt is None:
        return "" if row.payload is None and row.salt is None else "it is erased only in part"
    if chain.leaf(row.salt, row.payload) != row.leaf:
        return "its content was changed"
    try:
        tag = _facts.decode(row.payload).event
    except msgspec.DecodeError:
        return "its content cannot be read"
    return "" if tag == stamped.event else "its content is of another kind than its envelope says"


def _broken(problem: str) -> RefusedError:
    return refused(
        422, "chain", f"This upload cannot be trusted: {problem}.", "Keep the seat as it is and tell IT."
    )


def _clean(text: str) -> str:
    """Short enough for a list; PostgreSQL has no NUL in a text."""
    return text.replace("\0", "\ufffd")[:_TEXT]
