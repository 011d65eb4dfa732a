"""Flow agents that work the pages of the session in hand, on its call.

Rules:
- Main thread only.
- A session that enters a step whose driver is `flow_agent` starts one by itself, once a visit, while its
  call is up and nobody has taken over from one: what a human took, a human gives back.
- A step that says `either` is a human's until they let a flow agent go on from it: it is offered among
  the agents that may speak on the call.
- Where no flow agent can speak (no model, no speech, a mask, a call on hold) the step is the human's; for
  a step that wanted one the Desk says why.
- A flow agent that has worked the pages leaves the call to nobody: at the end of the script it hangs up,
  and the wrap-up is the human's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from halodesk.engine import commands as c
from halodesk.engine.drivers import driver_of
from halodesk.engine.flow import Flow
from halodesk.engine.flow_agent.state import State
from halodesk.engine.page import Page
from halodesk.runtime.flow_agent.halo_driver import HaloDriver
from halodesk.runtime.flow_agent.live import LiveAgents
from halodesk.runtime.flow_agent.live_desk import LiveDesk, hindrance
from halodesk.runtime.ports import DeskNotice, Topic, Unsubscribe
from halodesk.runtime.session import LiveSession
from halodesk.runtime.threads import Post

_YOURS = "Work it yourself, or let a flow agent go on from here once it can."
OFFER = "Work these pages"
"""What it is called among the agents that may be put on the call."""


class HaloDesk(LiveDesk, Protocol):
    """What is needed of the Desk."""

    @property
    def page(self) -> Page | None: ...

    @property
    def drafts(self) -> Mapping[str, Any]: ...

    def do(self, command: c.Command) -> c.Refused | None: ...


class DeskSession:
    """The session that was in hand when this was made, through the Desk that shows it."""

    def __init__(self, desk: HaloDesk, session: LiveSession) -> None:
        self._desk, self._session = desk, session

    @property
    def flow(self) -> Flow:
        """Of that session."""
        return self._session.flow

    @property
    def page(self) -> Page | None:
        """Its page; None once another session is in hand."""
        return self._desk.page if self._here else None

    @property
    def drafts(self) -> Mapping[str, Any]:
        """What a human has half typed."""
        return self._desk.drafts if self._here else {}

    def do(self, command: c.Command) -> c.Refused | None:
        """A wish to it."""
        if not self._here:
            return c.Refused(code="no_session", message="There is no session.")
        return self._desk.do(command)

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Told after each change of it."""

        def told(topic: Topic) -> None:
            if topic == "session":
                listener()

        return self._desk.subscribe(told)

    @property
    def _here(self) -> bool:
        return self._desk.session is self._session


class HaloAgents:
    """Starts flow agents at the pages of halo flows. `models`: whether there is any model at all."""

    def __init__(self, live: LiveAgents, desk: HaloDesk, *, post: Post, models: Callable[[], bool]) -> None:
        self._live, self._desk, self._post, self._models = live, desk, post, models
        self._driver: HaloDriver | None = None
        self._entered: tuple[str, str, int] = ("", "", 0)
        self._leave = desk.subscribe(self._told)
        live.pages = self

    def close(self) -> None:
        """Start none any more."""
        self._leave()
        self._stop()

    @property
    def offered(self) -> str:
        """`OFFER` where the human may let a flow agent go on from the open page, else empty."""
        session = self._desk.session
        if session is None or session.state.status != "running" or not self._models():
            return ""
        step = session.flow.step(session.state.step)
        if step is None or driver_of(session.flow, step) == "human":
            return ""
        return "" if hindrance(self._desk, self._desk.call) else OFFER

    def begin(self, by: str = "") -> None:
        """Let a flow agent go on from the open page. `by`: who wants it; empty: the flow itself."""
        session = self._desk.session
        if session is None:
            return
        self._stop()
        driver = HaloDriver(DeskSession(self._desk, session), post=self._post)
        driver.tell = self._live.tell
        driver.may = lambda: self._live.view.mode == "agent"
        self._driver = driver

        def over(_state: State) -> None:
            driver.stop()

        self._live.begin_with(driver.document, tools=driver, over=over, by=by or session.flow.name)

    def _stop(self) -> None:
        if self._driver is not None:
            self._driver.stop()
            self._driver = None

    def _told(self, topic: Topic) -> None:
        if topic not in ("session", "call"):
            return
        self._live.offer()
        session = self._desk.session
        if session is None or session.state.status != "running":
            return
        state = session.state
        entered = (session.id, state.step, state.visit)
        step = session.flow.step(state.step)
        if step is None or entered == self._entered or driver_of(session.flow, step) != "flow_agent":
            return
        call = self._desk.call
        if call is None or call.state != "active" or state.call_left:
            return
        self._entered = entered
        if self._live.view.mode in ("agent", "human"):
            return  # one works the pages already, or a human has taken over from it
        self._post(lambda: self._start(entered))

    def _start(self, entered: tuple[str, str, int]) -> None:
        """Later, not in the middle of the change that led here."""
        session, page = self._desk.session, self._desk.page
        if session is None or page is None or (session.id, page.step, page.visit) != entered:
            return
        if self._live.view.mode in ("agent", "human"):
            return  # the one that answered the call speaks
        why = "" if self._models() else "There is no model that could speak."
        why = why or hindrance(self._desk, self._desk.call)
        if why:
            words = f"The step “{page.title}” is for a flow agent. {why}"
            self._desk.notice(DeskNotice(level="info", message=words, todo=_YOURS))
            return
        self.begin()
