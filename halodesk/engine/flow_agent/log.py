"""The log of a conversation: JSON Lines of what came in and what followed, and replay.

Rules:
- The first line says which document, which manner and which release; then, one line each, the news
  (`"in"`) and the events that followed (`"out"`), numbered from 1 and stamped with seconds since the
  start. A line that was cut off by a crash is left out; any other damage is named with its number.
- Replay decides all news again with the same document and manner: the events must be the very same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from halodesk.engine.errors import SessionFileError
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.events import AnyEvent
from halodesk.engine.flow_agent.inputs import AnyNews
from halodesk.engine.flow_agent.machine import decide, evolve
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State

FORMAT = 1


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation ran with. `document`: SHA-256 of its canonical JSON."""

    format: int = FORMAT
    agent: str
    document: str
    manner: Manner


class Line(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"news": "in", "event": "out"}
):
    """One entry: either news or an event. `at`: seconds since the conversation began."""

    seq: int
    at: float
    news: AnyNews | None = None
    event: AnyEvent | None = None


class Differs(msgspec.Struct, frozen=True, kw_only=True):
    """Where a replay took another path."""

    seq: int
    logged: AnyEvent | None
    replayed: AnyEvent | None


def digest(document: Document) -> str:
    """SHA-256 of the canonical document."""
    return hashlib.sha256(msgspec.json.encode(document.source, order="sorted")).hexdigest()


def head(document: Document, manner: Manner) -> Head:
    """The first line of a conversation's log."""
    return Head(agent=document.name, document=digest(document), manner=manner)


def encode(entry: Head | Line) -> bytes:
    """One line, with its end."""
    return msgspec.json.encode(entry) + b"\n"


def read(data: bytes) -> tuple[Head, list[Line]]:
    """A log. Raises `SessionFileError` naming the line."""
    lines = data.split(b"\n")
    whole = lines[:-1]  # what follows the last end of line was not written to its end
    if not whole:
        raise SessionFileError("This log is empty.", "Choose the log of a conversation.")
    first = _decode(whole[0], Head, 1)
    if first.format != FORMAT:
        raise SessionFileError(f"This log is of format {first.format}.", "Take a HaloDesk that knows it.")
    found: list[Line] = []
    for number, text in enumerate(whole[1:], start=2):
        line = _decode(text, Line, number)
        if line.seq != len(found) + 1:
            raise SessionFileError(
                f"Line {number}: number {line.seq} stands where {len(found) + 1} belongs.",
                "The log was changed or is incomplete.",
            )
        found.append(line)
    return first, found


def replay(document: Document, manner: Manner, lines: Iterable[Line]) -> tuple[State, Differs | None]:
    """The state at the end, and where the path first differs from the log."""
    state = State()
    due: Iterator[AnyEvent] = iter(())
    last = 0
    for line in lines:
        last = line.seq
        if line.news is not None:
            missed = next(due, None)
            if missed is not None:
                return state, Differs(seq=line.seq, logged=None, replayed=missed)
            due = iter(decide(document, manner, state, line.news))
        elif line.event is not None:
            wanted = next(due, None)
            if wanted != line.event:
                return state, Differs(seq=line.seq, logged=line.event, replayed=wanted)
            state = evolve(state, line.event)
    rest = next(due, None)
    return state, None if rest is None else Differs(seq=last + 1, logged=None, replayed=rest)


def folded(events: Iterable[AnyEvent]) -> State:
    """The state that events lead to."""
    state = State()
    for event in events:
        state = evolve(state, event)
    return state


def news_of(lines: Iterable[Line]) -> Iterator[AnyNews]:
    """What came in."""
    return (line.news for line in lines if line.news is not None)


def _decode(text: bytes, kind: Any, number: int) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SessionFileError(
            f"Line {number} is none of a conversation's log: {error}.", "Choose another file."
        ) from None
