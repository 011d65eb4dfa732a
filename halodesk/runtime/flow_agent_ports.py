"""The seams of a flow agent: model, speech in, speech out, the call itself, tools, a human, a clock.

Rules:
- Plain values cross: text, bytes, frozen structs. Coroutines run on one asyncio loop; no method
  blocks it (CPU work such as recognition goes to a thread of the adapter's own).
- Sound is 16 kHz, 16 bit signed little-endian, mono, in frames of any length.
- What fails while streaming raises `ChatError`; tools and speech answer with words and never raise.
- A `Duplex` is one conversation's ears and mouth: sound on a call, text in the simulator. The
  runner (`runtime.flow_agent.runner`) knows no other way to the caller.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from halodesk.engine.errors import HaloDeskError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.form import Form
from halodesk.engine.flow_agent.prompt import ChatMessage as ChatMessage
from halodesk.engine.flow_agent.prompt import ToolSpec as ToolSpec

SAMPLE_RATE = 16_000
FIRST_TOKEN_S = 2.5


# --- the model ----------------------------------------------------------------------------------


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One completion to stream. `first_token_s`: `ChatError("timeout")` when no piece came by then."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    temperature: float | None = None
    max_tokens: int = 600
    first_token_s: float = FIRST_TOKEN_S
    stall_s: float = 4.0
    """Longest silence between two pieces before the stream counts as stalled."""


class TextPiece(msgspec.Struct, frozen=True, kw_only=True):
    """Some more of the text."""

    text: str


class CallPiece(msgspec.Struct, frozen=True, kw_only=True):
    """Some more of a function call: `id` and `name` come once, `arguments` in pieces."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class EndPiece(msgspec.Struct, frozen=True, kw_only=True):
    """The completion is whole; a stream without it was cut."""

    finish: str = "stop"
    usage: i.Usage = i.Usage()


Piece = TextPiece | CallPiece | EndPiece


class ChatError(HaloDeskError):
    """A model did not answer as asked. `failure` tells how (`engine.flow_agent.inputs.Failure`)."""

    def __init__(self, failure: i.Failure, message: str, todo: str = "") -> None:
        super().__init__(message, todo)
        self.failure = failure


class ChatLLM(Protocol):
    """One model of one provider."""

    @property
    def name(self) -> str:
        """What logs and cost counts call it: `provider/model`."""
        ...

    def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """The completion, piece by piece, ending in an `EndPiece`. Raises `ChatError`.

        Closing the iterator ends the request.
        """
        ...

    async def close(self) -> None:
        """Let go of its connections."""
        ...


# --- speech in and out --------------------------------------------------------------------------


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller may say at this node: a recogniser may build its grammar from it."""

    node: str = ""
    phrases: tuple[str, ...] = ()
    """Enum values and escape phrases, in words."""
    numbers: bool = False
    free: bool = True
    """Something that no list holds is asked for too (a name, a reason)."""


class STT(Protocol):
    """Speech to text of one conversation."""

    def feed(self, pcm: bytes) -> None:
        """Some more sound of the caller. Never blocks."""
        ...

    async def final(self) -> i.Heard | None:
        """Give what was said up to now as final at once: the caller is known to have ended."""
        ...

    def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        """What is heard, as it is; ends with `close`."""
        ...

    def expect(self, expected: Expected) -> None:
        """What is likely to be said from now on."""
        ...

    async def close(self) -> None: ...


class TTS(Protocol):
    """Text to speech."""

    def stream(self, text: str) -> AsyncIterator[bytes]:
        """Sound of the text, the first of it as soon as there is some. Closing it stops the work."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Priced(Protocol):
    """An ear or a mouth that costs."""

    cost: float
    """So far, in units of the price list."""


class Duplex(Protocol):
    """The caller's side of one conversation."""

    async def say(self, speech: e.SpeechQueued) -> None:
        """Queue it; returns at once. `SpeechBegan` and `SpeechOver` come as news, for each in turn."""
        ...

    async def cut(self, speeches: Sequence[int]) -> None:
        """Silence at once; each of these that is not over yet is reported with what was heard of it."""
        ...

    async def mute(self, on: bool) -> None:
        """Drop the caller's voice before it is recognised (echo of protected speech); never keys."""
        ...

    def expect(self, expected: Expected) -> None:
        """As `STT.expect`."""
        ...

    def news(self) -> AsyncIterator[i.AnyNews]:
        """`VoiceBegan`, `VoiceEnded`, `Heard`, `SpeechBegan`, `SpeechOver`, `HungUp`, as they happen."""
        ...

    async def hang_up(self) -> None: ...

    async def close(self) -> None: ...


# --- tools --------------------------------------------------------------------------------------


class ToolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook tool to call. `key` is the same on every try of the same call."""

    tool: str
    """Its id in the document."""
    name: str
    url: str
    method: str
    arguments: dict[str, Any]
    key: str
    timeout_s: float
    idempotent: bool = False
    """Declared so by its author: may be tried again, as GET may."""
    headers: dict[str, str] = {}
    function: str = ""
    """The function whose handler the tool is."""


class ToolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: a value, or words that say why not. `form`: only from a program of this seat."""

    ok: bool
    value: Any = None
    error: str = ""
    form: Form | None = None


class ToolCaller(Protocol):
    """Calls tools: the web, or a mock of it in simulation. Never raises for what a network does."""

    async def call(self, request: ToolRequest) -> ToolAnswer: ...


# --- time ---------------------------------------------------------------------------------------


class Alarm(Protocol):
    """A timer that was set."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time as the runner sees it; seconds that only go on."""

    def now(self) -> float: ...

    def later(self, seconds: float, ring: Callable[[], None]) -> Alarm: ...


# --- who watches --------------------------------------------------------------------------------


class Watcher(Protocol):
    """Sees everything as it happens: the simulator, the Desk, the log."""

    def happened(self, line: Any) -> None:
        """One line of the log (`engine.flow_agent.log.Line`)."""
        ...
