"""What the window, and whoever else stands beside it, needs of the agent's day. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from halodesk.engine.commands import Refused
from halodesk.runtime.agent_records import Callback, CallRecord
from halodesk.runtime.agent_state import Choice, Debt, Shown
from halodesk.runtime.directory import Contact
from halodesk.runtime.ports import Unsubscribe

Lamp = Literal["unknown", "idle", "ringing", "talking"]
DayTopic = Literal["state", "queues", "history", "callbacks", "contacts", "lamps", "mailbox"]


class QueueWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a PBX should know of this agent."""

    member: bool
    paused: bool
    reason: str = ""


class QueueMember(msgspec.Struct, frozen=True, kw_only=True):
    """What the PBX says of this agent in one queue."""

    queue: str
    member: bool
    paused: bool = False
    reason: str = ""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the queues.

    `members`: the PBX's own word, read back; empty where it cannot be asked. `problem`: why what was
    wanted is not so.
    """

    members: tuple[QueueMember, ...] = ()
    problem: str = ""
    todo: str = ""
    told: bool = False
    """A PBX that gives no answers was told, and nothing more is known."""


class QueueControl(Protocol):
    """Tells a PBX. May be called from the main thread."""

    def want(self, wish: QueueWish) -> None:
        """From now on this; what came of it is told as a `QueueView`."""
        ...


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of a voicemail box (RFC 3842)."""

    waiting: bool = False
    new: int = 0
    old: int = 0


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's state as it is shown."""

    shown: Shown = "ready"
    reason: str = ""
    choice: Choice = "ready"
    choice_reason: str = ""
    since: float = 0.0
    reasons: tuple[str, ...] = ()
    wrap_up: bool = False
    until: float | None = None
    """When the time of the wrap-up is over."""
    more_s: int = 0
    debts: tuple[Debt, ...] = ()
    outcomes: tuple[str, ...] = ()
    session_open: bool = False
    queues: QueueView | None = None
    """None: this seat works in no queue, or nothing is known yet."""


class AgentPort(Protocol):
    """The agent's state."""

    @property
    def view(self) -> AgentView: ...

    def now(self) -> float:
        """Unix seconds."""
        ...

    def subscribe(self, listener: Callable[[DayTopic], None]) -> Unsubscribe: ...

    def choose(self, choice: Choice, reason: str = "") -> Refused | None:
        """Offline, ready, or not ready for a reason."""
        ...

    def toggle(self) -> Refused | None:
        """Ready, or not ready for the first of the reasons."""
        ...

    def more_time(self) -> Refused | None:
        """A longer wrap-up."""
        ...

    def give_outcome(self, outcome: str) -> Refused | None:
        """How the call ended that has waited longest."""
        ...


class DayPort(Protocol):
    """People, calls and callbacks."""

    @property
    def calls(self) -> Sequence[CallRecord]:
        """Newest first."""
        ...

    @property
    def missed(self) -> int:
        """Missed calls nobody has looked at."""
        ...

    @property
    def last_number(self) -> str:
        """The number that was dialled last; empty if none was."""
        ...

    @property
    def callbacks(self) -> Sequence[Callback]:
        """Open ones, the first that is due first."""
        ...

    @property
    def contacts_problem(self) -> str:
        """Why contacts are missing, in words."""
        ...

    @property
    def lamps(self) -> Mapping[str, Lamp]:
        """By number, of those that are watched."""
        ...

    @property
    def mailbox(self) -> Mailbox | None:
        """None: there is none, or it has not answered."""
        ...

    @property
    def voicemail_number(self) -> str: ...

    def now(self) -> float: ...

    def subscribe(self, listener: Callable[[DayTopic], None]) -> Unsubscribe: ...

    def find_contacts(self, words: str) -> Sequence[Contact]: ...

    def find_calls(self, words: str) -> Sequence[CallRecord]: ...

    def see_calls(self) -> None:
        """The list of calls has been looked at."""
        ...

    def name_of(self, number: str) -> str:
        """The contact's name, or empty."""
        ...

    def watch(self, numbers: Sequence[str]) -> None:
        """Whose lamps are in sight."""
        ...

    def set_favourite(self, number: str, name: str, *, wanted: bool) -> None: ...

    def plan_callback(
        self, *, number: str, due: float, name: str = "", note: str = "", session: str = ""
    ) -> Refused | None: ...

    def move_callback(self, key: str, due: float) -> None: ...

    def close_callback(self, key: str, *, done: bool) -> None:
        """Called, or not wanted any more."""
        ...
