"""The log of one session on its way to disk: stamps events and links the chain; reads it back.

Rules:
- The order of `stamp` calls is the order of the chain; one writer a session.
- `verify` trusts nothing but the bytes: sequence, chain, payload against leaf, tag against
  payload. It names the first broken link. It reads events of any version.
- A chain proves nothing of what was cut off its end: only a head kept elsewhere does. Of a
  session that is known to be closed the end itself is looked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import msgspec

from halodesk.crypto import chain
from halodesk.engine import codec
from halodesk.engine.errors import SessionFileError
from halodesk.engine.events import AnyEvent, SessionEnded
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.envelope import Envelope, StoredEvent
from halodesk.runtime.ports import Clock


class SessionLog:
    """Stamps the events of one session."""

    def __init__(
        self,
        *,
        session: str,
        seat: str,
        clock: Clock,
        seq: int = 0,
        head: bytes | None = None,
        number: Callable[[], int] = lambda: 0,
    ) -> None:
        """`number` gives which session of the seat a new one is (`Envelope.number`); asked with its first
        event, so that one that never began leaves no gap."""
        self.session = session
        self.seq = seq
        self.head = head if head is not None else chain.genesis(session)
        self._seat = seat
        self._clock = clock
        self._number = number

    def now(self) -> float:
        """Unix seconds of the clock that stamps the events."""
        return self._clock.wall()

    def stamp(self, events: Sequence[AnyEvent], *, flow: str, version: int) -> list[StoredEvent]:
        """Rows of these events, linked to all before."""
        wall, mono = self._clock.wall(), self._clock.mono()
        rows = []
        for event in events:
            seq = self.seq + 1
            stamped = envelopes.encode(
                Envelope(
                    session=self.session,
                    seq=seq,
                    id=secrets.token_hex(16),
                    seat=self._seat,
                    wall=wall,
                    mono=mono,
                    flow=flow,
                    version=version,
                    event=str(type(event).__struct_config__.tag),
                    number=self._number() if seq == 1 else 0,
                )
            )
            payload, salt = codec.encode(event), chain.new_salt()
            committed = chain.leaf(salt, payload)
            self.head = chain.link(self.head, seq, stamped, committed)
            self.seq = seq
            rows.append(
                StoredEvent(
                    session=self.session,
                    seq=seq,
                    envelope=stamped,
                    leaf=committed,
                    head=self.head,
                    salt=salt,
                    payload=payload,
                )
            )
        return rows


class _Tag(msgspec.Struct):
    event: str


_tags = msgspec.json.Decoder(_Tag)
_END = str(SessionEnded.__struct_config__.tag)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of a log proved."""

    ok: bool
    events: int
    erased: int
    head: str
    """Hex of the last head."""
    broken_at: int | None = None
    """Sequence number of the first broken link."""
    message: str = ""


def verify(session: str, rows: Sequence[StoredEvent], *, closed: bool = False) -> Verdict:
    """Checks the whole chain of one session; `closed`: it must hold its end."""
    head, erased, ended = chain.genesis(session), 0, False
    for index, row in enumerate(rows, start=1):
        problem = _problem(session, index, row)
        linked = b"" if problem else chain.link(head, row.seq, row.envelope, row.leaf)
        if not problem and linked != row.head:
            problem = "its link to the event before does not hold"
        if problem:
            return _broken(rows, index, problem, erased, head)
        ended = ended or envelopes.decode(row.envelope).event == _END
        erased += row.payload is None
        head = linked
    if not rows:
        return _broken(rows, 1, "the record is empty", erased, head)
    if closed and not ended:
        return _broken(rows, len(rows) + 1, "the session was closed, and its end is missing", erased, head)
    return Verdict(ok=True, events=len(rows), erased=erased, head=head.hex(), message="The chain holds.")


def _broken(rows: Sequence[StoredEvent], index: int, problem: str, erased: int, head: bytes) -> Verdict:
    intact = {1: "Nothing before it.", 2: "Event 1 is intact."}.get(
        index, f"Events 1 to {index - 1} are intact."
    )
    return Verdict(
        ok=False,
        events=len(rows),
        erased=erased,
        head=head.hex(),
        broken_at=index,
        message=f"Event {index}: {problem}. {intact}",
    )


def _problem(session: str, index: int, row: StoredEvent) -> str:
    if row.seq != index or row.session != session:
        return "it is missing or out of order"
    try:
        stamped = envelopes.decode(row.envelope)
    except (SessionFileError, UnicodeDecodeError):
        return "its envelope cannot be read"
    if (stamped.session, stamped.seq) != (session, index):
        return "its envelope belongs to another event"
    if row.payload is None or row.salt is None:
        return "" if row.payload is None and row.salt is None else "it is erased only in part"
    if chain.leaf(row.salt, row.payload) != row.leaf:
        return "its content was changed"
    try:
        tag = _tags.decode(row.payload).event
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "its content cannot be read"
    return "" if tag == stamped.event else "its content is of another kind than its envelope says"
