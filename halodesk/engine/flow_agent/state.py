"""Where a conversation stands: the fold of its events.

The phase is derived, never stored: two things can go on at once (a sentence plays while the next is
being made), and a stored word for both would lie about one.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.form import Form
from halodesk.engine.flow_agent.inputs import CallMeta, ToolCall, Usage

Phase = Literal[
    "idle", "entering", "listening", "thinking", "speaking", "terminal_wait", "human", "ending", "ended"
]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Text of one speech; what was heard of it, once that is known."""

    speech: int
    text: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A function call in the transcript. `result` is None while it runs."""

    call: ToolCall
    result: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the transcript; `request` is the completion an agent's message is of."""

    who: Literal["caller", "agent", "human", "note"]
    parts: tuple[Part, ...] = ()
    calls: tuple[Call, ...] = ()
    request: int = 0
    node: str = ""

    @property
    def text(self) -> str:
        """All that was said."""
        return " ".join(part.text for part in self.parts if part.text)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A completion under way."""

    id: int
    round: int
    attempt: int
    said: bool = False


class Entering(msgspec.Struct, frozen=True, kw_only=True):
    """A node that is being built beside the one in force."""

    epoch: int
    node: str
    function: str
    call: str
    again: bool
    pending: tuple[tuple[str, str], ...] = ()
    """Call and tool of each pre-action that runs."""
    results: tuple[tuple[str, dict[str, Any]], ...] = ()
    """Internal id of the tool, and what it brought."""
    form: Form | None = None
    moved: bool = False


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """A speech that is playing or waits."""

    id: int
    text: str
    kind: e.SpeechKind
    interruptible: bool


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: e.TimerName
    key: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation."""

    began: bool = False
    call: CallMeta = CallMeta(id="")
    colleague: bool = False
    models: int = 1
    context: dict[str, Any] = {}
    collected: dict[str, Any] = {}
    # the node in force
    node: str = ""
    epoch: int = 0
    in_force: bool = False
    terminal: bool = False
    role: str = ""
    results: tuple[tuple[str, dict[str, Any]], ...] = ()
    form: Form | None = None
    """What the node works on, as it is now."""
    moved: bool = False
    """It has gone on: to be looked at again before the model is asked."""
    entering: Entering | None = None
    locked: bool = False
    # the transcript
    messages: tuple[Message, ...] = ()
    turn: int = 0
    visits: tuple[str, ...] = ()
    entered_at: int = 0
    """How many messages there were when the node was entered."""
    # the completion and its calls
    request: Request | None = None
    model: int = 0
    open_tools: tuple[str, ...] = ()
    routing: e.ToolAsked | None = None
    """The handler that is being asked where to go."""
    round: int = 0
    accepted: e.TransitionAccepted | None = None
    end_call: e.EndAccepted | None = None
    words_wait: bool = False
    done_calls: tuple[tuple[str, str], ...] = ()
    bad_rounds: int = 0
    trouble: int = 0
    # the sound
    queue: tuple[Queued, ...] = ()
    cut: tuple[Queued, ...] = ()
    rest: str = ""
    """What was not heard of a reply that was cut; said again when it was cut for nothing."""
    voice: bool = False
    voices: int = 0
    barged: bool = False
    muted: bool = False
    spoken: int = 0
    fillers: int = 0
    asked_for: int = 0
    """How often the silent caller was asked for."""
    said_since: bool = False
    """The agent said something of its own since the caller spoke."""
    timers: tuple[Timer, ...] = ()
    cap: str = ""
    # people
    human: str = ""
    human_wanted: bool = False
    human_page: bool = False
    """They are wanted for a step that is theirs."""
    whispers: tuple[str, ...] = ()
    # the budget
    summary: str = ""
    base: int = 0
    """How many messages the summary stands for."""
    summary_request: int = 0
    summary_upto: int = 0
    summary_ready: e.SummaryKept | None = None
    spent: Usage = Usage()
    # the end
    ending: e.EndReason | None = None
    hang_up_asked: bool = False
    ended: bool = False
    counter: int = 0

    @property
    def phase(self) -> Phase:
        """What is going on, in one word."""
        if self.ended:
            return "ended"
        if not self.began:
            return "idle"
        if self.human:
            return "human"
        if self.ending is not None:
            return "ending"
        if self.queue:
            return "speaking"
        if self.entering is not None:
            return "entering"
        if self.busy:
            return "thinking"
        return "terminal_wait" if self.terminal else "listening"

    @property
    def busy(self) -> bool:
        """The model, or a tool it called, is at work."""
        return self.request is not None or bool(self.open_tools)

    @property
    def our_turn(self) -> bool:
        """The caller waits for us."""
        return (self.busy or self.entering is not None or self.human_wanted) and not self.human

    def variables(self) -> dict[str, Any]:
        """Everything a text may name."""
        return {**self.context, **self.collected}
