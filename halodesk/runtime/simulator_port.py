"""What the window sees of the chat simulator of flow agents: one view, replaced as a whole.

Rules:
- Main thread only. Everything in a view is a value: nothing changes behind the window's back.
- Whatever cannot be done is said in the view (`problem`, `todo`); nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from halodesk.engine.flow_agent.events import AnyEvent, EndReason
from halodesk.engine.flow_agent.lints import Finding
from halodesk.engine.flow_agent.picture import Picture
from halodesk.engine.flow_agent.prompt import ToolSpec
from halodesk.engine.flow_agent.state import Phase
from halodesk.runtime.ports import Unsubscribe

KEYS = "0123456789*#ABCD"
"""What a telephone can send (RFC 4733, section 3.2)."""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was said. `keys`: the caller pressed them."""

    who: Literal["agent", "caller"]
    text: str
    node: str = ""
    keys: bool = False


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `at` is in seconds since the conversation began."""

    at: float
    event: AnyEvent


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as far as it is."""

    running: bool = True
    waits: bool = False
    """The caller has the word."""
    phase: Phase = "idle"
    node: str = ""
    visits: tuple[str, ...] = ()
    spoken: tuple[Spoken, ...] = ()
    happened: tuple[Happened, ...] = ()
    prompt: str = ""
    """The system prompt in force."""
    tools: tuple[ToolSpec, ...] = ()
    """Functions the model may call now."""
    collected: dict[str, Any] = {}
    tokens: int = 0
    cost: float = 0.0
    reason: EndReason | None = None


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How many of all were reached, and which were not."""

    reached: int
    all: int
    missed: tuple[str, ...]


class BatchRun(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's conversation; `problems` are why it did not pass, in words."""

    caller: str
    ok: bool
    problems: tuple[str, ...] = ()
    reason: EndReason | None = None
    visits: tuple[str, ...] = ()
    turns: int = 0
    tokens: int = 0
    cost: float = 0.0


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Many callers at once. `whole`: all have talked, `nodes` and `transitions` are known then."""

    folder: str
    running: bool = False
    of: int = 0
    runs: tuple[BatchRun, ...] = ()
    whole: bool = False
    nodes: Share | None = None
    transitions: Share | None = None
    kept: int = 0
    kept_in: str = ""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A transition of the flow."""

    node: str
    function: str
    target: str


class SimulatorView(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    allowed: bool = True
    """Whoever works here may see flow agents."""
    agents: tuple[str, ...] = ()
    """Names in the library of this seat."""
    agent: str = ""
    """Name of the document that is open; empty: none."""
    file: str = ""
    """Where it is from, if not from the library."""
    picture: Picture = Picture(boxes=(), arrows=(), width=0, height=0)
    ways: tuple[Way, ...] = ()
    tool_names: dict[str, str] = {}
    """Names of tools by the ids that events have."""
    findings: tuple[Finding, ...] = ()
    models: tuple[str, ...] = ()
    """Models of the settings, in their order."""
    caller: str = ""
    """Name of the caller's file that is open."""
    scripted: bool = False
    """The caller's file plays the model, too."""
    next_line: str = ""
    """What the caller's file says next; empty: nothing more."""
    persona: bool = False
    """A model plays the caller of the file."""
    caller_thinks: bool = False
    """That model is asked what the caller says."""
    alone: bool = False
    """The caller of the file answers by itself."""
    talk: Talk | None = None
    batch: Batch | None = None
    problem: str = ""
    todo: str = ""


class SimulatorPort(Protocol):
    """Talks to flow agents in writing."""

    @property
    def view(self) -> SimulatorView:
        """What there is now."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Told after each change of the view."""
        ...

    def refresh(self) -> None:
        """Look again which agents there are, and who works here."""
        ...

    def choose(self, agent: str) -> None:
        """Open an agent of the library; a conversation under way ends."""
        ...

    def open_document(self, path: Path) -> None:
        """Open a document's file."""
        ...

    def open_caller(self, path: Path) -> None:
        """Take a caller's file: parameters, lines to say, answers of tools and perhaps of the model."""
        ...

    def no_caller(self) -> None:
        """Without a caller's file again."""
        ...

    def start(self) -> None:
        """Begin a conversation, from the start; one under way ends."""
        ...

    def say(self, text: str) -> None:
        """The caller's words."""
        ...

    def press(self, keys: str) -> None:
        """The caller presses keys."""
        ...

    def say_next(self) -> None:
        """The next line of the caller's file, or what its persona says now."""
        ...

    def leave_alone(self, *, on: bool) -> None:
        """Whether the caller of the file answers by itself from now on."""
        ...

    def run_callers(self, folder: Path) -> None:
        """Let every caller of a folder talk to the agent; a batch that runs ends."""
        ...

    def stop_callers(self) -> None:
        """End the batch."""
        ...

    def keep_callers(self, folder: Path) -> None:
        """Keep what passed as callers' files that need no model."""
        ...

    def hang_up(self) -> None:
        """The caller ends it."""
        ...
