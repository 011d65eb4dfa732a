"""`evolve(state, event) -> state`: folding facts, deciding nothing.

An event of a session that was recorded by an older release folds here just the same; a
rule that could change lives in `core.decide`, never here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from halodesk.engine import events as e
from halodesk.engine.effects import CHANGES, CHARGE, FUNCTION, VOID
from halodesk.engine.session import ALL_VALUES, Charge, Done, Mask, Session, Visit


def evolve(state: Session, event: e.AnyEvent) -> Session:
    """The state after the event."""
    return _FOLDS[type(event)](state, event)


def fold(events: Iterable[e.AnyEvent], state: Session | None = None) -> Session:
    """The state after all events."""
    state = state if state is not None else Session()
    for event in events:
        state = _FOLDS[type(event)](state, event)
    return state


def _with(values: Mapping[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**values, name: value}


def _without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def _started(state: Session, event: e.SessionStarted) -> Session:
    return Session(
        status="running",
        flow=event.flow,
        version=event.version,
        agent=event.agent,
        call=event.call,
        values=event.variables,
        cart=event.cart,
    )


def _entered(state: Session, event: e.StepEntered) -> Session:
    path, values, cart = state.path, state.values, state.cart
    if event.reason == "back":
        index = max(i for i, visit in enumerate(path) if visit.step == event.step and i < len(path) - 1)
        values, cart = path[index].values, path[index].cart
        path = path[:index]
    entry = Visit(
        step=event.step,
        visit=event.visit,
        came_from=event.came_from,
        route=event.route,
        values=values,
        cart=cart,
    )
    return replace(
        state,
        step=event.step,
        visit=event.visit,
        visits=_with(state.visits, event.step, event.visit),
        path=(*path, entry),
        values=values,
        cart=cart,
        stage="page",
        function=0,
        asked=0,
        secrets={},
        problem="",
    )


def _answered(state: Session, event: e.AnswerGiven) -> Session:
    return replace(state, values=_with(state.values, event.field, event.value))


def _secret(state: Session, event: e.SecretEntered) -> Session:
    return replace(state, secrets=_with(state.secrets, event.field, event.handle))


def _wiped(state: Session, event: e.SecretsWiped) -> Session:
    kept = {
        name: handle for name, handle in state.secrets.items() if event.fields and name not in event.fields
    }
    return replace(state, secrets=kept)


def _submitted(state: Session, event: e.Submitted) -> Session:
    return replace(state, stage="functions", function=0, problem="")


def _sent_back(state: Session, event: e.SentBack) -> Session:
    return replace(state, stage="page", function=0, problem=event.problem, cart=state.path[-1].cart)


def _variable(state: Session, event: e.VariableSet) -> Session:
    if event.name == ALL_VALUES:
        return replace(state, values=event.value)
    return replace(state, values=_with(state.values, event.name, event.value))


def _cart(state: Session, event: e.CartChanged) -> Session:
    return replace(state, cart=event.cart)


def _requested(state: Session, event: e.EffectRequested) -> Session:
    charges = state.charges
    if event.kind == CHARGE:
        charges = (*charges, _charge(event))
    elif event.kind in CHANGES:
        charges = tuple(
            replace(one, changing=event.kind, changes=one.changes + 1)
            if one.id == event.args.get("charge")
            else one
            for one in charges
        )
    # asked for on the way in, a page stays the page it is
    stage = state.stage if event.kind == FUNCTION or state.stage == "page" else "work"
    return replace(
        state,
        effects=_with(state.effects, event.id, event),
        asked=state.asked + 1,
        stage=stage,
        charges=charges,
    )


def _charge(event: e.EffectRequested) -> Charge:
    args = event.args
    return Charge(
        id=event.id,
        amount=args["amount"],
        currency=args["currency"],
        step=event.step,
        visit=event.visit,
        gateway=args.get("gateway", "default"),
        last4=args.get("last4", ""),
        brand=args.get("brand", ""),
        captured=args.get("capture", True),
    )


def _charged(charge: Charge, outcome: Any, result: Mapping[str, Any]) -> Charge:
    told = {name: str(result.get(name, "")) for name in ("reason", "charge_id", "auth_code", "avs", "cvv")}
    return replace(charge, outcome=outcome, **told)


def _changed(charge: Charge, kind: str, event: e.EffectResolved) -> Charge:
    if event.outcome != "ok":
        settled = charge.settled or event.result.get("code") == "already_settled"
        reason = str(event.result.get("reason", ""))
        return replace(charge, changing="", settled=settled, reason=reason)
    if kind == "capture":
        return replace(charge, changing="", captured=True)
    return replace(charge, changing="", outcome="voided" if kind == VOID else "refunded")


def _resolved(state: Session, event: e.EffectResolved) -> Session:
    request = state.effects.get(event.id)
    if request is None:
        return state
    charges = state.charges
    if request.kind == CHARGE:
        charges = tuple(
            _charged(charge, event.outcome, event.result) if charge.id == event.id else charge
            for charge in charges
        )
    elif request.kind in CHANGES and event.outcome != "unknown":
        charges = tuple(
            _changed(charge, request.kind, event) if charge.id == request.args.get("charge") else charge
            for charge in charges
        )
    if event.outcome == "unknown":
        words = str(event.result.get("reason", ""))
        return replace(state, unknown=_with(state.unknown, event.id, words), charges=charges)
    same_visit = (request.step, request.visit) == (state.step, state.visit)
    if request.kind == FUNCTION:
        return replace(
            state,
            effects=_without(state.effects, event.id),
            function=state.function + 1 if same_visit else state.function,
        )
    return replace(
        state,
        effects=_without(state.effects, event.id),
        unknown=_without(state.unknown, event.id),
        charges=charges,
        done=_done(state.done, request, event),
    )


def _done(done: tuple[Done, ...], request: e.EffectRequested, event: e.EffectResolved) -> tuple[Done, ...]:
    if "once" not in request.args or event.outcome != "ok":
        return done
    return (*done, Done(step=request.step, kind=request.kind, args=request.args, result=event.result))


def _mask(state: Session, event: e.MaskChanged) -> Session:
    if event.phase != "wanted" and event.lease != state.mask.lease:
        return state  # the last word on a lease that has already been given up
    return replace(
        state,
        mask=Mask(
            phase=event.phase,
            lease=event.lease if event.phase != "none" else "",
            step=event.step,
            confirmed_by=event.confirmed_by,
            message=event.message,
            todo=event.todo,
        ),
    )


def _note(state: Session, event: e.NoteAdded) -> Session:
    return replace(state, notes=(*state.notes, event.text))


def _recording(state: Session, event: e.RecordingKept) -> Session:
    return replace(state, recordings=(*state.recordings, event.path))


def _call_left(state: Session, event: e.CallLeft) -> Session:
    return replace(state, call_left=event.reason or event.by)


def _call_rescued(state: Session, event: e.CallRescued) -> Session:
    return replace(state, call=replace(state.call, sip_call_id=event.sip_call_id))


def _ended(state: Session, event: e.SessionEnded) -> Session:
    return replace(state, status="ended", disposition=event.disposition)


def _nothing(state: Session, event: e.AnyEvent) -> Session:
    return state


_FOLDS: dict[type[Any], Callable[[Session, Any], Session]] = {
    e.SessionStarted: _started,
    e.StepEntered: _entered,
    e.AnswerGiven: _answered,
    e.SecretEntered: _secret,
    e.SecretsWiped: _wiped,
    e.Submitted: _submitted,
    e.SentBack: _sent_back,
    e.VariableSet: _variable,
    e.CartChanged: _cart,
    e.EffectRequested: _requested,
    e.EffectResolved: _resolved,
    e.MaskChanged: _mask,
    e.NoteAdded: _note,
    e.Incident: _nothing,
    e.CallLeft: _call_left,
    e.RecordingKept: _recording,
    e.SessionEnded: _ended,
    e.CallRescued: _call_rescued,
    e.FlowAgentBegan: _nothing,
    e.FlowAgentTalk: _nothing,
    e.FlowAgentActed: _nothing,
    e.FlowAgentEnded: _nothing,
    e.ProposalSettled: _nothing,
}
