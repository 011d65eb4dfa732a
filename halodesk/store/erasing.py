"""Erases content of recorded sessions; the chain stays valid.

Rules:
- Payload and salt of an event go, its leaf stays: the chain holds, and says nothing of what was there.
- Each erasure is an order that the seat signs, kept with the session and sent to the server, and an
  event at the end of the session that says who, how much and why.
- One transaction: payloads, drafts, words for searching (a trigger), the caller in the lists of
  sessions and calls, callbacks, the order and the event. Recordings are deleted after it; a crash in
  between leaves them on the order, and they are deleted at the next start.
- Of a field goes every event that names the field or repeats a value it had. A value of fewer than
  four characters ("yes") is looked for by the field's name only: it would be found everywhere.
- Only closed sessions, two minutes after their end: until then facts may still come in.
- What was exported before is beyond reach, and so are backups. The command says so.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, Engine, delete, insert, select, update

from halodesk.crypto.signing import ERASE_TAG
from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.engine.errors import HaloDeskError, SessionFileError
from halodesk.engine.pan import has_card_number
from halodesk.protocol import erasure as orders
from halodesk.protocol.envelope import StoredEvent
from halodesk.protocol.erasure import ErasureOrder
from halodesk.runtime.log import SessionLog, verify
from halodesk.runtime.ports import Clock
from halodesk.store import agent_tables as d
from halodesk.store import audit_tables as a
from halodesk.store import seals, sessions
from halodesk.store import tables as t
from halodesk.store.recordings import Recordings
from halodesk.store.sessions import SessionRow, Sessions
from halodesk.store.writer import Writer

SETTLED_S = 120.0
LONGEST_REASON = 300
_SHAPE = (
    e.StepEntered,
    e.Submitted,
    e.MaskChanged,
    e.SecretsWiped,
    e.SessionEnded,
    e.CallRescued,
    e.RecordingKept,
)
"""Events that tell how a session went and nothing a caller said."""
_DIGITS = re.compile(r"\D+")

_log = structlog.get_logger("erasure")


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure did. `left`: recordings that could not be deleted yet."""

    order: ErasureOrder
    left: tuple[str, ...] = ()


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What to erase. `field`: empty for the whole session; `recordings`: the sound, too."""

    session: str
    reason: str
    by: str
    role: str = ""
    field: str = ""
    recordings: bool = False


class Eraser:
    """Part of `SeatStore`. `folder`: only recordings inside of it are ever deleted."""

    def __init__(self, engine: Engine, writer: Writer, folder: Path) -> None:
        self._engine, self._writer, self._folder = engine, writer, folder
        self._sessions = Sessions(engine)

    def erase(self, wish: Wish, clock: Clock) -> Done:
        """Blocks until it is on disk. Raises `SessionFileError` in words; then nothing was erased."""
        row = self._sessions.find(wish.session)
        rows = self._sessions.events(row.id)
        _check(row, rows, wish, clock.wall())
        seqs, named = _plan(rows, wish)
        if named and any(hold.session == row.id for hold in Recordings(self._engine).holds()):
            raise SessionFileError(
                "The recordings of this session are under legal hold.",
                "Release them first: halodesk session release.",
            )
        files = [name for name in named if Path(name).exists()]
        if not seqs and not files:
            what = f'of "{wish.field}" ' if wish.field else ""
            raise SessionFileError(f"There is nothing {what}in this session that could be erased.")
        order = ErasureOrder(
            id=secrets.token_hex(16),
            seat=self._sessions.seat(),
            session=row.id,
            seqs=tuple(seqs),
            reason=wish.reason.strip(),
            by=wish.by,
            role=wish.role,
            field=wish.field,
            recordings=len(files),
            at=int(clock.wall()),
        )
        blank = _holds_caller(row, rows, wish)
        job = partial(_erase, order=order, files=files, row=row, clock=clock, blank=blank)
        self._writer.submit(job).result(30)
        left = self.sweep()
        self._tidy()
        return Done(order=order, left=tuple(left))

    def sweep(self) -> list[str]:
        """Delete recordings that orders name and that are still there; those that cannot be."""
        left: list[str] = []
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(a.erasure.c.id, a.erasure.c.files).where(a.erasure.c.files != b"[]")
            ).all()
        for row in rows:
            stuck = [
                name for name in msgspec.json.decode(row.files, type=list[str]) if not self._delete(name)
            ]
            left += stuck
            values = {"files": msgspec.json.encode(stuck)}
            change = update(a.erasure).where(a.erasure.c.id == row.id).values(**values)
            self._writer.submit(partial(_execute, statement=change)).result(10)
        return left

    def _delete(self, name: str) -> bool:
        path = Path(name)
        if not path.resolve().is_relative_to(self._folder.resolve()):
            _log.error("recording_elsewhere", path=str(path))
            return True  # not ours to delete, now or later
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.error("recording_not_deleted", error=type(error).__name__)
            return False
        return True

    def _tidy(self) -> None:
        """The write-ahead log still has the pages as they were: write it back and empty it.

        Another process that reads right now may keep it from that; then it is emptied when that one ends.
        """
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _check(row: SessionRow, rows: Sequence[StoredEvent], wish: Wish, now: float) -> None:
    reason = wish.reason.strip()
    if not reason or len(reason) > LONGEST_REASON:
        raise SessionFileError("An erasure needs a reason, in a sentence or two.")
    if has_card_number(reason):
        raise SessionFileError("The reason must not hold a card number: it is kept.")
    if row.status != "ended":
        raise SessionFileError("This session is open.", "Finish it first.")
    if row.ended_at is not None and 0 <= now - row.ended_at < SETTLED_S:
        raise SessionFileError("This session has just ended: facts may still come in.", "Wait two minutes.")
    verdict = verify(row.id, rows, closed=True)
    if not verdict.ok:  # erasing would hide what is broken
        raise SessionFileError(f"This session was changed. {verdict.message}", "Keep it and tell IT.")


def _plan(rows: Sequence[StoredEvent], wish: Wish) -> tuple[list[int], list[str]]:
    known = [(row.seq, codec.decode(row.payload)) for row in rows if row.payload is not None]
    whole = not wish.field
    kept = [event for _, event in known if isinstance(event, e.RecordingKept) and event.path]
    files = list(dict.fromkeys(event.path for event in kept)) if whole or wish.recordings else []
    if whole:
        return [
            seq for seq, event in known if not isinstance(event, _SHAPE) and not _is_note_of(event)
        ], files
    values = set(_values(known, wish.field))
    return [seq for seq, event in known if _names(event, wish.field, values)], files


def _is_note_of(event: e.AnyEvent) -> bool:
    """The record of an erasure before this one."""
    return isinstance(event, e.Incident) and event.code == "erased"


def _values(known: Sequence[tuple[int, e.AnyEvent]], field: str) -> Iterator[str]:
    """What the field ever held, as words to look for."""
    for _, event in known:
        match event:
            case e.AnswerGiven() if event.field == field:
                yield from _words(event.value)
            case e.VariableSet() if event.name == field:
                yield from _words(event.value)
            case e.SessionStarted() if field in event.variables:
                yield from _words(event.variables[field])


def _words(value: Any) -> Iterator[str]:
    for text in _texts(value):
        if len(text.strip()) >= 4:
            yield text.strip().casefold()
        if len(digits := _DIGITS.sub("", text)) >= 7:
            yield digits


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _names(event: e.AnyEvent, field: str, values: set[str]) -> bool:
    if _is_note_of(event):
        return False
    if isinstance(event, e.AnswerGiven | e.SecretEntered) and event.field == field:
        return True
    if isinstance(event, e.VariableSet) and event.name == field:
        return True
    if isinstance(event, e.ProposalSettled) and (
        field in event.values or (event.choice or "").startswith(f"{field}=")
    ):
        return True  # with the words it was taken from, however short
    plain = msgspec.to_builtins(event)
    return _has_key(plain, field) or any(_repeats(text, values) for text in _texts(plain))


def _has_key(value: Any, field: str) -> bool:
    if isinstance(value, dict):
        return bool(value.get(field)) or any(_has_key(inner, field) for inner in value.values())
    return isinstance(value, list | tuple) and any(_has_key(inner, field) for inner in value)


def _repeats(text: str, values: set[str]) -> bool:
    folded, digits = text.casefold(), _DIGITS.sub("", text)
    return any(value in folded or (value.isdigit() and _same_number(value, digits)) for value in values)


def _same_number(one: str, other: str) -> bool:
    """A number with and without its country's code is the same."""
    return len(other) >= 7 and (one.endswith(other) or other.endswith(one) or one in other)


