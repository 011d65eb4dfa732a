"""One live session on the main thread: command in, facts out, durable before acted on.

The way of one command: `decide` -> stamp -> hand to the writer -> fold -> tell listeners.
What must not happen before the facts are on disk (effects, the mask) waits for the
writer's future; painting does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.core import decide
from halodesk.engine.evolve import evolve, fold
from halodesk.engine.flow import Flow
from halodesk.engine.page import Page, page
from halodesk.engine.rules import wants_time
from halodesk.engine.session import Session
from halodesk.protocol.envelope import StoredEvent
from halodesk.runtime.log import SessionLog

_CHATTER = (e.NoteAdded, e.Incident, e.FlowAgentTalk)
"""Facts that may wait 200 ms for company on their way to disk."""


class EventStore(Protocol):
    """Where rows become durable."""

    def append(self, rows: Sequence[StoredEvent], *, urgent: bool) -> Future[Any]:
        """Done when the rows are on disk."""
        ...

    def draft(self, session: str, step: str, field: str, raw: Any) -> Future[Any]:
        """Done when the draft is on disk."""
        ...


Listener = Callable[["LiveSession", Sequence[e.AnyEvent], "Future[Any]"], None]


class LiveSession:
    """The state, the log and the drafts of the session in hand."""

    def __init__(
        self,
        flow: Flow,
        log: SessionLog,
        store: EventStore,
        listener: Listener,
        roles: tuple[str, ...] = (),
    ) -> None:
        """`roles` are those of the agent at the seat."""
        self.flow = flow
        self.state = Session()
        self.drafts: dict[tuple[str, str], Any] = {}
        self._log = log
        self._store = store
        self._listener = listener
        self._roles = roles
        self._page: Page | None = None

    @property
    def id(self) -> str:
        """Id of the session."""
        return self._log.session

    def work_as(self, roles: tuple[str, ...], agent: str = "") -> None:
        """With other roles from now on, and in the hands of another `agent`: that is a fact of it."""
        self._roles, self._page = roles, None
        if agent and self.state.status == "running":
            self.do(c.TakeOver(agent=agent))

    def restore(self, events: Iterable[e.AnyEvent], drafts: dict[tuple[str, str], Any]) -> None:
        """Take up a session where its log ends."""
        self.state = fold(events)
        self.drafts = dict(drafts)

    @property
    def page(self) -> Page:
        """What the agent sees now."""
        if self._page is None:
            self._page = page(self.flow, self.state, self._roles)
        return self._page

    def do(self, command: c.Command) -> c.Refused | None:
        """Decide, keep, fold, tell; the incidents of a refusal are kept too."""
        moment = Moment(now=self._log.now(), roles=self._roles)
        decided = decide(self.flow, self.state, command, moment)
        if isinstance(decided, c.Refused):
            self._keep(decided.incidents)
            return decided
        self._keep(decided)
        if wants_time(self.flow, self.state):
            self.tick()
        return None

    def weigh(self, command: c.Command) -> Sequence[e.AnyEvent] | c.Refused:
        """What `do` would say and keep; nothing comes of it."""
        return decide(self.flow, self.state, command, Moment(now=self._log.now(), roles=self._roles))

    def tick(self) -> None:
        """Tell the session what time it is; a page with an end in time takes note of it."""
        now = self._log.now()
        decided = decide(self.flow, self.state, c.Tick(now=now), Moment(now=now, roles=self._roles))
        if not isinstance(decided, c.Refused):
            self._keep(decided)

    def draft(self, field: str, raw: Any) -> None:
        """Keep half-typed input of the current step; None forgets it."""
        key = (self.state.step, field)
        if raw is None:
            self.drafts.pop(key, None)
        else:
            self.drafts[key] = raw
        self._store.draft(self.id, self.state.step, field, raw)

    def _keep(self, events: Sequence[e.AnyEvent]) -> None:
        if not events:
            return
        rows = self._log.stamp(events, flow=self.flow.key, version=self.flow.version)
        durable = self._store.append(rows, urgent=not all(isinstance(event, _CHATTER) for event in events))
        for event in events:
            self.state = evolve(self.state, event)
            self._forget_drafts(event)
        self._page = None
        self._listener(self, events, durable)

    def _forget_drafts(self, event: e.AnyEvent) -> None:
        if isinstance(event, e.StepEntered | e.SessionEnded):
            self.drafts.clear()
        elif isinstance(event, e.AnswerGiven):
            self.drafts.pop((event.step, event.field), None)
