"""What the window reads of the desk: its values, and who is told when one has changed.

Main thread only. The desk sets the values; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from halodesk.engine.page import Page
from halodesk.protocol import phone_link as link
from halodesk.runtime.ports import DeskNotice, StorageState, SyncState, Topic, Unsubscribe
from halodesk.runtime.session import LiveSession

_WORST_FIRST: Sequence[link.RegistrationState] = ("failed", "registering", "registered", "unregistered")


class DeskFace:
    """Base of `Desk`."""

    def __init__(self, agent: str, account: str) -> None:
        self._agent, self._account = agent, account
        self._attended = True
        self._listeners: list[Callable[[Topic], None]] = []
        self._registrations: dict[str, link.Registration] = {}
        self._phone_problem: DeskNotice | None = None
        self._call: link.CallInfo | None = None
        self._others: dict[str, link.CallInfo] = {}
        self._session: LiveSession | None = None
        self._storage = StorageState()
        self._sync: SyncState | None = None
        self._notices: tuple[DeskNotice, ...] = ()

    @property
    def agent(self) -> str:
        """Name of the agent at this seat."""
        return self._agent

    @property
    def account(self) -> str:
        """SIP address of the seat."""
        return self._account

    @property
    def registration(self) -> link.Registration | None:
        """State at the registrar: of the line that is worst off, where there are several."""
        found = self._registrations.values()
        return min(found, key=lambda line: _WORST_FIRST.index(line.state), default=None)

    @property
    def registrations(self) -> Sequence[link.Registration]:
        """State of every line."""
        return tuple(self._registrations.values())

    @property
    def phone_problem(self) -> DeskNotice | None:
        """Set while the phone process is away."""
        return self._phone_problem

    @property
    def call(self) -> link.CallInfo | None:
        """The call in hand."""
        return self._call

    @property
    def legs(self) -> tuple[link.CallInfo, ...]:
        """All calls that are up, the one in hand first."""
        mine = (self._call,) if self._call is not None and self._call.state != "ended" else ()
        return (*mine, *self._others.values())

    @property
    def waiting(self) -> link.CallInfo | None:
        """A second call that rings."""
        return next((leg for leg in self._others.values() if leg.state == "incoming"), None)

    @property
    def hand(self) -> link.CallInfo | None:
        """The leg the agent speaks with, or calls; else the call in hand."""
        call = self._call
        if call is not None and (call.hold == "off" or call.state != "active") and not self._others_speak():
            return call
        beside = [leg for leg in self._others.values() if leg.state != "incoming" and leg.hold != "on"]
        return beside[0] if beside else call

    def _others_speak(self) -> bool:
        call = self._call
        if call is None or call.conference:
            return False
        return any(leg.state == "active" and leg.hold == "off" for leg in self._others.values())

    @property
    def session(self) -> LiveSession | None:
        """The live session itself, for the composition root and tests."""
        return self._session

    @property
    def session_id(self) -> str:
        """Id of the live session, or empty."""
        return self._session.id if self._session else ""

    @property
    def page(self) -> Page | None:
        """The page of the live session."""
        return self._session.page if self._session else None

    @property
    def flow_name(self) -> str:
        """Name and version of the running flow."""
        return f"{self._session.flow.name} · v{self._session.flow.version}" if self._session else ""

    @property
    def drafts(self) -> Mapping[str, Any]:
        """Half-typed input of the current step, by field."""
        if self._session is None:
            return {}
        here = self._session.state.step
        return {field: raw for (step, field), raw in self._session.drafts.items() if step == here}

    @property
    def storage(self) -> StorageState:
        """Whether everything is on disk."""
        return self._storage

    @property
    def sync(self) -> SyncState | None:
        """How it stands with the server; None at a seat that has none."""
        return self._sync

    @property
    def notices(self) -> tuple[DeskNotice, ...]:
        """Newest last."""
        return self._notices

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe:
        """Be told of changes, on the main thread."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self, topic: Topic) -> None:
        for listener in tuple(self._listeners):
            listener(topic)

    def notice(self, notice: DeskNotice) -> None:
        """Show a sentence that belongs to no field."""
        self._notices = (*(old for old in self._notices if old != notice), notice)[-5:]
        self._tell("notice")

    def dismiss(self, notice: DeskNotice) -> None:
        """The agent has read it."""
        self._notices = tuple(old for old in self._notices if old != notice)
        self._tell("notice")

    def attend(self, *, present: bool) -> None:
        """Whether somebody is signed in; without, no call is answered, by whatever way."""
        self._attended = present

    def storage_changed(self, state: StorageState) -> None:
        """The writer's word; posted by the composition root."""
        if state != self._storage:
            self._storage = state
            self._tell("storage")

    def sync_changed(self, state: SyncState) -> None:
        """The word of the task that speaks to the server; posted by the composition root."""
        if state != self._sync:
            self._sync = state
            self._tell("sync")
