"""One recorded session, read whole: for show, replay and export."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

import msgspec

from halodesk.engine import codec, flow
from halodesk.engine import events as e
from halodesk.engine.errors import SessionFileError
from halodesk.engine.events import AnyEvent
from halodesk.engine.flow import Flow
from halodesk.engine.page import Page
from halodesk.engine.registry import field_types
from halodesk.engine.replay import Frame, frames
from halodesk.protocol import envelope as envelopes
from halodesk.protocol.envelope import Envelope, StoredEvent
from halodesk.store.flow_agent_words import flow_agent_words
from halodesk.store.sessions import SessionRow, Sessions


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A session with the flow it ran on. `rows` are all; `stamps` and `events` leave out what was erased."""

    row: SessionRow
    rows: tuple[StoredEvent, ...]
    stamps: tuple[Envelope, ...]
    events: tuple[AnyEvent, ...]
    flow: Flow

    @property
    def began(self) -> float:
        """Unix seconds of the first event; all times of a replay count from it."""
        return envelopes.decode(self.rows[0].envelope).wall

    @property
    def erased(self) -> int:
        """How many events have lost their content."""
        return len(self.rows) - len(self.events)

    @property
    def last_page(self) -> Page:
        """What the agent saw last."""
        *_, last = frames(self.flow, self.events, gaps=bool(self.erased))
        return last.page


ERASED = "erased"
"""Kind of a moment whose content was erased."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a replay. `at_s` counts from the beginning of the session."""

    at_s: float
    kind: str
    step: str
    words: str


def read(sessions: Sessions, name: str) -> Record:
    """The record of a session by id, beginning of it, or number. Raises `SessionFileError`."""
    row = sessions.find(name)
    rows = sessions.events(row.id)
    kept = [stored for stored in rows if stored.payload is not None]
    if not kept:
        raise SessionFileError(f"Everything of the session {row.id} was erased.")
    return Record(
        row=row,
        rows=tuple(rows),
        stamps=tuple(envelopes.decode(stored.envelope) for stored in kept),
        events=tuple(codec.decode(stored.payload or b"") for stored in kept),
        flow=flow.load(sessions.flow_document(row.flow_hash)),
    )


def timeline(record: Record) -> list[Moment]:
    """What happened, in words, one line an event that a person cares for."""
    return [moment for _, moment in walk(record) if moment.words]


def walk(record: Record) -> Iterator[tuple[Frame, Moment]]:
    """Every event with its line; the words are empty where nobody would care.

    An erased event has the frame of the one before it (the first one that is left where there is
    none), and says that it was erased.
    """
    began = record.began
    known = frames(record.flow, record.events, gaps=bool(record.erased))
    frame = coming = next(known)
    for row in record.rows:
        stamp = envelopes.decode(row.envelope)
        if row.payload is None:
            words = f"Erased: {stamp.event.replace('_', ' ')}"
        else:
            frame, words = coming, _words(record.flow, coming)
            coming = next(known, coming)
        at_s = round(stamp.wall - began, 3)
        kind = ERASED if row.payload is None else stamp.event
        yield frame, Moment(at_s=at_s, kind=kind, step=frame.state.step, words=words)


def json_lines(rows: Sequence[StoredEvent]) -> str:
    """The exact record: one JSON object an event, bytes as base64 but for the readable parts."""
    lines = []
    for row in rows:
        lines.append(
            msgspec.json.encode(
                {
                    "envelope": msgspec.Raw(row.envelope),
                    "payload": msgspec.Raw(row.payload) if row.payload is not None else None,
                    "salt": base64.b64encode(row.salt).decode() if row.salt is not None else None,
                    "leaf": row.leaf.hex(),
                    "head": row.head.hex(),
                }
            ).decode()
        )
    return "".join(line + "\n" for line in lines)


def _words(known: Flow, frame: Frame) -> str:
    event, step = frame.event, frame.page.title
    match event:
        case e.SessionStarted():
            caller = event.call.number or "no call"
            return (
                f"Session begins: {event.flow_name}, version {event.version}, agent {event.agent}, {caller}"
            )
        case e.StepEntered():
            how = {"back": " (back)", "hang_up": " (the call ended)", "error": " (it could not go on)"}.get(
                event.reason, ""
            )
            return f"Step: {step}{how}" + (f" by “{event.route}”" if event.route else "")
        case e.AnswerGiven():
            field = known.field(event.field)
            shown = "-"
            if field is not None and event.value is not None and field.type in field_types():
                shown = field_types()[field.type].show(field, event.value)
            return f"Answer: {field.label or field.name if field else event.field}: {shown}"
        case e.SecretEntered():
            return f"Secure field filled: {event.field} (never recorded)"
        case e.CartChanged():
            return f"Cart: {event.action}, total {frame.page.cart.total}"
        case e.EffectRequested():
            return f"Asked: {event.kind}"
        case e.EffectResolved():
            reason = event.result.get("reason", "")
            return f"Answered: {event.outcome}" + (f" ({reason})" if reason else "")
        case e.MaskChanged():
            by = f" by {', '.join(event.confirmed_by)}" if event.confirmed_by else ""
            return f"Recording: {_MASK[event.phase]}{by}" + (f" ({event.message})" if event.message else "")
        case e.SentBack():
            return f"Not accepted: {event.problem}"
        case e.ProposalSettled():
            verdict = "accepted" if event.accepted else "turned down"
            said = f", from “{event.because}”" if event.because else ""
            source = "the recogniser" if event.source == "words" else event.source
            return f"Proposed by {source}: {event.title}{said} – {verdict} by {event.by}"
        case e.NoteAdded():
            return f"Note: {event.text}"
        case e.Incident():
            return f"Incident: {event.message}"
        case e.CallLeft():
            return f"The call ended ({event.by}): {event.reason}"
        case e.CallRescued():
            return "The phone was restarted in mid-call; the call was fetched back"
        case e.RecordingKept(path="", sha256=digest) if digest:
            return f"Recording deleted, its time was over (SHA-256 {digest[:16]}…)"
        case e.RecordingKept():
            seconds = event.samples / event.sample_rate
            return f"Recording kept: {seconds:.1f} s, {len(event.windows)} masked windows"
        case e.FlowAgentBegan() | e.FlowAgentTalk() | e.FlowAgentActed() | e.FlowAgentEnded():
            return flow_agent_words(event)
        case e.SessionEnded():
            return f"Session {event.reason}: {event.disposition}"
        case _:
            return ""


_MASK = {
    "wanted": "asked every recorder to mask",
    "held": "masked, confirmed",
    "lost": "mask not confirmed, inputs locked",
    "releasing": "asked every recorder to go on",
    "none": "recording again",
}
