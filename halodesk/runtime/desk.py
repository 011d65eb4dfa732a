"""The seat's model on the main thread: the sessions and what the window shows.

Rules:
- Main thread only; everything from elsewhere comes in through `post`.
- The phone's side is in `desk_phone` (what it tells) and `desk_calls` (what it is asked for).
- A session begins when its call is answered and lives on after the call has ended, until the
  agent has finished its wrap-up and puts it away.
- An effect, and the end of a mask, wait until the facts that ask for them are on disk.
- Secrets: lock and wipe first, then tell the recorders.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import structlog

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.engine.flow import Flow
from halodesk.engine.pan import has_card_number
from halodesk.engine.session import scope
from halodesk.protocol import phone_link as link
from halodesk.runtime.campaigns import Campaigns
from halodesk.runtime.desk_calls import DeskCalls
from halodesk.runtime.desk_phone import LinePolicy
from halodesk.runtime.effects import Effects
from halodesk.runtime.flow_agent.live_record import broken_off
from halodesk.runtime.late_money import LateMoney
from halodesk.runtime.log import SessionLog
from halodesk.runtime.masking import Masking
from halodesk.runtime.ports import Clock, DeskNotice, PhonePort, SecretView
from halodesk.runtime.secret_entry import SecretEntry
from halodesk.runtime.session import EventStore, LiveSession
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("desk")


class DeskStore(EventStore, Protocol):
    """What the desk needs of the store beside events."""

    def keep_flow(self, flow: Flow) -> Future[Any]:
        """Done when the document is on disk."""
        ...

    def next_number(self) -> int:
        """Which session of this seat the next one is."""
        ...


class Resumable(Protocol):
    """A session found open at start-up."""

    flow: Flow
    log: SessionLog
    events: Sequence[e.AnyEvent]
    drafts: dict[tuple[str, str], Any]
    asked: dict[str, float]
    """When each effect was asked for, by its id (Unix seconds)."""


class Desk(DeskCalls):
    """See `halodesk.runtime.ports.DeskPort` for what the window may ask."""

    def __init__(
        self,
        *,
        agent: str,
        account: str,
        seat: str,
        flows: Sequence[Flow],
        store: DeskStore,
        phone: PhonePort,
        masking: Masking,
        secret_entry: SecretEntry,
        effects: Effects,
        io: IoThread,
        post: Post,
        clock: Clock,
        on_durable: Callable[[], None] = lambda: None,
        roles: Sequence[str] = (),
        lines: LinePolicy | None = None,
    ) -> None:
        """`on_durable` hears, on the db thread, of facts that have just reached the disk."""
        super().__init__(
            agent,
            account,
            phone=phone,
            masking=masking,
            io=io,
            post=post,
            clock=clock,
            lines=lines or LinePolicy(),
        )
        self._seat, self._on_durable = seat, on_durable
        self._roles = tuple(roles)
        self._campaigns, self._store = Campaigns(flows), store
        self._secret_entry, self._effects = secret_entry, effects
        self._waiting: deque[Resumable] = deque()
        self._requested_at: dict[tuple[str, str], float] = {}
        self._late = LateMoney(self._run_again, self.notice)
        self.closing: Callable[[], c.Refused | None] = lambda: None
        """Asked before an ended session is put away: why it may not be, yet."""

    # sessions

    def _begin(self, call: link.CallInfo) -> None:
        flow = self._campaigns.flow_for(call)
        if flow is None:
            message = f"No flow is set for calls to {call.called or 'this number'}."
            self.notice(DeskNotice(level="warning", message=message, todo="Tell your supervisor."))
            return
        if (found := self._found_open(call)) is not None:
            self._waiting.remove(found)
            self._take_up(found)
            return
        log = SessionLog(
            session=secrets.token_hex(12),
            seat=self._seat,
            clock=self._clock,
            number=self._store.next_number,
        )
        self._store.keep_flow(flow)
        session = LiveSession(flow, log, self._store, self._kept, self._roles)
        self._session = self._owners[call.key] = session
        facts = e.CallFacts(
            direction=call.direction,
            number=call.remote_number,
            name=call.remote_name,
            called=call.called,
            sip_call_id=call.sip_call_id,
            headers=call.headers,
        )
        refused = session.do(c.Start(agent=self._agent, call=facts, prefill={"phone": call.remote_number}))
        if refused is not None:
            self._session = None
            self._owners.pop(call.key)
            self.notice(DeskNotice(level="error", message=refused.message, todo=refused.todo))
        self._tell("session")

    def sign_in(self, agent: str, roles: Sequence[str]) -> None:
        """This person works here from now on; a session that is open goes on in their hands."""
        before, self._agent, self._roles = self._agent, agent, tuple(roles)
        if self._session is not None:
            self._session.work_as(self._roles, agent if agent != before else "")
        _log.info("signed_in")
        for topic in ("registration", "session"):
            self._tell(topic)

    def offer(self, flow: Flow) -> None:
        """New sessions begin on this version of the flow; the one that runs keeps its own."""
        _log.info("flow_offered", kind=flow.key, version=flow.version)
        self._campaigns.offer(flow)

    def resume(self, found: Sequence[Resumable]) -> None:
        """Take up sessions a crash left open, one after the other."""
        self._waiting.extend(found)
        if self._session is None:
            self._resume_next()

    def _resume_next(self) -> None:
        if not self._waiting:
            return
        self._take_up(self._waiting.popleft())

    def _found_open(self, call: link.CallInfo) -> Resumable | None:
        """The session of this call among those a crash left open."""
        for found in self._waiting:
            known = fold(found.events).call.sip_call_id
            if known and known in (call.sip_call_id, call.rescued_from):
                return found
        return None

    def _take_up(self, found: Resumable) -> None:
        session = LiveSession(found.flow, found.log, self._store, self._kept, self._roles)
        session.restore(found.events, found.drafts)
        self._session = session
        for leg in self.legs:
            if self._same_call(leg):
                self._owners[leg.key] = session
        _log.info("session_resumed", session=session.id, step=session.state.step)
        session.do(c.Restart())
        for fact in broken_off(found.events):
            session.do(c.NoteFlowAgent(fact=fact))
        mask = session.state.mask
        if mask.phase in ("wanted", "held", "lost"):
            words = "HaloDesk was restarted: checking that every recording is still masked."
            session.do(c.ReportMask(lease=mask.lease, phase="lost", message=words))
            self._want_mask(session, mask.lease)
        elif mask.phase == "releasing":
            call = session.state.call.sip_call_id
            self._follow_legs()
            self._masking.take_back(mask.lease, call, self._reporter(session, mask.lease))
        self._remember(found)
        for ask in session.state.effects.values():
            self._run_again(session, ask)
        self._tell("session")

    def settle_late(self, found: Sequence[Resumable]) -> None:
        """Ended sessions of a life before, in which a gateway still owes an answer."""
        for one in found:
            session = LiveSession(one.flow, one.log, self._store, self._kept, self._roles)
            session.restore(one.events, {})
            self._remember(one)
            self._late.take_up(session)

    def _remember(self, found: Resumable) -> None:
        self._requested_at |= {(found.log.session, effect): wall for effect, wall in found.asked.items()}

    def _run_again(self, session: LiveSession, ask: e.EffectRequested) -> None:
        asked_at = self._requested_at.get((session.id, ask.id), 0.0)
        self._io.submit(
            self._effects.run(session.id, ask, scope(session.state), again=True, asked_at=asked_at)
        )

    def do(self, command: c.Command) -> c.Refused | None:
        """A wish to the session."""
        if self._session is None:
            return c.Refused(code="no_session", message="There is no session.")
        return self._session.do(command)

    def weigh(self, command: c.Command) -> Sequence[e.AnyEvent] | c.Refused:
        """What `do` would come to; nothing is done."""
        if self._session is None:
            return c.Refused(code="no_session", message="There is no session.")
        return self._session.weigh(command)

    def draft(self, field: str, raw: Any) -> None:
        """Keep half-typed input, unless it could be a card number."""
        session = self._session
        if session is None or session.state.status != "running":
            return
        known = session.flow.step(session.state.step)
        declared = known.field(field) if known else None
        if declared is None or declared.type == "encrypted" or has_card_number(str(raw)):
            return
        session.draft(field, raw)

    def close_session(self) -> None:
        """Put the ended session away."""
        if self._session is None or self._session.state.status != "ended":
            return
        if (refused := self.closing()) is not None:
            self.notice(DeskNotice(level="warning", message=refused.message, todo=refused.todo))
            return
        self._late.keep(self._session)
        self._put_away.add(self._session.id)
        self._session = None
        if self._call is not None and self._call.state == "ended":
            self._call = None
            self._tell("call")
        self._unpark()
        if self._session is None:
            self._resume_next()
            if self._phone_problem is None:
                self._lose_missing_call({leg.key: leg for leg in self.legs})
        self._begin_waiting()
        self._tell("session")

    def _begin_waiting(self) -> None:
        """The session of a call that was answered while the wrap-up before it was still open."""
        if self._call is not None:
            self._begin_if_due(self._call)

    def _kept(self, session: LiveSession, events: Sequence[e.AnyEvent], durable: Future[Any]) -> None:
        self._after(durable, self._on_durable)
        for event in events:
            match event:
                case e.EffectRequested():
                    self._after(durable, self._start_effect, session, event)
                case e.EffectResolved():
                    self._after(durable, self._cancel_effect, session.id, event.id)
                case e.MaskChanged(phase="wanted"):
                    self._want_mask(session, event.lease)
                case e.MaskChanged(phase="held"):
                    self._masking.unlock(event.lease)
                    self._lift_stale_masks()
                case e.MaskChanged(phase="none"):
                    self._lift_stale_masks()
                case e.MaskChanged(phase="lost"):
                    self._secret_entry.lock("mask_lost")
                case e.MaskChanged(phase="releasing"):
                    self._secret_entry.lock("left")
                    lease, call = event.lease, session.state.call.sip_call_id
                    self._after(durable, self._masking.release, lease, call)
                case e.SecretsWiped(fields=()):
                    self._secret_entry.wipe(event.reason)
                case _:
                    pass
        self._tell("session")

    def _after(self, durable: Future[Any], action: Callable[..., None], *args: Any) -> None:
        """Act once the facts are on disk; on the db thread, so `action` only hands over."""

        def done(future: Future[Any]) -> None:
            if future.exception() is None:
                action(*args)

        durable.add_done_callback(done)

    def _start_effect(self, session: LiveSession, ask: e.EffectRequested) -> None:
        self._io.submit(self._effects.run(session.id, ask, scope(session.state)))

    def _cancel_effect(self, session_id: str, effect: str) -> None:
        self._io.submit(self._effects.cancel(session_id, effect))

    def settled(self, session_id: str, answer: c.Resolve) -> None:
        """What came of an effect; posted by the composition root."""
        session = self._find(session_id)
        if session is not None:
            self._late.settled(session, answer)

    def _find(self, session_id: str) -> LiveSession | None:
        candidates = [*self._owners.values(), *([self._session] if self._session else [])]
        found = next((session for session in candidates if session.id == session_id), None)
        return found or self._late.find(session_id)

    # secrets

    def secret(self, field: str) -> SecretView:
        """What may be shown of the digits of a field."""
        return self._secret_entry.view(self._session, field)

    def type_secret(self, field: str, digit: str) -> SecretView:
        """One digit into the vault."""
        return self._secret_entry.type(self._session, field, digit)

    def erase_secret(self, field: str, *, all_digits: bool = False) -> SecretView:
        """The last digit, or all, out of the vault."""
        return self._secret_entry.erase(self._session, field, all_digits=all_digits)
