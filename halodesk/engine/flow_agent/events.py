"""What happened in a conversation: the closed set of facts, and what is asked of the outside.

Rules:
- A conversation's state is the fold of its events (`evolve`); nothing else.
- An event whose name ends in `Asked`, and `Timer*`, `Mute*`, `Speech*`, ask for work outside: the
  runner does it and tells the outcome as news. Doing it twice is harmless, by the ids they carry.
- Ids are counted, never drawn; there is no clock: the same news gives the same events for ever.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine.flow_agent.form import Form
from halodesk.engine.flow_agent.inputs import CallMeta, Failure, ToolCall, Usage

SpeechKind = Literal["greeting", "reply", "filler", "fallback", "idle", "goodbye"]
TimerName = Literal["quiet", "resume", "terminal", "cap", "human", "idle"]
Refusal = Literal[
    "unknown_function",
    "malformed_arguments",
    "invalid_arguments",
    "transition_locked",
    "result_missing",
    "one_transition",
    "repeated_call",
    "node_unavailable",
    "not_accepted",
    "handler_failed",
    "too_many_calls",
]
EndReason = Literal["end_call", "terminal_net", "hung_up", "no_human", "caller_silent", "human_ended"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of all facts."""


class Began(Event, frozen=True, tag="began"):
    agent: str
    call: CallMeta
    context: dict[str, Any]
    """Call context over the defaults of the agent's context variables."""
    colleague: bool
    models: int


class EntryBegan(Event, frozen=True, tag="entry_began"):
    """A node is being entered; the old one stays in force until `NodeEntered`."""

    epoch: int
    node: str
    function: str = ""
    again: bool = False
    """After a human handed back: what its pre-actions brought is kept; only those that say so run again."""
    moved: bool = False
    """The same, because what the node's form is of has gone on."""


class ActionAsked(Event, frozen=True, tag="action_asked"):
    """A pre-action to run now, beside the others."""

    epoch: int
    call: str
    tool: str
    arguments: dict[str, Any]
    timeout_s: float


class ActionSettled(Event, frozen=True, tag="action_settled"):
    epoch: int
    call: str
    tool: str
    result: dict[str, Any]
    """`{"ok": true, "value": …}` or `{"ok": false, "error": …}`."""
    form: Form | None = None


class NodeEntered(Event, frozen=True, tag="node_entered"):
    """Prompt and tools are swapped, in one step.

    `function` and `call`: what led here. `digest`: SHA-256 of prompt and tools, to tell a changed one.
    """

    epoch: int
    node: str
    terminal: bool
    role: str
    tools: tuple[str, ...]
    digest: str
    function: str = ""
    call: str = ""


class EntryFailed(Event, frozen=True, tag="entry_failed"):
    """The node could not be built: the conversation stays where it was."""

    epoch: int
    node: str
    problem: str
    call: str = ""


class Locked(Event, frozen=True, tag="locked"):
    """No transition until the caller has spoken."""


class Unlocked(Event, frozen=True, tag="unlocked"):
    by: Literal["speech", "dtmf", "text"]


class CallerSaid(Event, frozen=True, tag="caller_said"):
    turn: int
    text: str
    kind: Literal["speech", "dtmf", "text"]


class CallerVoice(Event, frozen=True, tag="caller_voice"):
    """The caller began or stopped to make a sound that counts."""

    on: bool
    barge_in: bool = False
    """It took the word from the agent."""


class Ignored(Event, frozen=True, tag="ignored"):
    """Something that was heard and does not count."""

    why: Literal["muted", "noise", "echo", "late", "partial"]


class ModelAsked(Event, frozen=True, tag="model_asked"):
    """Ask the model of this place in the chain, with `prompt.request_for(…)` of the state."""

    request: int
    node: str
    round: int
    attempt: int
    model: int
    first_token_s: float
    note: str = ""
    """An instruction for this one completion."""


class ModelCancelled(Event, frozen=True, tag="model_cancelled"):
    request: int
    why: Literal["barge_in", "more_words", "taken_over", "ended", "stopped", "moved"]


class ModelAnswered(Event, frozen=True, tag="model_answered"):
    request: int
    usage: Usage
    model: str
    calls: tuple[ToolCall, ...]
    """With ids of ours: a model's own may come twice."""
    first_ms: int


class ModelLost(Event, frozen=True, tag="model_lost"):
    """A try that came to nothing; what follows is the next event."""

    request: int
    failure: Failure
    detail: str


class CallRefused(Event, frozen=True, tag="call_refused"):
    """A function call of the model that was not carried out, and what it is told."""

    call: str
    name: str
    arguments: str
    code: Refusal
    message: str
    form: Form | None = None
    """Of a handler: the page as it is now."""


class TransitionAccepted(Event, frozen=True, tag="transition_accepted"):
    """Will be done when the tools of the same completion are through; nothing cancels it."""

    call: str
    function: str
    target: str
    arguments: dict[str, Any]


