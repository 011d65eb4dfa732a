"""Flow agents on live calls, behind the window's port: one at a time, on the call in hand.

Rules:
- The conversation runs on the io loop; each event is posted to the main thread with the state after
  it, and there alone view and record change. Events of a conversation that was left change no view.
- The caller is never left with nobody: whatever ends or breaks a conversation gives the microphone
  back, and so does what a flow agent must not be in (`hindrance`): then a human has taken over.
- Taking over is done at the call first and told to the machine at once: a machine that is busy does not
  keep the microphone shut. Changes of who speaks are done one after the other, in the order asked.
- What a conversation does is a fact of the session of its call, also after that has left the Desk.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

import msgspec
import structlog

from halodesk.engine import commands as c
from halodesk.engine.errors import HaloDeskError
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.log import digest
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.flow_agent.library import Library
from halodesk.runtime.flow_agent.live_desk import LiveDesk, hindrance
from halodesk.runtime.flow_agent.live_line import LiveTalk, OpenLine
from halodesk.runtime.flow_agent.live_record import LiveRecord
from halodesk.runtime.flow_agent.live_run import How, LiveRun, Prepared, Wanted, posted
from halodesk.runtime.flow_agent.live_view import Transcript, shown
from halodesk.runtime.flow_agent.runner import Watch
from halodesk.runtime.flow_agent_ports import ChatLLM, ToolCaller
from halodesk.runtime.live_agent_port import LiveView
from halodesk.runtime.ports import DeskNotice, Topic, Unsubscribe
from halodesk.runtime.session import LiveSession
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("live_agent")

IDLE_S = 15.0
"""A caller who says nothing for so long is asked whether he is there."""
Over = Callable[[State], None]


class Assistant(Protocol):
    """The part that listens and proposes while a human speaks (`LivePort.assist` and what follows)."""

    def assist(self, agent: str) -> None: ...

    def accept(self, proposal: int) -> c.Refused | None: ...

    def turn_down(self, proposal: int) -> None: ...

    def typed(self, field: str) -> None: ...

    def stop(self) -> bool:
        """Whether there was something to stop."""
        ...


class Pages(Protocol):
    """The part that works the pages of the session in hand."""

    @property
    def offered(self) -> str:
        """What it is called among the agents; empty where none may work the open page."""
        ...

    def begin(self, by: str) -> None: ...


class LiveAgents:
    """See `halodesk.runtime.live_agent_port.LivePort`. `close` it before the io thread."""

    def __init__(
        self,
        library: Library,
        desk: LiveDesk,
        *,
        io: IoThread,
        post: Post,
        open_line: OpenLine,
        open_models: Callable[[], Sequence[ChatLLM]],
        tools: ToolCaller,
        manner: Manner | None = None,
        attended: Callable[[], bool] = lambda: True,
        attention: Callable[[str], None] = lambda words: None,
    ) -> None:
        """`open_line`, `open_models`: on the io loop; both raise `HaloDeskError` in words.

        `attended`: whether somebody sits there who could take over. `attention` calls them.
        """
        self._library, self._desk, self._io, self._post = library, desk, io, post
        self._tools = tools
        self._run = LiveRun(
            library,
            open_line=open_line,
            open_models=open_models,
            manner=manner or Manner(idle_s=IDLE_S),
            tell=lambda words: post(partial(desk.notice, DeskNotice(level="info", message=words))),
        )
        self._attended, self._attention = attended, attention
        self.view = LiveView()
        self.assistant: Assistant | None = None
        """Hung in by whoever builds this one; so is the next."""
        self.pages: Pages | None = None
        self._names: tuple[str, ...] = ()
        self._listeners: list[Callable[[], None]] = []
        self._talk: LiveTalk | None = None
        self._running: Future[None] | None = None
        self._number = 0
        self._transcript = Transcript()
        self._lost = False
        self._seen = ""
        self._leave = desk.subscribe(self._desk_told)
        self.refresh()

    def subscribe(self, listener: Callable[[], None]) -> Unsubscribe:
        """Told after each change of the view."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def close(self) -> None:
        """Let go of the call; the phone gives the microphone back."""
        self._leave()
        self._number += 1
        if self._running is not None:
            self._running.cancel()

    def refresh(self) -> None:
        """Look again which agents there are."""

        async def read() -> None:
            try:
                names = await asyncio.to_thread(self._library.names)
            except OSError as error:
                _log.error("library_not_read", error=type(error).__name__)
                return
            self._post(partial(self.offer, tuple(names)))

        self._io.submit(read())

    def offer(self, names: tuple[str, ...] | None = None) -> None:
        """Whom the view offers: who works the open page first, then those of the library."""
        self._names = self._names if names is None else names
        pages = self.pages.offered if self.pages is not None else ""
        self.change(agents=(*([pages] if pages else []), *self._names))

    def change(self, **changes: object) -> None:
        """Another view; for the assistant, too."""
        view = msgspec.structs.replace(self.view, **changes)
        if view != self.view:
            self.view = view
            for listener in tuple(self._listeners):
                listener()

    # the assistant

    def assist(self, agent: str) -> None:
        """See `LivePort`."""
        if self.assistant is not None:
            self.assistant.assist(agent)

    def accept(self, proposal: int) -> c.Refused | None:
        """See `LivePort`."""
        return self.assistant.accept(proposal) if self.assistant is not None else None

    def turn_down(self, proposal: int) -> None:
        """See `LivePort`."""
        if self.assistant is not None:
            self.assistant.turn_down(proposal)

    def typed(self, field: str) -> None:
        """See `LivePort`."""
        if self.assistant is not None:
            self.assistant.typed(field)

    # on and off the call

    def begin(self, agent: str) -> None:
        """See `LivePort`: the newest version of an agent of the library, or who works the open page."""
        if self.pages is not None and agent and agent == self.pages.offered:
            self.pages.begin(self._desk.agent)
            return

        async def load() -> None:
            try:
                document = await self._run.load(agent)
            except HaloDeskError as error:
                self._post(partial(self.change, problem=error.message, todo=error.todo))
            else:
                self._post(partial(self.begin_with, document, by=self._desk.agent))

        self._io.submit(load())

    def begin_with(
        self,
        document: Document,
        *,
        tools: ToolCaller | None = None,
        parameters: dict[str, Any] | None = None,
        over: Over = lambda state: None,
        by: str = "",
        keeps_call: bool = False,
        prepared: Prepared | None = None,
        watch: Sequence[Watch] = (),
    ) -> None:
        """Let this document speak on the call in hand.

        `over` hears once, on the main thread, where it stands at the end; also where it could not
        begin: `State.began` is False then. `by`: who wanted it. `keeps_call`: at its end it leaves the
        call to the human and does not hang up. `watch` sees the log, on the io loop.
        """
        call = self._desk.call
        problem = "A flow agent is on the call already." if self.view.mode == "agent" else ""
        problem = problem or hindrance(self._desk, call)
        if call is None or problem:
            self.change(problem=problem, todo="")
            if prepared is not None:
                self.drop(prepared)
            over(State())
            return
        if self.assistant is not None:
            self.assistant.stop()
        self.dismiss()  # a human who has taken over wants another one
        before, self._number = self._talk, self._number + 1
        self._talk = talk = LiveTalk(call, keeps_call=keeps_call)
        self._transcript, self._lost = Transcript(), False
        self.change(
            mode="agent", agent=document.name, call=call.key, phase="idle", node="", visits=(), said=(),
            wish=None, asks_for_human="", collected={}, proposals=(), tokens=0, cost=0.0, reason=None,
            problem="", todo="",
        )  # fmt: skip
        one = _Conversation(self._number, talk, document, self._record(document, call, by), over)
        wanted = Wanted(
            call,
            document,
            tools or self._tools,
            dict(parameters or {}),
            self._attended(),
            prepared.line if prepared is not None else None,
            tuple(watch),
        )
        self._running = self._io.submit(self._converse(one, wanted, before))

    async def _converse(self, one: _Conversation, wanted: Wanted, before: LiveTalk | None) -> None:
        shown = posted(self._post, partial(self._happened, one))
        how = await self._run.converse(wanted, one.talk, before, shown)
        self._post(partial(self._over, one, how))

    def prepare(
        self,
        agent: str | Document,
        call: CallInfo,
        done: Callable[[Prepared], None],
        failed: Callable[[str, str], None],
    ) -> None:
        """Get a flow agent ready for a call that rings: one of both hears, on the main thread.

        `done` has to hand it to `begin_with`, or to `drop`; `failed` gets words and what to do.
        """

        async def prepare() -> None:
            try:
                prepared = await self._run.prepare(agent, call)
            except HaloDeskError as error:
                self._post(partial(failed, error.message, error.todo))
            else:
                self._post(partial(done, prepared))

        self._io.submit(prepare())

    def drop(self, prepared: Prepared) -> None:
        """It is not needed."""
        self._io.submit(prepared.line.close())

    def _record(self, document: Document, call: CallInfo, by: str) -> LiveRecord | None:
        session = self._desk.session
        if session is None or session.state.call.sip_call_id != call.sip_call_id:
            return None
        return LiveRecord(
            secrets.token_hex(4),
            document.name,
            digest(document),
            by,
            lambda fact: _keep(session, fact),
        )

    def whisper(self, text: str) -> None:
        """See `LivePort`."""
        if self._talk is not None and self.view.mode in ("agent", "human") and text.strip():
            self._io.call(self._talk.tell, i.Whispered(by=self._desk.agent, text=text.strip()))

    def tell(self, news: i.AnyNews) -> None:
        """News for the flow agent on the call, from what it works on."""
        if self._talk is not None:
            self._io.call(self._talk.tell, news)

    def take_over(self, why: str = "") -> None:
        """See `LivePort`. `why`: where it is no wish of the human's."""
        talk = self._talk
        if talk is None or self.view.mode != "agent":
            return
        talk.why = why
        self.change(mode="human", asks_for_human="", wish=None, problem=why, todo="")
        call = self._desk.call
        if call is not None and call.key == talk.key and call.microphone_muted and not why:
            self._desk.set_microphone(muted=False)
        self._io.submit(self._voice(talk, talk.take_over(self._desk.agent)))

    def hand_back(self, note: str = "") -> None:
        """See `LivePort`."""
        talk = self._talk
        if talk is None or self.view.mode != "human":
            return
        problem = hindrance(self._desk, self._leg(talk))
        if problem:
            self.change(problem=problem, todo="")
            return
        self.change(problem="", todo="")
        self._io.submit(self._voice(talk, talk.hand_back(self._desk.agent, note.strip())))

    def dismiss(self) -> None:
        """See `LivePort`."""
        if self.assistant is not None and self.assistant.stop():
            return
        talk = self._talk
        if talk is not None and self.view.mode in ("agent", "human"):
            self.change(mode="", asks_for_human="", wish=None)
            self._io.submit(self._voice(talk, talk.dismiss()))

    async def _voice(self, talk: LiveTalk, change: Awaitable[None]) -> None:
        try:
            await change
        except HaloDeskError as error:
            if not talk.over:
                self._post(partial(self._not_done, talk, error))

    def _not_done(self, talk: LiveTalk, error: HaloDeskError) -> None:
        if talk is self._talk and not self.view.problem:
            self.change(problem=error.message, todo=error.todo)

    # the desk

    def _desk_told(self, topic: Topic) -> None:
        if topic not in ("call", "session", "registration"):
            return
        talk, call = self._talk, self._desk.call
        if call is not None and call.state == "active" and call.key != self._seen:
            self._seen = call.key
            self.refresh()
        if talk is None or not self._on_call():
            if self.view.call and self._desk.session is None and (call is None or call.state == "ended"):
                self.change(call="", agent="", said=(), reason=None, problem="", todo="")
            return
        mine = self._leg(talk)
        if mine is None:
            self._io.call(talk.gone, call.reason if call is not None else "")
            return
        why = hindrance(self._desk, mine)
        if not why and self.view.problem == talk.why:
            self.change(problem="")  # what it told of is over
        if why:
            self._lost = self._lost or mine.state != "active"
            self.take_over(why)
        elif self._lost:
            self._lost = False  # it is back, in another phone, which knows of no listener
            self._io.submit(self._voice(talk, talk.listen_again()))

    def _leg(self, talk: LiveTalk) -> CallInfo | None:
        return next((leg for leg in self._desk.legs if leg.key == talk.key), None)

    def _on_call(self) -> bool:
        return self.view.mode in ("agent", "human")

    # what it brings, on the main thread

    def _happened(self, one: _Conversation, event: e.AnyEvent, state: State, confidence: float) -> None:
        if one.record is not None:
            if isinstance(event, e.HumanTook):
                one.record.why = one.talk.why
            one.record.happened(event, state)
        if one.number != self._number:
            return
        if self._transcript.take(event, state.node, confidence):
            self.change(said=self._transcript.said)
        asked = self.view.asks_for_human
        view = shown(self.view, one.document, event, state)
        if not isinstance(event, e.HumanTook | e.HumanGave | e.Ended):
            view = msgspec.structs.replace(view, mode=self.view.mode)
        self.change(**{name: getattr(view, name) for name in view.__struct_fields__})
        if self.view.asks_for_human and not asked:
            self._attention(one.document.name)

    def _over(self, one: _Conversation, how: How) -> None:
        if one.record is not None:
            one.record.over(how.state, sent_away=one.talk.sent_away)
        if one.number == self._number:
            self._talk = None
            self.change(mode="", phase="ended", asks_for_human="", wish=None)
            if how.problem:
                self.change(problem=how.problem, todo=how.todo)
                self._desk.notice(DeskNotice(level="error", message=how.problem, todo=how.todo))
        one.over(how.state)


class _Conversation:
    """What belongs to one conversation."""

    def __init__(
        self, number: int, talk: LiveTalk, document: Document, record: LiveRecord | None, over: Over
    ) -> None:
        self.number, self.talk, self.document, self.record, self.over = number, talk, document, record, over


def _keep(session: LiveSession, fact: Any) -> None:
    refused = session.do(c.NoteFlowAgent(fact=fact))
    if refused is not None:
        _log.error("fact_not_kept", code=refused.code)
