"""The agent's state at this seat, made facts on disk and told to the queues: `AgentPort`.

Rules:
- Main thread only; what others learn comes in through `post`.
- The machine (`agent_state`) decides. Here its states are made facts on disk, the PBX is told, and the
  window. Every state is on disk before its end can come; a restart goes on from the last one.
- What a queue shows is what the PBX said last, not what was asked of it.
- Calls are heard of before the desk hears of them. What is none of the desk's (a feature code, a direct
  call that settings turn away) is kept from it.
- The outcome of a call is that of its flow (`SessionEnded`). Only a call whose flow gave none, or that
  had no flow, gets the agent's own, once, into the call's line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import structlog
from msgspec.structs import replace

from halodesk.engine.commands import Refused
from halodesk.protocol import phone_link as link
from halodesk.runtime import agent_state as states
from halodesk.runtime.agent_day import DayDesk
from halodesk.runtime.agent_ports import (
    AgentView,
    QueueControl,
    QueueView,
    QueueWish,
)
from halodesk.runtime.agent_records import AgentFact, AgentStore, CallRecord
from halodesk.runtime.agent_settings import AgentRules
from halodesk.runtime.agent_state import AgentState, Choice
from halodesk.runtime.call_history import is_missed
from halodesk.runtime.ports import Clock, DeskNotice, Topic, Unsubscribe
from halodesk.runtime.session import LiveSession

_log = structlog.get_logger("agent")

SESSION_KEPT = 200
"""Sessions whose outcome is remembered, for calls that end after them."""


class DeskView(Protocol):
    """What is needed of the desk."""

    closing: Callable[[], Refused | None]

    @property
    def agent(self) -> str:
        """Who works here."""
        ...

    @property
    def session(self) -> LiveSession | None: ...

    def subscribe(self, listener: Callable[[Topic], None]) -> Unsubscribe: ...

    def notice(self, notice: DeskNotice) -> None: ...

    def close_session(self) -> None: ...


class OwnCalls(Protocol):
    """Calls that are not the agent's: those that dial a feature code."""

    def told(self, call: link.CallInfo) -> bool:
        """Whether this is one of them."""
        ...

    def tick(self, now: float, *, busy: bool) -> None:
        """`busy`: a call of the agent's is up."""
        ...


