"""Wishes to a session, and the typed "no"."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine.events import CallFacts, FlowAgentFact, Incident


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Why a command was not done: `code` for machines, `message` for the person."""

    code: str
    message: str
    todo: str = ""
    field: str = ""
    errors: dict[str, str] = {}
    """On a refused submit: field name to what is wrong with it."""
    incidents: tuple[Incident, ...] = ()
    """Facts to keep all the same: that a card number was typed where none belongs."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a session of a flow. `today` (ISO date) is a fact stamped by the caller."""

    agent: str
    call: CallFacts = CallFacts()
    prefill: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Set a field of the current step from what the person typed or chose."""

    field: str
    raw: Any


class EnterSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The vault holds all digits of an encrypted field; `problem` says what is wrong with them."""

    field: str
    handle: str
    problem: str = ""


class ClearSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The digits of an encrypted field were taken back or are not complete any more."""

    field: str


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """Leave the page. `choice` is the key of the chosen button of the page."""

    choice: str = ""


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """Return to the page before; side effects are never repeated."""


class Resolve(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a requested effect."""

    id: str
    outcome: Literal["ok", "failed", "declined", "unknown"]
    result: dict[str, Any] = {}


class TakeBack(msgspec.Struct, frozen=True, kw_only=True):
    """Void a charge of this session, or pay it back. `charge`: its id in `Session.charges`."""

    charge: str
    kind: Literal["void", "refund"] = "void"
    reason: str = ""


class ReportMask(msgspec.Struct, frozen=True, kw_only=True):
    """The lease manager's word on the mask of a step."""

    lease: str
    phase: Literal["held", "lost", "none"]
    confirmed_by: tuple[str, ...] = ()
    message: str = ""
    todo: str = ""
    positions: dict[str, int] = {}


class LoseCall(msgspec.Struct, frozen=True, kw_only=True):
    """The call is over (hang-up of either side, or the network)."""

    reason: str
    by: Literal["agent", "caller", "network"]


class RescueCall(msgspec.Struct, frozen=True, kw_only=True):
    """Another phone process has taken the call over, under this SIP Call-ID."""

    sip_call_id: str


class KeepRecording(msgspec.Struct, frozen=True, kw_only=True):
    """The phone closed the recording file of this session's call."""

    path: str
    sha256: str
    sample_rate: int
    samples: int
    windows: tuple[tuple[int, int], ...]
    lost_frames: int = 0


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What time it is: Unix seconds of the wall clock, which sleep and restart do not stop.

    Taken at any time. On a page with an end in time the first one sets when that is.
    """

    now: float


class AddNote(msgspec.Struct, frozen=True, kw_only=True):
    """A remark of the agent."""

    text: str


class UnlockStep(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may has signed in to let the agent work this visit of a step for a role.

    `roles` are those of that person; whoever sends this has checked the password.
    """

    step: str
    visit: int
    by: str
    roles: tuple[str, ...]


class SettleProposal(msgspec.Struct, frozen=True, kw_only=True):
    """The agent takes what a machine proposed on this visit of a step, or turns it down.

    `values` are raw, as if typed; `choice` is as in `Submit`, None where only fields are filled. The rest
    is for the record (`events.ProposalSettled`).
    """

    step: str
    visit: int
    accepted: bool
    title: str
    by: str
    source: str
    because: str
    values: dict[str, Any] = {}
    choice: str | None = None


class TakeOver(msgspec.Struct, frozen=True, kw_only=True):
    """Another person works at the seat now and goes on with this session."""

    agent: str


class NoteFlowAgent(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow agent on this session's call does, for the record. Taken after the end, too."""

    fact: FlowAgentFact


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """The seat came back after a crash: secrets in memory are gone, open effects are settled."""


class Abandon(msgspec.Struct, frozen=True, kw_only=True):
    """Close a session that will not be finished."""

    disposition: str


Command = (
    Start
    | Answer
    | EnterSecret
    | ClearSecret
    | Submit
    | Back
    | Resolve
    | TakeBack
    | ReportMask
    | LoseCall
    | RescueCall
    | KeepRecording
    | Tick
    | AddNote
    | UnlockStep
    | SettleProposal
    | TakeOver
    | NoteFlowAgent
    | Restart
    | Abandon
)
