"""What a review of recorded sessions shows: plain values.

They cross from the thread that reads and checks records to the main thread, which renders them.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from halodesk.engine.events import CallFacts
from halodesk.engine.page import Page

RecordFormat = Literal["jsonl", "csv", "html"]
ExportFormat = RecordFormat | Literal["flac"]
"""`flac`: the sound, in clear."""
MomentKind = Literal["", "step", "incident", "erased", "mask", "flow_agent", "proposal"]


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for. Every word of `text` must be found; times are Unix seconds, `until` is exclusive."""

    text: str = ""
    since: float | None = None
    until: float | None = None
    incidents_only: bool = False
    agent: str | None = None
    """Only sessions of this agent."""


class SessionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. Times are Unix seconds."""

    id: str
    number: int
    flow: str
    agent: str
    caller: str
    started_at: float
    ended_at: float | None
    disposition: str
    status: str
    incidents: int


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, newest first. `unindexed`: sessions whose answers cannot be searched yet."""

    lines: tuple[SessionLine, ...]
    total: int
    unindexed: int = 0


class ChainBadge(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the hash chain proved."""

    ok: bool
    events: int
    erased: int
    message: str


class ReplayMoment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, and the page as it was right after it. `at_s` counts from the beginning."""

    at_s: float
    words: str
    step: int
    """Index of the visit it belongs to."""
    page: Page
    kind: MomentKind = ""


class ReplayStep(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of a step. `target_s` is 0 where the flow sets none; `first` is its first moment."""

    title: str
    at_s: float
    seconds: float
    target_s: int
    first: int


class AudioTrack(msgspec.Struct, frozen=True, kw_only=True):
    """The recording on the session's time line: it begins at `at_s`; `masked` counts from there too."""

    path: str
    at_s: float
    seconds: float
    masked: tuple[tuple[float, float], ...]
    lost_s: float = 0.0


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One session, ready to be stepped through."""

    line: SessionLine
    flow_name: str
    call: CallFacts
    call_left_s: float | None
    seconds: float
    moments: tuple[ReplayMoment, ...]
    steps: tuple[ReplayStep, ...]
    masked: tuple[tuple[float, float], ...]
    """When the mask was held, on the session's time line."""
    audio: AudioTrack | None
    chain: ChainBadge
    erased: int
    """Events whose content was erased."""


class Waveform(msgspec.Struct, frozen=True, kw_only=True):
    """Loudest sample of each equal slice, 0 to 1, left (agent) and right (caller)."""

    agent: tuple[float, ...]
    caller: tuple[float, ...]


class ReviewProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why something could not be shown or done, in words."""

    message: str
    todo: str = ""
