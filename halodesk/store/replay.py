"""A recorded session as a review shows it: moments with their pages, steps, masks, sound."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from halodesk.engine import events as e
from halodesk.engine.registry import step_types
from halodesk.engine.replay import Frame
from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.log import verify
from halodesk.runtime.review import (
    AudioTrack,
    ChainBadge,
    MomentKind,
    ReplayMoment,
    ReplayStep,
    Review,
    SessionLine,
)
from halodesk.store.record import ERASED, Moment, Record, walk

Span = tuple[float, float]
Walked = list[tuple[Frame, Moment]]
_KINDS: dict[str, MomentKind] = {
    "step_entered": "step",
    "incident": "incident",
    "mask_changed": "mask",
    "flow_agent_began": "flow_agent",
    "flow_agent_talk": "flow_agent",
    "flow_agent_acted": "flow_agent",
    "flow_agent_ended": "flow_agent",
    "proposal_settled": "proposal",
    ERASED: "erased",
}


def review(record: Record) -> Review:
    """All that a review needs, the chain checked anew."""
    walked = list(walk(record))
    first: Frame = walked[0][0]
    ends_s = max(max(moment.at_s for _, moment in walked), 0.1)
    moments, entries = _moments(walked)
    row = record.row
    left = next((m.at_s for f, m in walked if _is(f, m, e.CallLeft)), None)
    return Review(
        line=SessionLine(
            id=row.id,
            number=row.number,
            flow=record.flow.name,
            agent=row.agent,
            caller=row.caller,
            started_at=row.started_at,
            ended_at=row.ended_at,
            disposition=row.disposition,
            status=row.status,
            incidents=sum(moment.kind == "incident" for moment in moments),
        ),
        flow_name=f"{record.flow.name} · version {row.version}",
        call=first.state.call,
        call_left_s=left,
        seconds=ends_s,
        moments=tuple(moments),
        steps=tuple(
            replace(step, seconds=max(until - step.at_s, 0.0))
            for step, until in zip(
                entries, [*(s.at_s for s in entries[1:]), _last(walked, ends_s)], strict=True
            )
        ),
        masked=_masked(walked, ends_s),
        audio=_audio(walked, left),
        chain=badge(row.id, record.rows, row.status),
        erased=record.erased,
    )


def badge(session: str, rows: Sequence[StoredEvent], status: str) -> ChainBadge:
    """The verdict on a session's chain."""
    found = verify(session, rows, closed=status == "ended")
    return ChainBadge(ok=found.ok, events=found.events, erased=found.erased, message=found.message)


def _is(frame: Frame, moment: Moment, kind: type) -> bool:
    return isinstance(frame.event, kind) and moment.kind != ERASED


def _moments(walked: Walked) -> tuple[list[ReplayMoment], list[ReplayStep]]:
    """Moments with the pages that were seen, and the visits they belong to.

    A step without a page of its own (a decision) passes unseen: the page before it stays. What
    came before the first page belongs to that one.
    """
    visible = {_visit(frame) for frame, _ in walked if _shows(frame)}
    entered = [at for at, (f, m) in enumerate(walked) if _is(f, m, e.StepEntered) and _visit(f) in visible]
    entered = entered or [0]
    moments: list[ReplayMoment] = []
    steps: list[ReplayStep] = []
    seen = walked[entered[0]][0].page
    for at, (frame, moment) in enumerate(walked):
        if at >= entered[0] and _visit(frame) in visible:
            seen = frame.page
        if at in entered:
            first = len(moments) if steps else 0
            steps.append(
                ReplayStep(
                    title=seen.title,
                    at_s=moment.at_s,
                    seconds=0.0,
                    target_s=seen.target_seconds,
                    first=first,
                )
            )
        if moment.words:
            moments.append(
                ReplayMoment(
                    at_s=max(moment.at_s, 0.0),
                    words=moment.words,
                    step=max(len(steps) - 1, 0),
                    page=seen,
                    kind=_KINDS.get(moment.kind, ""),
                )
            )
    return moments, steps


def _visit(frame: Frame) -> tuple[str, int]:
    return frame.page.step, frame.page.visit


def _shows(frame: Frame) -> bool:
    return bool(frame.page.waiting) or (frame.page.shown and frame.page.type in step_types())


def _last(walked: Walked, ends_s: float) -> float:
    """When the last step was over: late facts, such as a recording's digest, come after it."""
    return next((m.at_s for f, m in walked if _is(f, m, e.SessionEnded)), ends_s)


def _masked(walked: Walked, ends_s: float) -> tuple[Span, ...]:
    spans: list[Span] = []
    since: float | None = None
    for frame, moment in walked:
        if isinstance(frame.event, e.MaskChanged) and moment.kind != ERASED:
            held = frame.event.phase == "held"
            if held and since is None:
                since = moment.at_s
            elif not held and since is not None:
                spans.append((since, moment.at_s))
                since = None
    return (*spans, (since, ends_s)) if since is not None else tuple(spans)


def _audio(walked: Walked, left: float | None) -> AudioTrack | None:
    kept = [f.event for f, m in walked if isinstance(f.event, e.RecordingKept) and m.kind != ERASED]
    if not kept or not kept[-1].path or not kept[-1].samples:
        return None
    last = kept[-1]
    seconds = last.samples / last.sample_rate
    return AudioTrack(
        path=last.path,
        at_s=_begins(walked, last, left),
        seconds=seconds,
        masked=tuple((a / last.sample_rate, b / last.sample_rate) for a, b in last.windows),
        lost_s=last.lost_frames * 0.02,
    )


def _begins(walked: Walked, kept: e.RecordingKept, left: float | None) -> float:
    """Where the sound begins on the time line: by a mask that took hold at a known sample, else by
    the end of the call, where the recording ends too."""
    for frame, moment in walked:
        event = frame.event
        if isinstance(event, e.MaskChanged) and moment.kind != ERASED and event.phase == "held":
            known = {window[0] for window in kept.windows} & set(event.positions.values())
            if known:
                return moment.at_s - min(known) / kept.sample_rate
    return left - kept.samples / kept.sample_rate if left is not None else 0.0
