"""The desk and its phone: what the phone tells of calls, and what that means for session and mask.

Rules:
- One call is in hand: the customer's, whose session is on the Desk. Legs beside it wait, are held, or
  were made for its sake; when it ends one of them takes its place.
- A second customer waits until he is answered, where the seat allows it; else he is told "busy". Then he
  is in hand, and the first one's session is parked (`desk_customers`).
- The phone may die in mid-call: its successor fetches the call in hand back (`rescue`), the session
  goes on. Legs beside it are lost with their phone, and the agent is told.
- A mask covers every leg that is up and in which the customer, or what is spoken for his sake, can be
  heard: consultations and conferences (`_follow_legs`). Not a second customer who is held, and no call
  for help.
- A mask is proved again after hold, conference and transfer: a PBX may have begun to record anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol import phone_link as link
from halodesk.runtime import recordings
from halodesk.runtime.auto_answer import AutoAnswer
from halodesk.runtime.desk_customers import DeskCustomers, has_session
from halodesk.runtime.masking import Masking, Report
from halodesk.runtime.ports import Clock, DeskNotice, PhonePort
from halodesk.runtime.rescue import BACK, FETCHING, CallRescue
from halodesk.runtime.session import LiveSession
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("desk")


class LinePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the seat does with more than one call."""

    call_waiting: bool = True
    """A second call rings; else its caller is told that the line is busy."""
    watched_transfer: bool = True
    """A blind transfer is rung by us first, so that the caller can come back; else the PBX does it."""
    emergency: tuple[str, ...] = ("112", "911", "999")


