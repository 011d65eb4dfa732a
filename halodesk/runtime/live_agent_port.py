"""What the window sees of a flow agent on the call in hand: one view, replaced as a whole.

Rules:
- Main thread only. Everything in a view is a value: nothing changes behind the window's back.
- Whatever cannot be done is said in the view (`problem`, `todo`); nothing is raised.
- A wish that comes too late (the conversation is over, the proposal is gone) does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec

from halodesk.engine.commands import Refused
from halodesk.engine.flow_agent.events import EndReason
from halodesk.engine.flow_agent.state import Phase
from halodesk.runtime.ports import Unsubscribe

Mode = Literal["", "agent", "human", "copilot"]
"""Who speaks with the caller: nobody watched by us, the flow agent, a human who took over from it, a
human whom it only advises."""


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was said, or whispered to the flow agent. `keys`: the caller pressed them.

    `confidence`: of the recogniser, 0 to 1, where it tells.
    """

    who: Literal["agent", "caller", "human", "whisper"]
    text: str
    node: str = ""
    keys: bool = False
    confidence: float | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the flow agent wants to do, or has just been refused (`refused`: why)."""

    kind: Literal["transition", "tool", "end_call", "human"]
    name: str
    arguments: dict[str, Any] = {}
    refused: str = ""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What the co-pilot would do next; nothing happens until a human accepts it.

    `field`: fills this field of the page with `value`. `transition`: goes on this way with `values`.
    `title`: in the words of the page.
    """

    id: int
    kind: Literal["field", "transition", "say"]
    title: str
    name: str = ""
    value: Any = None
    values: dict[str, Any] = {}
    shown: str = ""
    """Value, or values, as the page would say them."""
    because: str = ""
    """The caller's words it is taken from."""
    source: str = "words"
    """Name of the model; `words` where the caller's words alone said it."""


class CopilotView(msgspec.Struct, frozen=True, kw_only=True):
    """How the co-pilot stands with the call in hand."""

    possible: bool = False
    """There is a call with a page that it could listen to."""
    on: bool = False
    listening: Literal["", "here", "away"] = ""
    """A recogniser hears the call: on this computer, or a provider's, where the sound leaves the house."""
    paused: str = ""
    """Why it hears nothing just now: the recording is masked, the call is held."""
    thinks: bool = False
    """A model is asked."""
    remark: str = ""
    """One quiet line: what is not as it should be. The call is not touched by it."""


class LiveView(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    agents: tuple[str, ...] = ()
    """Flow agents that may be put on a call here."""
    mode: Mode = ""
    agent: str = ""
    call: str = ""
    """Key of the call."""
    phase: Phase = "idle"
    node: str = ""
    visits: tuple[str, ...] = ()
    said: tuple[Utterance, ...] = ()
    wish: Wish | None = None
    asks_for_human: str = ""
    """Why the flow agent wants a colleague to take over; empty: it does not."""
    collected: dict[str, Any] = {}
    proposals: tuple[Proposal, ...] = ()
    copilot: CopilotView = CopilotView()
    tokens: int = 0
    cost: float = 0.0
    reason: EndReason | None = None
    """Why the conversation ended."""
    problem: str = ""
    todo: str = ""


class LivePort(Protocol):
    """Flow agents on live calls, and the human beside them."""

    @property
    def view(self) -> LiveView:
        """What there is now, of the call in hand."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Told after each change of the view."""
        ...

    def begin(self, agent: str) -> None:
        """Let this flow agent speak on the call in hand."""
        ...

    def assist(self, agent: str) -> None:
        """Let this flow agent listen and propose, while the human speaks; empty: along the halo flow."""
        ...

    def whisper(self, text: str) -> None:
        """A word to the flow agent; the caller does not hear it."""
        ...

    def take_over(self) -> None:
        """Silence it at once; the microphone speaks."""
        ...

    def hand_back(self, note: str = "") -> None:
        """It speaks again, where it was, with what was said meanwhile."""
        ...

    def dismiss(self) -> None:
        """Send it off the call; the human goes on."""
        ...

    def accept(self, proposal: int) -> Refused | None:
        """Do what is proposed; the page's own "no" where it says so."""
        ...

    def turn_down(self, proposal: int) -> None:
        """Do not show it again."""
        ...

    def typed(self, field: str) -> None:
        """The human types into this field: nothing is proposed for it on this page any more."""
        ...