def _holds_caller(row: SessionRow, rows: Sequence[StoredEvent], wish: Wish) -> bool:
    if not wish.field:
        return True
    known = [(event.seq, codec.decode(event.payload)) for event in rows if event.payload is not None]
    return _repeats(row.caller, set(_values(known, wish.field)))


def _erase(
    connection: Connection,
    *,
    order: ErasureOrder,
    files: list[str],
    row: SessionRow,
    clock: Clock,
    blank: bool,
) -> None:
    signed = orders.encode(order)
    connection.execute(
        insert(a.erasure).values(
            id=order.id,
            session=row.id,
            signed=signed,
            signature=seals.ensure_key(connection).sign(ERASE_TAG, signed),
            files=msgspec.json.encode(files),
        )
    )
    mine = t.event.c.session == row.id
    for start in range(0, len(order.seqs), 500):
        some = t.event.c.seq.in_(order.seqs[start : start + 500])
        connection.execute(update(t.event).where(mine, some).values(payload=None, salt=None))
    connection.execute(delete(t.draft).where(t.draft.c.session == row.id))
    values: dict[str, Any] = {"caller": ""} if blank else {}
    values |= {"recording": ""} if files else {}
    connection.execute(delete(t.recording).where(t.recording.c.path.in_(files)))
    if values:
        connection.execute(update(t.session).where(t.session.c.id == row.id).values(**values))
    if blank:
        _forget_caller(connection, row.id)
    _tell(connection, order, row, clock)