class DeskPhone(DeskCustomers, ABC):
    """Base of `DeskCalls`."""

    def __init__(
        self,
        agent: str,
        account: str,
        *,
        phone: PhonePort,
        masking: Masking,
        io: IoThread,
        post: Post,
        clock: Clock,
        lines: LinePolicy,
    ) -> None:
        super().__init__(agent, account)
        self._phone, self._masking, self._lines = phone, masking, lines
        self._io, self._post, self._clock = io, post, clock
        self.answers_itself: Callable[[], bool] = lambda: True
        """Asked when a call is about to be answered by itself: whether the agent takes calls now."""
        self._hung_up: set[str] = set()
        self._phones_own: set[str] = set()
        """Legs after which the phone itself takes the caller back."""
        self._auto_answer = AutoAnswer(
            self._may_answer_itself, lambda key: self._ask(link.AnswerCall(call=key)), io=io, post=post
        )
        self._rescue = CallRescue(self._phone.send, io, post, self._not_rescued)

    @abstractmethod
    def _begin(self, call: link.CallInfo) -> None:
        """A session for an answered call."""

    @abstractmethod
    def _leg_told(self, call: link.CallInfo, before: link.CallInfo | None) -> None:
        """A call or leg has changed: what is under way with it goes on."""

    def hung_up_here(self, key: str) -> bool:
        """Whether somebody at this seat asked for the end of this call. On any thread."""
        return key in self._hung_up

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
        for call in sorted(snapshot.calls, key=self._comes_later):
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
        self._lose_legs()
        if self._call is not None and self._call.state != "ended":
            if self._rescue.begin(self._call):
                self._phone_problem = FETCHING
                self._call = replace(self._call, state="connecting")
                self._distrust_mask()
                self._tell("call")
            else:
                self._not_rescued(self._call)
        self._tell("registration")

    def _lose_legs(self) -> None:
        for call in list(self._others.values()):
            who = call.remote_name or call.remote_number
            reason = "The phone process was lost."
            lost = replace(call, state="ended", ended_at=self._clock.wall(), reason=reason, recording=None)
            self._take_leg(lost)
            self.notice(DeskNotice(level="error", message=f"The call with {who} was lost with the phone."))

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
        if current is not None and current.key != call.key:
            if current.state != "ended" or call.key in self._others:
                self._take_leg(call)
                return
            if call.state == "ended":
                return
        self._call = call
        self._auto_answer.heard(call)
        if call.state == "active":
            if lost is not None and lost.key == call.key:
                self._rescued(lost)
            self._follow(call)
            if current is not None and _may_record_anew(current, call):
                self._prove_mask_again()
            self._begin_if_due(call)
        elif call.state == "ended":
            self._call_ended(call, by)
        self._leg_told(call, current if current is not None and current.key == call.key else None)
        if call.state == "ended":
            self._promote()
        self._follow_legs()
        self._follow_hand()
        self._tell("call")

    def _take_leg(self, call: link.CallInfo) -> None:
        """A call beside the one in hand."""
        before = self._others.pop(call.key, None)
        if call.state == "ended":
            if before is None and not call.beside:
                return  # it was told to be busy
            self._lose_parked(call)
            self._masking.leg_ended(call.sip_call_id)
            self._keep_recording(call)
        elif call.state == "incoming" and before is None and not self._lines.call_waiting:
            self._ask(link.HangUp(call=call.key, code=486))
            return
        else:
            self._others[call.key] = call
            if before is not None and before.state != call.state == "active":
                self._prove_mask_again()
        self._leg_told(call, before)
        self._follow_legs()
        self._follow_hand()
        self._tell("call")

    def _follow_legs(self) -> None:
        """Tell the masks which legs are up beside the call of each session."""
        for own in self.legs:
            owner = self._open_session_of(own)
            if owner is None and self._session is not None and self._same_call(own):
                owner = self._session
            if owner is not None and owner.state.call.sip_call_id == own.sip_call_id:
                beside = (leg for leg in self.legs if leg is not own and self._hears_of(own, leg))
                self._masking.legs_are(own.sip_call_id, tuple(sorted(leg.sip_call_id for leg in beside)))

    def _help_in_conference(self) -> bool:
        return any(leg.conference and leg.emergency for leg in self.legs)

    def _hears_of(self, own: link.CallInfo, leg: link.CallInfo) -> bool:
        """Whether a leg is to be masked with the customer's call `own`; a PBX may record it unanswered."""
        up = leg.state == "active" or (leg.direction == "out" and leg.state == "early")
        if not up or leg.emergency or not leg.sip_call_id:
            return False
        return (own.conference and leg.conference) or self._open_session_of(leg) is None

    def _lose_parked(self, call: link.CallInfo) -> None:
        """The call of a parked session has ended."""
        owner = self._open_session_of(call)
        if owner is not None:
            self._masking.call_ended(call.sip_call_id)
            ours = call.key in self._hung_up
            owner.do(
                c.LoseCall(reason=call.reason or "The call has ended.", by="agent" if ours else "caller")
            )

    def _may_answer_itself(self, key: str) -> bool:
        """The call still rings, alone, no session is open, and somebody is signed in."""
        call = self._call
        rings = call is not None and call.key == key and call.state == "incoming"
        free = self._attended and not self._others and self._session is None
        return rings and free and self.answers_itself()

    def _promote(self) -> None:
        """The call in hand is over: one beside it takes its place, the one that is spoken with first."""
        if not self._others:
            return
        rank = {"active": 0, "incoming": 2}
        first = min(self._others.values(), key=lambda leg: (rank.get(leg.state, 1), leg.hold == "on"))
        self._call = self._others.pop(first.key)
        self._begin_if_due(first)

    def _begin_if_due(self, call: link.CallInfo) -> None:
        free = self._session is None and self._owner_of(call) is None
        if free and call.state == "active" and has_session(call):
            self._begin(call)

    def _comes_later(self, call: link.CallInfo) -> tuple[bool, bool, bool]:
        """Order in which calls that are up are taken: the session's own first."""
        mine = call.key in self._owners or self._same_call(call)
        return not mine, bool(call.beside), call.state == "incoming"

    def _call_ended(self, call: link.CallInfo, by: str) -> None:
        self._masking.call_ended(call.sip_call_id)
        owner = self._owner_of(call)
        if owner is None:
            return
        ours = call.key in self._hung_up or call.transfer == "done"
        who: Any = by or ("agent" if ours else "caller")
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

    def _want_mask(self, session: LiveSession, lease: str) -> None:
        if self._help_in_conference():
            words = "A call for help is in the conference, and nothing masks it."
            told = c.ReportMask(lease=lease, phase="lost", message=words, todo="Take the conference apart.")
            self._post(lambda: self._report(session, told))
            return
        self._follow_legs()
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


def _may_record_anew(before: link.CallInfo, now: link.CallInfo) -> bool:
    """Hold, conference and a transfer that failed change the media: a PBX may have begun a new recording."""
    changed = before.hold != now.hold != "pending"
    return changed or before.conference != now.conference or before.transfer != now.transfer == "failed"
