"""What a conversation is told: the closed set of news from outside.

Rules:
- News is a fact of the world (the caller spoke, an answer came, a timer ran out). What it means
  is decided by `machine.decide` alone, and stands in the log as events (`events`).
- An answer names what it answers (`request`, `call`, `speech`, `timer`): one that nobody waits for
  any more is discarded, so nothing here has to be cancelled in time.
- Text of the caller is cleaned of card numbers before it becomes news (`redact.cleaned`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from halodesk.engine.flow_agent.form import Form

Failure = Literal["timeout", "stalled", "cut", "rate_limited", "away", "refused", "malformed"]
"""`timeout` no first word in time, `stalled` silent in the middle, `cut` the stream broke, `away`
not reached, `refused` the provider said no (a wrong key or model), `malformed` not what a model says."""


class News(msgspec.Struct, frozen=True, kw_only=True, tag_field="news"):
    """Base of all news."""


class CallMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the call. `number` is the other side's, `called` the number that was dialled."""

    id: str
    direction: Literal["in", "out", "chat"] = "chat"
    number: str = ""
    name: str = ""
    called: str = ""


class Started(News, frozen=True, tag="started"):
    """The call is up. `parameters`: the custom parameters of an outbound call (the call context).

    `colleague`: a human watches and can take over; without one a conversation that cannot go on ends.
    """

    call: CallMeta
    parameters: dict[str, Any] = {}
    colleague: bool = False
    models: int = 1
    """How many models the fallback chain has."""


class ActionDone(News, frozen=True, tag="action_done"):
    """A pre-action of the node being entered came back, or ran out of time."""

    epoch: int
    call: str
    ok: bool
    value: Any = None
    error: str = ""
    form: Form | None = None


class VoiceBegan(News, frozen=True, tag="voice_began"):
    """The caller makes a sound that is held for speech (the fast gate); nothing is understood yet."""


class VoiceEnded(News, frozen=True, tag="voice_ended"):
    """The sound is over. Words of it, if any, come as `Heard`, before or after."""


class Heard(News, frozen=True, tag="heard"):
    """What the caller said or pressed. Only `final` text counts; empty final text was noise.

    `echo`: held for our own voice coming back. `confidence` 0 to 1 where the recogniser tells.
    """

    text: str
    final: bool = True
    kind: Literal["speech", "dtmf", "text"] = "speech"
    echo: bool = False
    confidence: float = 1.0


class ModelSaid(News, frozen=True, tag="model_said"):
    """A piece of the model's text that can be spoken: a sentence or the rest of one."""

    request: int
    text: str


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the model, as it wrote it: `arguments` is text that should be a JSON object."""

    id: str
    name: str
    arguments: str


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one completion, and what they cost in units of the price list."""

    prompt: int = 0
    completion: int = 0
    cost: float = 0.0


class ModelDone(News, frozen=True, tag="model_done"):
    """The completion is whole. All of its text came before as `ModelSaid`."""

    request: int
    calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""
    first_ms: int = 0


class ModelFailed(News, frozen=True, tag="model_failed"):
    request: int
    failure: Failure
    detail: str = ""


class ToolDone(News, frozen=True, tag="tool_done"):
    """A webhook tool that the model called came back. `error` says in words why not.

    Of a function's handler `value` says where it leads (`completion`). `form`: the page as it is now.
    """

    call: str
    ok: bool
    value: Any = None
    error: str = ""
    form: Form | None = None


class SpeechBegan(News, frozen=True, tag="speech_began"):
    """The first sound of this speech is out."""

    speech: int


class SpeechOver(News, frozen=True, tag="speech_over"):
    """A speech is played to its end, or was cut. `played`: the part of its text that was heard."""

    speech: int
    played: str
    whole: bool = True


class TimerFired(News, frozen=True, tag="timer_fired"):
    timer: int


class SummaryDone(News, frozen=True, tag="summary_done"):
    """The summary of the conversation up to a turn; empty where none could be made."""

    request: int
    text: str
    usage: Usage = Usage()


class SpeechCharged(News, frozen=True, tag="speech_charged"):
    """What a provider of speech charges for some of it, in units of the price list."""

    cost: float


class TakenOver(News, frozen=True, tag="taken_over"):
    """A human speaks with the caller from now on."""

    by: str


class HumanSaid(News, frozen=True, tag="human_said"):
    """What the human said to the caller while the agent listens."""

    text: str


class HandedBack(News, frozen=True, tag="handed_back"):
    by: str
    note: str = ""
    variables: dict[str, Any] = {}
    """What the human found out, by name; the agent knows it from now on."""


class Whispered(News, frozen=True, tag="whispered"):
    """A word from the supervisor for the model's ears."""

    by: str
    text: str


class Moved(News, frozen=True, tag="moved"):
    """What the node's form is of has gone on without the model: by a human, or by itself.

    The conversation looks again where it is. Nothing is asked of the model about what was there before.
    """

    by: str = ""


class HungUp(News, frozen=True, tag="hung_up"):
    by: Literal["caller", "agent", "human", "network"]


AnyNews = (
    Started
    | ActionDone
    | VoiceBegan
    | VoiceEnded
    | Heard
    | ModelSaid
    | ModelDone
    | ModelFailed
    | ToolDone
    | SpeechBegan
    | SpeechOver
    | TimerFired
    | SummaryDone
    | SpeechCharged
    | TakenOver
    | HumanSaid
    | HandedBack
    | Whispered
    | Moved
    | HungUp
)
