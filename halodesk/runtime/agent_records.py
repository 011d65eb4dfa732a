"""What a seat keeps of its agent's day, beside the sessions: values, and the port to their store.

Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Literal, Protocol

import msgspec

from halodesk.runtime.agent_state import AgentState

MOST_CALLS = 2_000
"""Calls of the history that are kept at hand; older ones stay in the store."""


class AgentFact(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on the agent was in this state; `body` is all of it."""

    at: float
    agent: str
    state: str
    reason: str = ""
    call: str = ""
    session: str = ""
    body: AgentState


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call of this seat. `session`: the session it led to; `outcome`: where no flow gave one."""

    key: str
    direction: Literal["in", "out"]
    number: str
    name: str = ""
    begun_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    reason: str = ""
    session: str = ""
    outcome: str = ""
    missed: bool = False
    seen: bool = True
    """A missed call is not, until somebody has looked at it."""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is to be called at a time."""

    id: str
    due: float
    number: str
    name: str = ""
    note: str = ""
    session: str = ""
    made_at: float
    state: Literal["open", "done", "cancelled"] = "open"
    closed_at: float | None = None


class Favourite(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of the agent's own."""

    number: str
    name: str


class AgentStore(Protocol):
    """Where they are kept. Reading answers at once; writing is done when it is on disk."""

    def last_state(self) -> AgentFact | None:
        """The last fact."""
        ...

    def keep_state(self, fact: AgentFact) -> Future[Any]: ...

    def calls(self, limit: int = MOST_CALLS) -> Sequence[CallRecord]:
        """Newest first."""
        ...

    def keep_call(self, record: CallRecord) -> Future[Any]:
        """New, or as it is now; an outcome that is there already stays."""
        ...

    def see_calls(self) -> Future[Any]:
        """No missed call is news any more."""
        ...

    def callbacks(self) -> Sequence[Callback]:
        """Those that are open, the first that is due first."""
        ...

    def keep_callback(self, callback: Callback) -> Future[Any]: ...

    def favourites(self) -> Sequence[Favourite]: ...

    def keep_favourite(self, favourite: Favourite) -> Future[Any]: ...

    def drop_favourite(self, number: str) -> Future[Any]: ...
