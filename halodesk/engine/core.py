"""`decide(flow, state, command) -> events | Refused`: all rules of a running session.

Rules:
- Pure: no clock, no randomness, no I/O. The same flow, state and command give the same
  events for ever.
- Order on submit: fields, functions, cart actions, the step's own work, routes (first match
  wins), fallback. Functions and work are effects, so a submit may span several commands;
  where it stands is in `Session.stage`.
- Cart actions and work run on submit only, once a visit. Going back restores the values
  and the cart before the step; charges are never taken back by it.
- A sensitive step asks for the mask on entry, takes secrets and a submit only while it is
  held, and gives secrets up first and the mask second when it is left.
- The end of the call leads to the wrap-up with everything kept and secrets wiped; an effect
  in flight is waited for first.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from halodesk.engine import cart as carts
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.conditions import holds
from halodesk.engine.evolve import CHARGE, evolve
from halodesk.engine.fields.base import Problem
from halodesk.engine.flow import Flow, Step, content_hash
from halodesk.engine.pan import has_card_number
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.rules import is_sensitive, missing, previous_page, wrap_up_step
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Ask, StepType, read_config
from halodesk.engine.steps.end import Config as EndConfig

MAX_HOPS = 100
"""Steps without a page that may follow each other before it counts as an endless loop."""


_LATE = c.LoseCall | c.KeepRecording | c.ReportMask | c.Resolve
"""Facts that may come in after the session has ended; nothing else may."""


def decide(flow: Flow, state: Session, command: c.Command) -> list[e.AnyEvent] | c.Refused:
    """The facts that follow from a wish, or why there are none."""
    if isinstance(command, c.Start):
        return _Decision(flow, state).start(command)
    if state.status == "ended" and isinstance(command, _LATE):
        return _Decision(flow, state).late(command)
    if state.status != "running":
        return c.Refused(code="not_running", message="This session is closed.")
    return _Decision(flow, state).take(command)


class _Decision:
    """One run of `decide`: collects events and folds each at once."""

    def __init__(self, flow: Flow, state: Session) -> None:
        self.flow = flow
        self.state = state
        self.events: list[e.AnyEvent] = []
        self.hops = 0

    def emit(self, event: e.AnyEvent) -> None:
        self.events.append(event)
        self.state = evolve(self.state, event)

    @property
    def step(self) -> Step:
        step = self.flow.step(self.state.step)
        if step is None:
            raise KeyError(self.state.step)  # the flow is not the one of this session: a bug of the caller
        return step

    @property
    def kind(self) -> StepType:
        return step_types()[self.step.type]

    # commands

    def start(self, command: c.Start) -> list[e.AnyEvent] | c.Refused:
        if self.state.status != "new":
            return c.Refused(code="running", message="This session has already begun.")
        unknown = sorted({step.type for step in self.flow.steps} - set(step_types()))
        if unknown:
            return c.Refused(
                code="unknown_step_type",
                message=f"This flow uses step types this version does not know: {', '.join(unknown)}.",
                todo="Update HaloDesk on this seat.",
            )
        if self.flow.step(self.flow.start) is None:
            return c.Refused(code="no_start", message="This flow has no start step.")
        variables = {variable.name: variable.default for variable in self.flow.variables}
        for step in self.flow.steps:
            variables |= {field.name: field.default for field in step.fields if field.default is not None}
        self.emit(
            e.SessionStarted(
                flow=self.flow.key,
                flow_name=self.flow.name,
                version=self.flow.version,
                flow_hash=content_hash(self.flow),
                agent=command.agent,
                call=command.call,
                variables={**variables, **self._prefill(command.prefill)},
                cart=carts.Cart(currency=self.flow.catalogue.currency),
            )
        )
        self.enter(self.flow.start, "start")
        return self.events

    def take(self, command: c.Command) -> list[e.AnyEvent] | c.Refused:
        refused: c.Refused | None = None
        match command:
            case c.Answer():
                refused = self.answer(command)
            case c.EnterSecret():
                refused = self.enter_secret(command)
            case c.ClearSecret():
                if command.field in self.state.secrets:
                    self.emit(e.SecretsWiped(step=self.state.step, reason="cleared", fields=(command.field,)))
            case c.Submit():
                refused = self.submit(command)
            case c.Back():
                refused = self.back()
            case c.Resolve():
                refused = self.resolve(command)
            case c.ReportMask():
                self.report_mask(command)
            case c.LoseCall():
                self.lose_call(command)
            case c.KeepRecording():
                self.keep_recording(command)
            case c.AddNote():
                refused = self.note(command)
            case c.Restart():
                self.restart()
            case c.Abandon():
                self.leave("left")
                self.emit(e.SessionEnded(disposition=command.disposition, reason="abandoned"))
            case c.Start():
                refused = c.Refused(code="running", message="This session has already begun.")
        if refused is None:
            return self.events
        kept = tuple(event for event in self.events if isinstance(event, e.Incident))
        return replace(refused, incidents=kept)

    def late(self, command: c.Command) -> list[e.AnyEvent]:
        """Facts that arrive after the end are kept; nothing moves any more."""
        match command:
            case c.LoseCall() if not self.state.call_left:
                self.emit(e.CallLeft(reason=command.reason, by=command.by))
            case c.KeepRecording():
                self.keep_recording(command)
            case c.ReportMask():
                self.report_mask(command)
            case c.Resolve() if command.id in self.state.effects:
                self.emit(e.EffectResolved(id=command.id, outcome=command.outcome, result=command.result))
            case _:
                pass
        return self.events

    def answer(self, command: c.Answer) -> c.Refused | None:
        field = self.step.field(command.field)
        if field is None or field.read_only:
            return c.Refused(
                code="no_such_field", message="This step does not ask for that.", field=command.field
            )
        if self.state.stage != "page":
            return c.Refused(
                code="busy", message="Please wait: this step is still working.", field=command.field
            )
        known = field_types().get(field.type)
        if known is None:
            return c.Refused(
                code="unknown_field_type", message="Update HaloDesk to use this field.", field=field.name
            )
        value = known.normalise(field, command.raw)
        if isinstance(value, Problem):
            if value.incident:
                self.emit(e.Incident(code=value.incident, message=value.message, step=self.step.key))
            return c.Refused(code="invalid", message=value.message, field=field.name)
        if self.state.values.get(field.name) != value:
            self.emit(e.AnswerGiven(step=self.step.key, field=field.name, value=value))
        return None

    def enter_secret(self, command: c.EnterSecret) -> c.Refused | None:
        field = self.step.field(command.field)
        if field is None or field.type != "encrypted":
            return c.Refused(code="no_such_field", message="This step has no such secure field.")
        if self.state.mask.phase != "held":
            return c.Refused(
                code="not_masked",
                message="The recording is not masked.",
                todo=self.state.mask.todo,
                field=field.name,
            )
        if command.problem:
            return c.Refused(code="invalid", message=command.problem, field=field.name)
        if self.state.secrets.get(field.name) != command.handle:
            self.emit(e.SecretEntered(step=self.step.key, field=field.name, handle=command.handle))
        return None

    def submit(self, command: c.Submit) -> c.Refused | None:
        state = self.state
        if state.stage != "page":
            if command.choice == "on_unknown" and state.unknown:
                return self.leave_unknown()
            return c.Refused(code="busy", message="Please wait: this step is still working.")
        if is_sensitive(self.step) and state.mask.phase != "held":
            return c.Refused(
                code="not_masked",
                message=state.mask.message or "The recording is not masked yet.",
                todo=state.mask.todo,
            )
        if command.choice:
            refused = self.choose(command.choice)
            if refused is not None:
                return refused
        errors = missing(self.step, self.state)
        if errors:
            first = next(iter(errors))
            return c.Refused(code="incomplete", message=errors[first], field=first, errors=errors)
        self.emit(e.Submitted(step=self.step.key, visit=self.state.visit))
        self.proceed()
        return None

    def choose(self, choice: str) -> c.Refused | None:
        name, _, value = choice.partition("=")
        field = self.step.field(name)
        if field is None:
            return c.Refused(code="no_such_choice", message="This step has no such button.")
        return self.answer(c.Answer(field=name, raw=value))

    def back(self) -> c.Refused | None:
        target = previous_page(self.flow, self.state)
        if isinstance(target, c.Refused):
            return target
        step = self.flow.step(target)
        own = {field.name for field in step.fields} if step is not None else set()
        typed = {name: self.state.values[name] for name in own if name in self.state.values}
        self.enter(target, "back")
        for name, value in typed.items():
            if self.state.values.get(name) != value:
                self.emit(e.AnswerGiven(step=target, field=name, value=value))
        return None

    def resolve(self, command: c.Resolve) -> c.Refused | None:
        ask = self.state.effects.get(command.id)
        if ask is None:
            return c.Refused(code="no_such_effect", message="This was answered already.")
        here = (ask.step, ask.visit) == (self.state.step, self.state.visit)
        if ask.kind == "function":
            self.resolve_function(ask, command, here)
            return None
        step = self.flow.step(ask.step)
        settled = step_types()[step.type].settle(self.flow, step, self.state, ask, command) if step else None
        self.emit(e.EffectResolved(id=command.id, outcome=command.outcome, result=command.result))
        if ask.kind == "tokenise":
            self.wipe("used")
        if settled is None or not (settled.go or settled.stay):
            return None
        if settled.freeze_cart:
            self.emit(e.CartChanged(action="freeze", cart=replace(self.state.cart, frozen=True)))
        for name, value in settled.values.items():
            self.emit(e.VariableSet(name=name, value=value, source=ask.kind))
        if not here:
            self.emit(
                e.Incident(
                    code="late_answer",
                    message=f"The {ask.kind} of an earlier step was settled: {command.outcome}.",
                    step=ask.step,
                )
            )
        elif settled.go:
            self.route()
        else:
            self.send_back(settled.problem)
        return None

    def resolve_function(self, ask: e.EffectRequested, command: c.Resolve, here: bool) -> None:
        self.emit(e.EffectResolved(id=command.id, outcome=command.outcome, result=command.result))
        if not here:
            return
        value = command.result.get("value") if command.outcome == "ok" else None
        self.emit(e.VariableSet(name=ask.args["target"], value=value, source="function"))
        if command.outcome != "ok":
            message = str(command.result.get("reason", "The function failed."))
            self.emit(e.Incident(code="function_failed", message=message, step=ask.step))
            on_error = self.step.functions[self.state.function - 1].on_error
            if on_error:
                self.enter(on_error, "error")
                return
        self.proceed()

    def report_mask(self, command: c.ReportMask) -> None:
        self.emit(
            e.MaskChanged(
                phase=command.phase,
                step=self.state.step,
                lease=command.lease,
                confirmed_by=command.confirmed_by,
                message=command.message,
                todo=command.todo,
                positions=command.positions,
            )
        )
        if command.phase == "lost" and self.state.mask.lease == command.lease:
            self.wipe("mask_lost")

    def keep_recording(self, command: c.KeepRecording) -> None:
        self.emit(e.RecordingKept(**{name: getattr(command, name) for name in command.__struct_fields__}))

    def lose_call(self, command: c.LoseCall) -> None:
        if self.state.call_left:
            return
        self.emit(e.CallLeft(reason=command.reason, by=command.by))
        if self.state.stage != "page" and self.state.effects:
            return  # a charge may be under way: its answer decides where the session goes
        self.to_wrap_up()

    def note(self, command: c.AddNote) -> c.Refused | None:
        text = command.text.strip()[:4000]
        if has_card_number(text):
            message = "A note must not hold a card number."
            self.emit(e.Incident(code="card_number_in_note", message=message, step=self.state.step))
            return c.Refused(code="invalid", message=message)
        if text:
            self.emit(e.NoteAdded(text=text))
        return None

    def restart(self) -> None:
        self.wipe("restart")
        for ask in list(self.state.effects.values()):
            if ask.kind == "tokenise":  # its digits died with the old process
                self.resolve(
                    c.Resolve(
                        id=ask.id,
                        outcome="failed",
                        result={"reason": "HaloDesk was restarted. Nothing was charged."},
                    )
                )

    # moving on

    def proceed(self) -> None:
        step, state = self.step, self.state
        if state.function < len(step.functions):
            function = step.functions[state.function]
            self.ask(
                Ask(
                    kind="function",
                    args={
                        "target": function.target,
                        "expression": function.expression,
                        "timeout_ms": function.timeout_ms,
                    },
                )
            )
            return
        values = scope(state)
        for action in step.cart_actions:
            if holds(action.when, values):
                self.change_cart(action.action, action.args)
        work = self.kind.work(self.flow, step, self.state)
        if work.refused is not None:
            self.send_back(work.refused.message)
            return
        for action in work.cart:
            self.change_cart(action.action, action.args)
        for name, value in work.values.items():
            self.emit(e.VariableSet(name=name, value=value, source=step.type))
        if work.ask is not None:
            self.ask(work.ask)
        else:
            self.route()

    def send_back(self, problem: str) -> None:
        """The step's own work says no: its page opens again, the cart as it was on entry.

        Without a page the session goes the fallback's way.
        """
        if self.state.call_left:
            self.to_wrap_up()
        elif self.kind.shows_page:
            self.emit(e.SentBack(step=self.step.key, problem=problem))
        else:
            self.emit(e.Incident(code="work_refused", message=problem, step=self.step.key))
            self.follow(self.step.fallback, "fallback", self.step.fallback_label)

    def change_cart(self, action: str, args: dict[str, Any]) -> None:
        cart = carts.apply(self.state.cart, action, args, self.flow.catalogue)
        if isinstance(cart, carts.CartRefusal):
            self.emit(e.Incident(code="cart_refused", message=cart.message, step=self.state.step))
        elif cart != self.state.cart:
            self.emit(e.CartChanged(action=action, cart=cart))

    def ask(self, ask: Ask) -> None:
        serial = self.state.function if ask.kind == "function" else 0
        self.emit(
            e.EffectRequested(
                id=f"{self.state.step}.{self.state.visit}.{ask.kind}.{serial}",
                kind=ask.kind,
                step=self.state.step,
                visit=self.state.visit,
                args=ask.args,
            )
        )

    def route(self) -> None:
        step = self.step
        if step.type == "end":
            self.leave("left")
            name = read_config(EndConfig, step).disposition
            self.emit(e.SessionEnded(disposition=str(self.state.values.get(name) or ""), reason="completed"))
            return
        if self.state.call_left:
            self.to_wrap_up()
            return
        values = scope(self.state)
        for route in step.routes:
            if holds(route.when, values):
                self.follow(route.to, "route", route.label)
                return
        self.follow(step.fallback, "fallback", step.fallback_label)

    def follow(self, target: str, reason: e.EnterReason, label: str) -> None:
        if self.flow.step(target) is None:
            message = f'"{self.step.title or self.step.key}" leads nowhere; the session goes to its wrap-up.'
            self.emit(e.Incident(code="dead_end", message=message, step=self.step.key))
            self.to_wrap_up()
            return
        self.enter(target, reason, label)

    def enter(self, target: str, reason: e.EnterReason, label: str = "") -> None:
        came_from, step = self.state.step, self.flow.step(target)
        if step is None:
            raise KeyError(target)
        if came_from:
            self.leave("hang_up" if reason == "hang_up" else "left", stays_masked=is_sensitive(step))
        visit = self.state.visits.get(target, 0) + 1
        self.emit(e.StepEntered(step=target, visit=visit, reason=reason, route=label, came_from=came_from))
        if is_sensitive(step) and self.state.mask.phase in ("none", "releasing"):
            self.emit(e.MaskChanged(phase="wanted", step=target, lease=f"{target}.{visit}"))
        if not step_types()[step.type].shows_page:
            self.hops += 1
            if self.hops > MAX_HOPS:
                self.emit(
                    e.Incident(
                        code="endless_loop",
                        message="The flow goes round in circles without a page.",
                        step=target,
                    )
                )
                self.to_wrap_up()
                return
            self.emit(e.Submitted(step=target, visit=visit))
            self.proceed()

    def leave(self, reason: Any, *, stays_masked: bool = False) -> None:
        self.wipe(reason)
        mask = self.state.mask
        if mask.phase in ("wanted", "held", "lost") and not stays_masked:
            self.emit(e.MaskChanged(phase="releasing", step=self.state.step, lease=mask.lease))

    def wipe(self, reason: Any) -> None:
        if self.state.secrets:
            self.emit(e.SecretsWiped(step=self.state.step, reason=reason))

    def to_wrap_up(self) -> None:
        target = wrap_up_step(self.flow)
        if target is not None and self.state.step != target.key:
            self.enter(target.key, "hang_up")

    def leave_unknown(self) -> c.Refused | None:
        target = str(self.step.config.get("on_unknown", ""))
        if self.flow.step(target) is None:
            return c.Refused(
                code="must_wait", message="The gateway has not answered yet: this step has to wait."
            )
        for effect, words in self.state.unknown.items():
            if self.state.effects[effect].kind == CHARGE:
                message = f"The charge {effect} is not settled: {words or 'no answer'}. It must be looked up."
                self.emit(e.Incident(code="charge_unsettled", message=message, step=self.step.key))
        self.enter(target, "error")
        return None

    def _prefill(self, given: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, raw in given.items():
            field = self.flow.field(name)
            known = field_types().get(field.type) if field else None
            if field is None or known is None:
                continue
            value = known.normalise(field, raw)
            if not isinstance(value, Problem) and value is not None:
                values[name] = value
        return values