def _forget_caller(connection: Connection, session: str) -> None:
    """Who called also stands in the list of calls, and in what was promised."""
    calls = update(d.call_record).where(d.call_record.c.session == session)
    connection.execute(calls.values(number="", name=""))
    connection.execute(delete(d.callback).where(d.callback.c.session == session))


def _tell(connection: Connection, order: ErasureOrder, row: SessionRow, clock: Clock) -> None:
    """The fact, linked to whatever is the last event now."""
    last = connection.execute(
        select(t.event.c.seq, t.event.c.head)
        .where(t.event.c.session == row.id)
        .order_by(t.event.c.seq.desc())
        .limit(1)
    ).one()
    what = f'the field "{order.field}"' if order.field else "the session"
    sound = f", {order.recordings} recordings deleted" if order.recordings else ""
    who = f"{order.by} ({order.role})" if order.role else order.by
    words = f"{who} erased {what}: {len(order.seqs)} entries{sound}. {order.reason}"
    log = SessionLog(session=row.id, seat=order.seat, clock=clock, seq=last.seq, head=bytes(last.head))
    fact = e.Incident(code="erased", message=words)
    sessions.append(connection, log.stamp([fact], flow=row.flow, version=row.version))


def _execute(connection: Connection, statement: Any) -> None:
    connection.execute(statement)


def may_erase(roles: Sequence[str]) -> None:
    """Raises `HaloDeskError` unless one of the roles may erase."""
    if not {"supervisor", "admin"} & set(roles):
        raise HaloDeskError("Only a supervisor or an admin erases records.", "Ask one of them.")
