"""The state of an agent, as a pure machine: no clock, no PBX, no window.

Rules:
- The agent *chooses* offline, ready, or not ready with a reason. Ringing and talking are what the calls
  do; wrap-up is what a call leaves behind. What is shown is the first that holds of: talking, ringing,
  wrap-up, the choice. So a choice made in mid-call counts as soon as the call and its wrap-up are over.
- Wrap-up begins when an answered call ends. It is over when its time is, but never before the session of
  the call has been put away and, where settings force it, the call has an outcome. Whoever is ready
  sooner says so, and is refused as long as something is owed.
- A call that rang in vain makes a ready agent not ready: somebody must be there.
- Every function takes the state and the time (Unix seconds) and returns another state, or a refusal.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from halodesk.engine.commands import Refused
from halodesk.runtime.agent_settings import AgentRules

Choice = Literal["offline", "ready", "not_ready"]
Shown = Literal["offline", "ready", "not_ready", "ringing", "talking", "wrap_up"]

MISSED = "Missed call"
"""The reason HaloDesk itself gives."""


class Debt(msgspec.Struct, frozen=True, kw_only=True):
    """A call without an outcome."""

    call: str
    """Key of the call."""
    number: str = ""


class WrapUp(msgspec.Struct, frozen=True, kw_only=True):
    """What a call, or several, have left behind."""

    last: Debt
    """The call that ended last."""
    session: str = ""
    began: float
    until: float | None = None
    """When its time is over; None: it has no time limit."""
    debts: tuple[Debt, ...] = ()
    """Outcomes that are owed, the oldest first."""
    session_open: bool = False


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `since`: when what is shown began to be so."""

    choice: Choice = "ready"
    reason: str = ""
    wrap_up: WrapUp | None = None
    ringing: bool = False
    talking: bool = False
    since: float = 0.0

    @property
    def shown(self) -> Shown:
        """What others see."""
        if self.talking:
            return "talking"
        if self.ringing:
            return "ringing"
        return "wrap_up" if self.wrap_up is not None else self.choice

    @property
    def shown_reason(self) -> str:
        """The reason that goes with `shown`."""
        return self.reason if self.shown == "not_ready" else ""

    @property
    def takes_calls(self) -> bool:
        """Whether a queue may offer a call now; one that rings is being offered."""
        return self.choice == "ready" and not self.talking and self.wrap_up is None


def begin(left: AgentState | None, rules: AgentRules, now: float) -> AgentState:
    """At start-up; `left`: the last state on disk. Calls are told anew by the phone."""
    if left is None:
        return AgentState(choice="not_ready" if rules.at_start == "not_ready" else "ready", since=now)
    state = replace(left, ringing=False, talking=False, since=now)
    if rules.at_start == "ready" and state.choice != "ready":
        return replace(state, choice="ready", reason="")
    if rules.at_start == "not_ready" and state.choice == "ready":
        return replace(state, choice="not_ready", reason="")
    return state


def choose(
    state: AgentState, rules: AgentRules, choice: Choice, reason: str, now: float
) -> AgentState | Refused:
    """The agent's own word."""
    if choice == "not_ready" and rules.reasons and reason not in rules.reasons:
        return Refused(code="reason", message="Say why you are not ready.")
    wrap_up = state.wrap_up
    if choice == "ready" and wrap_up is not None and not (state.talking or state.ringing):
        owed = owes(wrap_up)
        if owed is not None:
            return owed
        wrap_up = None
    return _since(
        state,
        replace(state, choice=choice, reason=reason if choice == "not_ready" else "", wrap_up=wrap_up),
        now,
    )


def owes(wrap_up: WrapUp) -> Refused | None:
    """What must be done before this wrap-up can end."""
    if wrap_up.debts:
        return Refused(code="outcome", message="Choose first how the call ended.")
    if wrap_up.session_open:
        return Refused(code="session", message="Finish the open session first.")
    return None


def calls(state: AgentState, *, ringing: bool, talking: bool, now: float) -> AgentState:
    """What the calls do."""
    return _since(state, replace(state, ringing=ringing, talking=talking), now)


