"""The closed set of facts a session is made of.

Rules:
- A session is the fold of its events (`halodesk.engine.core.evolve`); nothing else.
- An event says what happened, in full: the cart as it became, the route as it was taken.
  Folding never decides anything again, so old sessions replay on every later release.
- Few and frozen: a new step type adds effects (`EffectRequested.kind` is open), not events.
- No event can hold a secret: card digits are a handle's last four and brand at most.
- Session, seq, event id, times, seat and flow version are stamped outside, in the envelope
  (`halodesk.protocol.envelope`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine.cart import Cart

EnterReason = Literal["start", "route", "fallback", "choice", "back", "error", "hang_up"]
MaskPhase = Literal["none", "wanted", "held", "lost", "releasing"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all facts."""


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the flow may know of the call; empty for a session without one."""

    direction: Literal["in", "out", "none"] = "none"
    number: str = ""
    name: str = ""
    called: str = ""
    sip_call_id: str = ""
    headers: dict[str, str] = {}


class SessionStarted(Event, frozen=True, tag="session_started"):
    flow: str
    flow_name: str
    version: int
    flow_hash: str
    agent: str
    call: CallFacts
    variables: dict[str, Any]
    cart: Cart


class StepEntered(Event, frozen=True, tag="step_entered"):
    """`visit` counts from 1 per step; with reason `back` the state before that step returns."""

    step: str
    visit: int
    reason: EnterReason
    route: str = ""
    came_from: str = ""


class AnswerGiven(Event, frozen=True, tag="answer_given"):
    """A field's accepted, normalised value; None clears it.

    `cause`: not the agent's doing (`hidden`: its field hid, see `Field.on_hide`).
    """

    step: str
    field: str
    value: Any
    cause: Literal["hidden"] | msgspec.UnsetType = msgspec.UNSET


class SecretEntered(Event, frozen=True, tag="secret_entered"):
    """Digits of an encrypted field are complete in the vault; only a handle is known here."""

    step: str
    field: str
    handle: str


class SecretsWiped(Event, frozen=True, tag="secrets_wiped"):
    step: str
    reason: Literal["used", "left", "mask_lost", "hang_up", "restart", "cleared"]
    fields: tuple[str, ...] = ()
    """Empty: all of the step."""


class Submitted(Event, frozen=True, tag="submitted"):
    """The page of this visit passed validation; functions, cart and work follow."""

    step: str
    visit: int


class SentBack(Event, frozen=True, tag="sent_back"):
    """The step's own work said no: the page is open again, the cart as on entry."""

    step: str
    problem: str


class VariableSet(Event, frozen=True, tag="variable_set"):
    name: str
    value: Any
    source: str
    """`function`, `effect` or the step type that set it."""


class CartChanged(Event, frozen=True, tag="cart_changed"):
    action: str
    cart: Cart


class EffectRequested(Event, frozen=True, tag="effect_requested"):
    """Outside work asked for. `id` is unique in the session and is the idempotency key."""

    id: str
    kind: str
    step: str
    visit: int
    args: dict[str, Any]


class EffectResolved(Event, frozen=True, tag="effect_resolved"):
    """What came of it. `unknown` leaves the effect open until a query settles it."""

    id: str
    outcome: Literal["ok", "failed", "declined", "unknown"]
    result: dict[str, Any]


class MaskChanged(Event, frozen=True, tag="mask_changed"):
    """A phase of the mask lease of a step; the proof names who confirmed.

    `positions` gives the sample of each recording at which it took hold.
    """

    phase: MaskPhase
    step: str
    lease: str
    confirmed_by: tuple[str, ...] = ()
    message: str = ""
    todo: str = ""
    positions: dict[str, int] = {}


class NoteAdded(Event, frozen=True, tag="note_added"):
    text: str


class Incident(Event, frozen=True, tag="incident"):
    """Something a team lead should see: a pasted card number, a failed function."""

    code: str
    message: str
    step: str = ""


class CallLeft(Event, frozen=True, tag="call_left"):
    """The call of this session is over; the session goes on to its wrap-up."""

    reason: str
    by: Literal["agent", "caller", "network"]


class CallRescued(Event, frozen=True, tag="call_rescued"):
    """The phone process died and the next one took the call over: it goes on under this SIP Call-ID.

    What follows of it is in a recording of its own.
    """

    sip_call_id: str


class RecordingKept(Event, frozen=True, tag="recording_kept"):
    """A finished recording of the call and its mask windows, in samples."""

    path: str
    sha256: str
    sample_rate: int
    samples: int
    windows: tuple[tuple[int, int], ...]
    lost_frames: int = 0


class FlowAgentBegan(Event, frozen=True, tag="flow_agent_began"):
    """A flow agent is on the call. `conversation`: an id that its other facts bear, too."""

    conversation: str
    agent: str
    document: str
    """SHA-256 of its document: which version spoke."""
    by: str
    """Who put it there; empty: a setting, or the flow."""


class FlowAgentTalk(Event, frozen=True, tag="flow_agent_talk"):
    """What was said, as far as it was heard, or whispered to the flow agent; never a card number."""

    conversation: str
    who: Literal["agent", "caller", "human", "whisper"]
    text: str
    node: str = ""
    keys: bool = False
    """The caller pressed them."""
    by: str = ""
    """Who whispered."""


class FlowAgentActed(Event, frozen=True, tag="flow_agent_acted"):
    """A conversation went on: to a node, to a tool, into other hands.

    `name`: the node, the tool, or who took over or gave back. `words`: why, or what was noted.
    `arguments`: what a tool was called with.
    """

    conversation: str
    kind: Literal["node", "tool", "wants_human", "taken_over", "handed_back"]
    name: str = ""
    words: str = ""
    arguments: dict[str, Any] = {}


class FlowAgentEnded(Event, frozen=True, tag="flow_agent_ended"):
    """It is off the call. `reason`: see `engine.flow_agent.events.EndReason`; `broken`: it broke off."""

    conversation: str
    reason: str
    node: str = ""
    collected: dict[str, Any] = {}
    """What it found out, by name."""


class SessionEnded(Event, frozen=True, tag="session_ended"):
    disposition: str
    reason: Literal["completed", "abandoned"]


class ProposalSettled(Event, frozen=True, tag="proposal_settled"):
    """The agent took, or turned down, what a machine had proposed on this visit of a step.

    What follows from one that was taken (answers, the way on) are facts of their own, as if typed.
    """

    step: str
    visit: int
    accepted: bool
    title: str
    """In the words of the page."""
    by: str
    """Who took it."""
    source: str
    """What proposed it: a model, or `words` where the caller's words alone said it."""
    because: str
    """The caller's words it was taken from."""
    values: dict[str, Any] = {}
    """Fields it fills, as they were proposed."""
    choice: str | None = None
    """The button it presses; None: it only fills fields."""


FlowAgentFact = FlowAgentBegan | FlowAgentTalk | FlowAgentActed | FlowAgentEnded

AnyEvent = (
    SessionStarted
    | StepEntered
    | AnswerGiven
    | SecretEntered
    | SecretsWiped
    | Submitted
    | SentBack
    | VariableSet
    | CartChanged
    | EffectRequested
    | EffectResolved
    | MaskChanged
    | NoteAdded
    | Incident
    | CallLeft
    | RecordingKept
    | SessionEnded
    | CallRescued
    | FlowAgentFact
    | ProposalSettled
)