class EndAccepted(Event, frozen=True, tag="end_accepted"):
    call: str
    goodbye: str = ""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where a function leads whose handler was asked: `target`, or what the handler names of `to`."""

    function: str
    target: str = ""
    to: tuple[str, ...] = ()


class ToolAsked(Event, frozen=True, tag="tool_asked"):
    """A webhook tool to run now. `key` is its idempotency key.

    `function`: the tool is the handler of this function; with `route` it says where to go.
    """

    call: str
    tool: str
    name: str
    arguments: dict[str, Any]
    key: str
    timeout_s: float
    function: str = ""
    route: Route | None = None


class ToolSettled(Event, frozen=True, tag="tool_settled"):
    call: str
    name: str
    result: dict[str, Any]
    form: Form | None = None


class SpeechQueued(Event, frozen=True, tag="speech_queued"):
    """Say this after what is queued already."""

    speech: int
    text: str
    kind: SpeechKind
    interruptible: bool
    request: int = 0
    """The completion it is of."""


class SpeechCut(Event, frozen=True, tag="speech_cut"):
    """Be silent at once and forget what is queued; what was heard of each comes as news."""

    speeches: tuple[int, ...]
    why: Literal["barge_in", "taken_over", "ended"]


class SpeechPlayed(Event, frozen=True, tag="speech_played"):
    """What the caller has heard of a speech; the transcript says no more than that."""

    speech: int
    played: str
    whole: bool


class Protected(Event, frozen=True, tag="protected"):
    """What is queued leads to another node and is not interrupted."""

    speeches: tuple[int, ...]


class MuteChanged(Event, frozen=True, tag="mute_changed"):
    """Whether the caller's voice counts. Keys always do."""

    on: bool


class TimerSet(Event, frozen=True, tag="timer_set"):
    timer: int
    name: TimerName
    seconds: float
    key: str
    """What it stands for; another key starts it anew."""


class TimerCleared(Event, frozen=True, tag="timer_cleared"):
    timer: int


class Nudged(Event, frozen=True, tag="nudged"):
    """The model said nothing and is asked once more."""


class BadRound(Event, frozen=True, tag="bad_round"):
    """A completion of which a call was refused; `times` since the caller spoke."""

    times: int


class WellDone(Event, frozen=True, tag="well_done"):
    """A completion that led on: earlier trouble is forgotten."""


class Troubled(Event, frozen=True, tag="troubled"):
    """The agent had to fall back on a fixed line; `times` in a row."""

    why: Literal["empty", "bad_calls", "rounds", "stream", "entry"]
    times: int


class HumanWanted(Event, frozen=True, tag="human_wanted"):
    """`page`: what is to be done is a human's; when that is done the agent can go on."""

    why: str
    page: bool = False


class HumanTook(Event, frozen=True, tag="human_took"):
    by: str


class HumanSpoke(Event, frozen=True, tag="human_spoke"):
    text: str


class HumanGave(Event, frozen=True, tag="human_gave"):
    by: str
    note: str
    variables: dict[str, Any]


class WhisperHeard(Event, frozen=True, tag="whisper_heard"):
    by: str
    text: str


class PageMoved(Event, frozen=True, tag="page_moved"):
    """What the node's form is of has gone on; the conversation looks again as soon as it can."""

    by: str = ""


class SummaryAsked(Event, frozen=True, tag="summary_asked"):
    """Summarise the first `upto` messages, in the background."""

    request: int
    upto: int


class Summarised(Event, frozen=True, tag="summarised"):
    """From here on the model sees the summary in place of those messages. Empty: it failed."""

    request: int
    upto: int
    text: str


class SummaryKept(Event, frozen=True, tag="summary_kept"):
    """A summary is ready and waits for the turn to end."""

    request: int
    upto: int
    text: str
    usage: Usage


class SpeechPaid(Event, frozen=True, tag="speech_paid"):
    """Speech of a provider costs, too, and counts for the cap."""

    cost: float


class Ending(Event, frozen=True, tag="ending"):
    """No way back: what is queued is played, then the call is hung up."""

    reason: EndReason


class HangUpAsked(Event, frozen=True, tag="hang_up_asked"):
    pass


class Ended(Event, frozen=True, tag="ended"):
    reason: EndReason
    by: Literal["caller", "agent", "human", "network"]


AnyEvent = (
    Began
    | EntryBegan
    | ActionAsked
    | ActionSettled
    | NodeEntered
    | EntryFailed
    | Locked
    | Unlocked
    | CallerSaid
    | CallerVoice
    | Ignored
    | ModelAsked
    | ModelCancelled
    | ModelAnswered
    | ModelLost
    | CallRefused
    | TransitionAccepted
    | EndAccepted
    | ToolAsked
    | ToolSettled
    | SpeechQueued
    | SpeechCut
    | SpeechPlayed
    | Protected
    | MuteChanged
    | TimerSet
    | TimerCleared
    | Nudged
    | BadRound
    | WellDone
    | Troubled
    | HumanWanted
    | HumanTook
    | HumanSpoke
    | HumanGave
    | WhisperHeard
    | PageMoved
    | SummaryAsked
    | Summarised
    | SummaryKept
    | SpeechPaid
    | Ending
    | HangUpAsked
    | Ended
)