def call_over(
    state: AgentState,
    rules: AgentRules,
    *,
    call: str,
    number: str,
    session: str,
    session_open: bool,
    outcome: str,
    now: float,
) -> AgentState:
    """An answered call of a customer has ended. `outcome`: what its flow already says of it."""
    this = Debt(call=call, number=number)
    owed = forced(rules) and not outcome and not session_open
    before = state.wrap_up
    debts = (*(before.debts if before is not None else ()), *((this,) if owed else ()))
    if before is not None and before.session_open and not session_open:
        session, session_open = before.session, True  # the second call's turn has not come
    if not (rules.wrap_up_s or debts or session_open):
        return state
    wrap_up = WrapUp(
        last=this,
        session=session,
        began=now,
        until=now + rules.wrap_up_s if rules.wrap_up_s else None,
        debts=debts,
        session_open=session_open,
    )
    return _since(state, replace(state, wrap_up=wrap_up), now)


def forced(rules: AgentRules) -> bool:
    """Whether each call must have an outcome."""
    return rules.force_disposition and bool(rules.dispositions)


def session_ended(
    state: AgentState, rules: AgentRules, *, session: str, call: str, number: str, outcome: str
) -> AgentState:
    """The flow came to its end: where it gave no outcome, the agent owes one."""
    wrap_up = state.wrap_up
    if wrap_up is None or wrap_up.session != session or not wrap_up.session_open:
        return state
    if outcome or not forced(rules) or any(debt.call == call for debt in wrap_up.debts):
        return state
    debts = (*wrap_up.debts, Debt(call=call, number=number))
    return replace(state, wrap_up=replace(wrap_up, debts=debts))


def session_put_away(state: AgentState, now: float) -> AgentState:
    """The session's page is closed. Whoever closes it is done; what is owed stays owed."""
    wrap_up = state.wrap_up
    if wrap_up is None or not wrap_up.session_open:
        return state
    left = replace(wrap_up, session_open=False) if wrap_up.debts else None
    return _since(state, replace(state, wrap_up=left), now)


def outcome_chosen(state: AgentState, rules: AgentRules, outcome: str, now: float) -> AgentState | Refused:
    """How the call ended that has waited longest for an outcome, in the agent's own choice."""
    wrap_up = state.wrap_up
    if wrap_up is None or not wrap_up.debts:
        return Refused(code="no_outcome", message="No call waits for an outcome.")
    if outcome not in rules.dispositions:
        return Refused(code="outcome", message="Choose one of the outcomes.")
    paid = replace(wrap_up, debts=wrap_up.debts[1:])
    return tick(replace(state, wrap_up=paid), now)


def extend(state: AgentState, rules: AgentRules, now: float) -> AgentState | Refused:
    """More time, counted from the end of the wrap-up or from now if that has passed."""
    wrap_up = state.wrap_up
    if wrap_up is None or wrap_up.until is None:
        return Refused(code="no_wrap_up", message="There is no wrap-up whose time could be longer.")
    return replace(state, wrap_up=replace(wrap_up, until=max(wrap_up.until, now) + rules.wrap_up_more_s))


def tick(state: AgentState, now: float) -> AgentState:
    """Time passes: a wrap-up that owes nothing ends with its time."""
    wrap_up = state.wrap_up
    if wrap_up is None or owes(wrap_up) is not None:
        return state
    if wrap_up.until is not None and now < wrap_up.until:
        return state
    return _since(state, replace(state, wrap_up=None), now)


def missed(state: AgentState, rules: AgentRules, rang_s: float, now: float) -> AgentState:
    """A call rang in vain for `rang_s` seconds."""
    if not rules.missed_not_ready or state.choice != "ready" or rang_s < rules.missed_after_s:
        return state
    if state.talking or state.wrap_up is not None:  # a second call that waited: he is there
        return state
    return _since(state, replace(state, choice="not_ready", reason=MISSED), now)


def _since(before: AgentState, after: AgentState, now: float) -> AgentState:
    same = (before.shown, before.shown_reason) == (after.shown, after.shown_reason)
    return after if same else replace(after, since=now)
