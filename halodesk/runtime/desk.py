"""The seat's model on the main thread: the call in hand, its session, what the window shows.

Rules:
- Main thread only; everything from elsewhere comes in through `post`.
- One call in hand. A second one is refused as busy.
- The phone may die in mid-call: its successor fetches the call back (`rescue`), the session goes on.
- A session begins when its call is answered and lives on after the call has ended, until the
  agent has finished its wrap-up and puts it away.
- An effect, and the end of a mask, wait until the facts that ask for them are on disk.
- Secrets: lock and wipe first, then tell the recorders.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

import structlog
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.errors import HaloDeskError
from halodesk.engine.flow import Flow
from halodesk.engine.pan import has_card_number
from halodesk.engine.session import scope
from halodesk.protocol import phone_link as link
from halodesk.runtime import recordings
from halodesk.runtime.campaigns import Campaigns
from halodesk.runtime.desk_face import DeskFace
from halodesk.runtime.effects import Effects
from halodesk.runtime.log import SessionLog
from halodesk.runtime.masking import Masking, Report
from halodesk.runtime.ports import Clock, DeskNotice, PhonePort, SecretView
from halodesk.runtime.rescue import BACK, FETCHING, CallRescue
from halodesk.runtime.secret_entry import SecretEntry
from halodesk.runtime.session import EventStore, LiveSession
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("desk")


class DeskStore(EventStore, Protocol):
    """What the desk needs of the store beside events."""

    def keep_flow(self, flow: Flow) -> Future[Any]:
        """Done when the document is on disk."""
        ...


class Resumable(Protocol):
    """A session found open at start-up."""

    flow: Flow
    log: SessionLog
    events: Sequence[e.AnyEvent]
    drafts: dict[tuple[str, str], Any]


class Desk(DeskFace):
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
        dtmf: link.DtmfMethod = "rfc4733",
        on_durable: Callable[[], None] = lambda: None,
        roles: Sequence[str] = (),
    ) -> None:
        """`on_durable` hears, on the db thread, of facts that have just reached the disk."""
        super().__init__(agent, account)
        self._seat, self._dtmf, self._on_durable = seat, dtmf, on_durable
        self._roles = tuple(roles)
        self._campaigns, self._store, self._phone = Campaigns(flows), store, phone
        self._masking, self._secret_entry, self._effects = masking, secret_entry, effects
        self._io, self._post, self._clock = io, post, clock
        self._owners: dict[str, LiveSession] = {}
        self._hung_up: set[str] = set()
        self._rescue = CallRescue(self._phone.send, io, post, self._not_rescued)
        self._waiting: deque[Resumable] = deque()

    # calls

    def answer_call(self) -> None:
        """Take the ringing call."""
        if self._call is not None and self._call.direction == "in" and self._call.answered_at is None:
            self._ask(link.AnswerCall(call=self._call.key))

    def hang_up(self) -> None:
        """End or refuse the call in hand."""
        if self._call is not None and self._call.state != "ended":
            self._hung_up.add(self._call.key)
            if self._rescue.call is not None:
                return  # as soon as it is back
            code = 486 if self._call.state == "incoming" else 0
            self._ask(link.HangUp(call=self._call.key, code=code))

    def dial(self, number: str, *, account: str = "main") -> None:
        """Place a call by an account, the first one unless told otherwise."""
        number = number.strip()
        if not number:
            return
        if self._call is not None and self._call.state != "ended":
            self.notice(
                DeskNotice(level="warning", message="There is a call already.", todo="Hang up first.")
            )
            return
        if self._session is not None:
            self.notice(DeskNotice(level="warning", message="Finish the open session first."))
            return
        self._ask(link.Dial(call=secrets.token_hex(8), account=account, to=number))

    def hold(self) -> None:
        """Keep the other side waiting."""
        if (call := self._connected()) is not None:
            self._ask(link.Hold(call=call.key))

    def unhold(self) -> None:
        """Take the other side back."""
        if (call := self._connected()) is not None:
            self._ask(link.Unhold(call=call.key))

    def set_microphone(self, *, muted: bool) -> None:
        """Whether the other side hears the agent."""
        if (call := self._connected()) is not None:
            self._ask(link.SetMicrophone(call=call.key, muted=muted))

    def send_dtmf(self, digits: str) -> None:
        """Press keys of the telephone's keypad."""
        if (call := self._connected()) is not None:
            self._ask(link.SendDtmf(call=call.key, digits=digits, method=self._dtmf))

    def _connected(self) -> link.CallInfo | None:
        return self._call if self._call is not None and self._call.state == "active" else None

    def _ask(self, request: link.Request) -> None:
        self._phone.send(request).add_done_callback(self._asked)

    def _asked(self, future: Future[link.Reply]) -> None:
        error = future.exception()
        if isinstance(error, HaloDeskError):
            found = DeskNotice(level="error", message=error.message, todo=error.todo)
            self._post(lambda: self.notice(found))

    def phone_attached(self, snapshot: link.Snapshot) -> None:
        """The phone answers: take up what it is doing."""
        _log.info("phone_attached")
        if self._rescue.attached(snapshot):
            self._prove_mask_again()
        self._phone_problem = FETCHING if self._rescue.call is not None else None
        for registration in snapshot.registrations:
            self._registered(registration)
        for call in snapshot.calls:
            if self._owner_of(call) is None and self._session is not None and self._same_call(call):
                self._owners[call.key] = self._session
            if call.state != "ended" or call.key in self._owners:
                self._take_call(call)
        up = {call.key: call for call in snapshot.calls if call.state != "ended"}
        self._lose_missing_call(up)
        self._lift_stale_masks(up=bool(up) or self._rescue.call is not None)
        self._tell("registration")
        self._tell("call")

    def _lift_stale_masks(self, *, up: bool = True) -> None:
        """Leases of a life before, which no page of this one will release.

        During a call only that of a phone that was started again, and only when no page needs a
        mask or ours is proved.
        """
        mask = self._session.state.mask if self._session is not None else None
        mine = mask.lease if mask is not None else ""
        settled = mask is None or mask.phase in ("none", "held")
        for lease in self._phone.leases:
            if (lease == link.RESTART_LEASE and settled) if up else lease != mine:
                self._ask(link.Unmask(lease=lease))

    def phone_away(self, error: HaloDeskError) -> None:
        """The phone process died: its call is fetched back, or gone; the session stays."""
        self._phone_problem = DeskNotice(level="error", message=error.message, todo=error.todo)
        self._registrations.clear()
        if self._call is not None and self._call.state != "ended":
            if self._rescue.begin(self._call):
                self._phone_problem = FETCHING
                self._call = replace(self._call, state="connecting")
                self._distrust_mask()
                self._tell("call")
            else:
                self._not_rescued(self._call)
        self._tell("registration")

    def _distrust_mask(self) -> None:
        mask = self._session.state.mask if self._session is not None else None
        if self._session is not None and mask is not None and mask.phase in ("wanted", "held"):
            words = "The phone was restarted: checking that every recording is still masked."
            self._session.do(c.ReportMask(lease=mask.lease, phase="lost", message=words))

    def _prove_mask_again(self) -> None:
        session = self._session
        if session is not None and session.state.mask.phase in ("wanted", "held", "lost"):
            self._want_mask(session, session.state.mask.lease)

    def _not_rescued(self, call: link.CallInfo) -> None:
        self._rescue.settle()
        reason = "The phone process was lost."
        lost = replace(call, state="ended", ended_at=self._clock.wall(), reason=reason, recording=None)
        self._keep_recording(call, torn=True)
        self._take_call(lost, by="network")

    def phone_notice(self, notice: link.Notice) -> None:
        """One message of the phone."""
        match notice:
            case link.RegistrationChanged():
                self._registered(notice.registration)
                _log.info("registration", state=notice.registration.state, code=notice.registration.code)
                self._tell("registration")
            case link.CallChanged():
                self._take_call(notice.call)
            case link.Fault():
                self.notice(DeskNotice(level="error", message=notice.message, todo=notice.todo))
            case _:
                pass

    def _registered(self, registration: link.Registration) -> None:
        self._registrations[registration.account] = registration
        self._rescue.registered(registration)

    def _take_call(self, call: link.CallInfo, by: str = "") -> None:
        lost = self._rescue.call
        if lost is not None and lost.key == call.key and call.state == "ended":
            self._not_rescued(lost)
            return
        current = self._call
        if current is not None and current.key != call.key and current.state != "ended":
            if call.state == "incoming":
                self._ask(link.HangUp(call=call.key, code=486))
            return
        if current is not None and current.key != call.key and call.state == "ended":
            return
        self._call = call
        if call.state == "active":
            if lost is not None and lost.key == call.key:
                self._rescued(lost)
            self._follow(call)
            if current is not None and current.hold != call.hold != "pending":
                self._prove_mask_again()  # a PBX may have begun to record anew
            if self._session is None and self._owner_of(call) is None:
                self._begin(call)
        elif call.state == "ended":
            self._call_ended(call, by)
        self._tell("call")

    def _call_ended(self, call: link.CallInfo, by: str) -> None:
        self._masking.call_ended(call.sip_call_id)
        owner = self._owner_of(call)
        if owner is None:
            return
        who: Any = by or ("agent" if call.key in self._hung_up else "caller")
        owner.do(c.LoseCall(reason=call.reason or "The call has ended.", by=who))
        for lease in self._phone.leases:  # they ended with their call: our recorder must follow
            self._ask(link.Unmask(lease=lease))
        self._keep_recording(call)

    def _rescued(self, lost: link.CallInfo) -> None:
        """The call is back in another phone, and what was recorded before is a file of its own."""
        self._rescue.settle()
        self._phone_problem = None
        self._keep_recording(lost, torn=True)
        if lost.key in self._hung_up:
            self._ask(link.HangUp(call=lost.key))
        self.notice(BACK)
        self._tell("registration")

    def _follow(self, call: link.CallInfo) -> None:
        """A rescued call has a new SIP Call-ID: session and masks go along."""
        owner = self._owner_of(call)
        if owner is None or not call.rescued_from:
            return
        old = owner.state.call.sip_call_id
        if old != call.sip_call_id:
            owner.do(c.RescueCall(sip_call_id=call.sip_call_id))
            self._distrust_mask()
            self._masking.call_moved(old, call.sip_call_id)
            self._lift_stale_masks()

    def _keep_recording(self, call: link.CallInfo, *, torn: bool = False) -> None:
        owner = self._owner_of(call)
        if owner is not None and call.recording is not None:
            self._masking.digest(
                call.recording,
                lambda found, digest: self._post(partial(recordings.keep, owner, found, digest)),
                torn=torn,
            )

    def _owner_of(self, call: link.CallInfo) -> LiveSession | None:
        return self._owners.get(call.key)

    def _same_call(self, call: link.CallInfo) -> bool:
        mine = self._session.state.call.sip_call_id if self._session is not None else ""
        return mine != "" and mine in (call.sip_call_id, call.rescued_from)

    def _lose_missing_call(self, up: Mapping[str, link.CallInfo]) -> None:
        session = self._session
        if session is None or session.state.status != "running" or session.state.call_left:
            return
        if self._rescue.call is not None:
            return
        if session.state.call.sip_call_id and not any(self._same_call(call) for call in up.values()):
            self._masking.call_ended(session.state.call.sip_call_id)
            session.do(c.LoseCall(reason="The call ended while HaloDesk was away.", by="network"))

    # sessions

    def _begin(self, call: link.CallInfo) -> None:
        flow = self._campaigns.flow_for(call)
        if flow is None:
            message = f"No flow is set for calls to {call.called or 'this number'}."
            self.notice(DeskNotice(level="warning", message=message, todo="Tell your supervisor."))
            return
        log = SessionLog(session=secrets.token_hex(12), seat=self._seat, clock=self._clock)
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
        found = self._waiting.popleft()
        session = LiveSession(found.flow, found.log, self._store, self._kept, self._roles)
        session.restore(found.events, found.drafts)
        self._session = session
        _log.info("session_resumed", session=session.id, step=session.state.step)
        session.do(c.Restart())
        mask = session.state.mask
        if mask.phase in ("wanted", "held", "lost"):
            words = "HaloDesk was restarted: checking that every recording is still masked."
            session.do(c.ReportMask(lease=mask.lease, phase="lost", message=words))
            self._want_mask(session, mask.lease)
        elif mask.phase == "releasing":
            call = session.state.call.sip_call_id
            self._masking.take_back(mask.lease, call, self._reporter(session, mask.lease))
        for ask in session.state.effects.values():
            self._io.submit(self._effects.run(session.id, ask, scope(session.state), again=True))
        self._tell("session")

    def do(self, command: c.Command) -> c.Refused | None:
        """A wish to the session."""
        if self._session is None:
            return c.Refused(code="no_session", message="There is no session.")
        return self._session.do(command)

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
        self._session = None
        if self._call is not None and self._call.state == "ended":
            self._call = None
            self._tell("call")
        self._resume_next()
        self._begin_waiting()
        self._tell("session")

    def _begin_waiting(self) -> None:
        """The session of a call that was answered while the wrap-up before it was still open."""
        if self._session is None and self._call is not None and self._call.state == "active":
            self._begin(self._call)

    def _kept(self, session: LiveSession, events: Sequence[e.AnyEvent], durable: Future[Any]) -> None:
        self._after(durable, self._on_durable)
        for event in events:
            match event:
                case e.EffectRequested():
                    self._after(durable, self._start_effect, session, event)
                case e.EffectResolved():
                    self._io.call(self._effects.cancel, session.id, event.id)
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

    def settled(self, session_id: str, answer: c.Resolve) -> None:
        """What came of an effect; posted by the composition root."""
        session = self._find(session_id)
        if session is not None:
            session.do(answer)

    def _want_mask(self, session: LiveSession, lease: str) -> None:
        self._masking.want(lease, session.state.call.sip_call_id, self._reporter(session, lease))

    def _reporter(self, session: LiveSession, lease: str) -> Report:
        def report(
            phase: Any, by: tuple[str, ...], message: str, todo: str, positions: dict[str, int]
        ) -> None:
            command = c.ReportMask(
                lease=lease, phase=phase, confirmed_by=by, message=message, todo=todo, positions=positions
            )
            self._post(lambda: self._report(session, command))

        return report

    def _report(self, session: LiveSession, command: c.ReportMask) -> None:
        session.do(command)

    def _find(self, session_id: str) -> LiveSession | None:
        candidates = [*self._owners.values(), *([self._session] if self._session else [])]
        return next((session for session in candidates if session.id == session_id), None)

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