class AgentDesk(DayDesk):
    """See `AgentPort`; people, calls and callbacks are in `DayDesk`."""

    def __init__(
        self,
        rules: AgentRules,
        store: AgentStore,
        desk: DeskView,
        *,
        clock: Clock,
        hang_up: Callable[[str, int], Future[link.Reply]],
        queues: QueueControl | None = None,
        codes: OwnCalls | None = None,
        watch: Callable[[Sequence[str]], None] = lambda numbers: None,
        voicemail_number: str = "",
    ) -> None:
        """`hang_up` ends a call by its key with a SIP code. `watch`: whose lamps are wanted."""
        super().__init__(store, clock, desk.notice, watch, voicemail_number)
        self._rules, self._desk = rules, desk
        self._hang_up, self._queues, self._codes = hang_up, queues, codes
        self._up: dict[str, link.CallInfo] = {}
        self._turned_away: set[str] = set()
        self._sessions: dict[str, str] = {}
        """Session by the SIP Call-ID of its call."""
        self._outcomes: dict[str, str] = {}
        """Outcome by session, of those that have ended."""
        self._view: QueueView | None = None
        self._wish: QueueWish | None = None
        last = store.last_state()
        self._state = states.begin(last.body if last is not None else None, rules, clock.wall())
        self._keep(self._state)
        desk.closing = self._may_close
        desk.subscribe(self._desk_told)

    # the agent's state

    @property
    def view(self) -> AgentView:
        """The state as it is shown."""
        state, wrap_up = self._state, self._state.wrap_up
        return AgentView(
            shown=state.shown,
            reason=state.shown_reason,
            choice=state.choice,
            choice_reason=state.reason,
            since=state.since,
            reasons=self._rules.reasons,
            wrap_up=wrap_up is not None,
            until=wrap_up.until if wrap_up is not None else None,
            more_s=self._rules.wrap_up_more_s,
            debts=wrap_up.debts if wrap_up is not None else (),
            outcomes=self._rules.dispositions,
            session_open=wrap_up is not None and wrap_up.session_open,
            queues=self._view,
        )

    @property
    def state(self) -> AgentState:
        """The machine's own state, for tests and the composition root."""
        return self._state

    def somebody_came(self) -> None:
        """Another person works here: the day goes on in the name the desk has now."""
        self._keep(self._state)

    def choose(self, choice: Choice, reason: str = "") -> Refused | None:
        """The agent's own word. Choosing what is chosen already tells the PBX again."""
        refused = self._take(states.choose(self._state, self._rules, choice, reason, self.now()))
        if refused is None:
            self._tell_queues(again=True)
        return refused

    def toggle(self) -> Refused | None:
        """Ready, or not ready for the first of the reasons."""
        if self._state.choice == "ready" and self._state.wrap_up is None:
            return self.choose("not_ready", next(iter(self._rules.reasons), ""))
        return self.choose("ready")

    def attend(self, *, absent: bool) -> None:
        """Somebody has signed in, or the window is locked."""
        self._take(states.attend(self._state, absent=absent, now=self.now()))

    def more_time(self) -> Refused | None:
        """A longer wrap-up."""
        return self._take(states.extend(self._state, self._rules, self.now()))

    def give_outcome(self, outcome: str) -> Refused | None:
        """How the call ended that has waited longest."""
        wrap_up = self._state.wrap_up
        owed = wrap_up.debts[0] if wrap_up is not None and wrap_up.debts else None
        refused = self._take(states.outcome_chosen(self._state, self._rules, outcome, self.now()))
        if refused is None and owed is not None:
            self._history.outcome(owed.call, outcome)
            self._tell("history")
        return refused

    def tick(self) -> None:
        """Once a second."""
        now = self.now()
        self._take(states.tick(self._state, now))
        if self._is_over(now):
            self._desk.close_session()
        self._callbacks.tick(now)
        if self._codes is not None:
            self._codes.tick(now, busy=bool(self._up))

    def _is_over(self, now: float) -> bool:
        """Whether a finished session may be put away by itself: its time has passed, nothing is owed."""
        wrap_up, session = self._state.wrap_up, self._desk.session
        if wrap_up is None or session is None or wrap_up.until is None or wrap_up.debts:
            return False
        return now >= wrap_up.until and session.id == wrap_up.session and session.state.status == "ended"

    def _may_close(self) -> Refused | None:
        """Whether the session's page may be closed: not while its outcome is owed."""
        wrap_up, session = self._state.wrap_up, self._desk.session
        if wrap_up is None or not wrap_up.debts or session is None or session.id != wrap_up.session:
            return None
        return states.owes(wrap_up)

    def _take(self, found: AgentState | Refused) -> Refused | None:
        if isinstance(found, Refused):
            return found
        before, self._state = self._state, found
        if found != before:
            if replace(found, since=0) != replace(
                before, since=0, ringing=found.ringing, talking=found.talking
            ) or (found.shown != before.shown):
                self._keep(found)
            self._tell_queues()
            self._tell("state")
        return None

    def _keep(self, state: AgentState) -> None:
        wrap_up = state.wrap_up
        talking = next(iter(self._up), "")
        _log.info("agent_state", state=state.shown, reason=state.shown_reason)
        self._store.keep_state(
            AgentFact(
                at=self.now(),
                agent=self._desk.agent,
                state=state.shown,
                reason=state.shown_reason,
                call=talking or (wrap_up.last.call if wrap_up is not None else ""),
                session=self._sessions.get(self._up[talking].sip_call_id, "")
                if talking
                else (wrap_up.session if wrap_up is not None else ""),
                body=state,
            )
        )

    def leave(self) -> None:
        """HaloDesk ends: from here on nobody is there. The choice is kept for the next start."""
        gone = AgentFact(
            at=self.now(), agent=self._desk.agent, state="offline", reason="HaloDesk ended", body=self._state
        )
        self._store.keep_state(gone)

    # queues

    def queues_told(self, view: QueueView) -> None:
        """What the PBX says; posted."""
        if view != self._view:
            self._view = view
            self._tell("queues")

    def _tell_queues(self, *, again: bool = False) -> None:
        if self._queues is None:
            return
        state = self._state
        if state.takes_calls:
            why = ""
        elif state.absent and state.choice != "offline":
            why = states.LOCKED
        elif state.choice == "not_ready":
            why = state.reason
        else:
            why = "On a call" if state.talking else "Wrap-up"
        member = state.choice != "offline"
        wish = QueueWish(member=member, paused=member and not state.takes_calls, reason=why if member else "")
        if wish != self._wish or again:
            self._wish = wish
            self._queues.want(wish)

    def start(self) -> None:
        """The phone and the PBX may be told from here on; sessions have been taken up again."""
        self._desk_told("session")
        self._tell_queues(again=True)

    # calls

    def attached(self, snapshot: link.Snapshot) -> None:
        """A phone is there: what it does, and what ended while nobody looked."""
        told = {call.key for call in snapshot.calls}
        for call in [call for key, call in self._up.items() if key not in told]:
            reason = "The phone process was lost."
            self._call(replace(call, state="ended", ended_at=self.now(), reason=reason))
        for record in self._history.open():
            if record.key not in told:
                self._lost(record)
        for call in snapshot.calls:
            self._call(call)

    def _lost(self, record: CallRecord) -> None:
        """A call of which nothing is left but its line: window and phone have both died."""
        self._history.lost(record.key, "It ended while HaloDesk was away.", self.now())
        self._tell("history")
        if record.answered_at is not None:
            self._take(self._left_by(self._state, record.key, record.number, record.session))
            self._desk_told("session")

    def phone_notice(self, notice: link.Notice) -> bool:
        """One message of the phone; False: it is none of the desk's."""
        return self._call(notice.call) if isinstance(notice, link.CallChanged) else True

    def _call(self, call: link.CallInfo) -> bool:
        if self._codes is not None and self._codes.told(call):
            return False
        if call.beside:
            return True
        session = self._session_of(call)
        was_open = any(one.key == call.key for one in self._history.open())
        new = call.key not in self._up and call.state == "incoming"
        if self._history.told(call, session):
            self._tell("history")
        if call.key in self._turned_away:
            if call.state == "ended":
                self._turned_away.discard(call.key)
            return False
        if new and self._is_unwanted(call):
            self._turned_away.add(call.key)
            self._hang_up(call.key, 486)
            return False
        state = self._state
        self._up.pop(call.key, None)
        if call.state != "ended":
            self._up[call.key] = call
        else:
            state = self._over(state, call, session, known=was_open)
        ringing = any(one.state == "incoming" for one in self._up.values())
        talking = any(one.state != "incoming" for one in self._up.values())
        self._take(states.calls(state, ringing=ringing, talking=talking, now=self.now()))
        if call.state == "ended":
            self._sessions.pop(call.sip_call_id, None)
            self._desk_told("session")
        return True

    def _is_unwanted(self, call: link.CallInfo) -> bool:
        away = self._state.choice != "ready"
        return away and self._rules.direct_calls == "busy" and not call.emergency

    def _over(self, state: AgentState, call: link.CallInfo, session: str, *, known: bool) -> AgentState:
        """What a call that has ended leaves behind."""
        now = self.now()
        if is_missed(call):
            rang = (call.ended_at or now) - call.begun_at
            return states.missed(replace(state, ringing=False), self._rules, rang, now)
        if call.answered_at is None or call.emergency or not known:
            return state
        return self._left_by(state, call.key, call.remote_number, session)

    def _left_by(self, state: AgentState, call: str, number: str, session: str) -> AgentState:
        live = self._desk.session
        return states.call_over(
            state,
            self._rules,
            call=call,
            number=number,
            session=session,
            session_open=live is not None and live.id == session,
            outcome=self._outcomes.get(session, ""),
            now=self.now(),
        )

    def _session_of(self, call: link.CallInfo) -> str:
        live = self._desk.session
        if live is not None:
            mine = live.state.call.sip_call_id
            if mine and mine in (call.sip_call_id, call.rescued_from):
                self._sessions[call.sip_call_id] = live.id
        return self._sessions.get(call.sip_call_id) or self._sessions.get(call.rescued_from, "")

    def _desk_told(self, topic: Topic) -> None:
        if topic != "session":
            return
        session, wrap_up = self._desk.session, self._state.wrap_up
        if session is not None:
            for call in self._up.values():
                if self._session_of(call) and self._history.told(call, session.id):
                    self._tell("history")
            if session.state.status == "ended":
                self._outcomes[session.id] = session.state.disposition
                while len(self._outcomes) > SESSION_KEPT:
                    self._outcomes.pop(next(iter(self._outcomes)))
        if wrap_up is None or not wrap_up.session_open:
            return
        if session is None or session.id != wrap_up.session:
            self._take(states.session_put_away(self._state, self.now()))
        elif session.state.status == "ended":
            last = wrap_up.last
            self._take(
                states.session_ended(
                    self._state,
                    self._rules,
                    session=session.id,
                    call=last.call,
                    number=last.number,
                    outcome=session.state.disposition,
                )
            )
