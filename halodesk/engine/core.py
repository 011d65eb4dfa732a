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
  held, and gives secrets up first and the mask second when it is left. A word on a mask that
  is not the current one, or has been given up, changes nothing.
- The end of the call leads to the wrap-up with everything kept and secrets wiped; an effect
  in flight is waited for first, and no new one is begun after it. There is no way back then.
- While nobody knows what became of a charge, no other is made.
- What a machine proposed goes the same way as what is typed, and not at all on a sensitive step.
- A page for a role takes answers, secrets and a submit from who has it, or once somebody who has it
  has opened this visit. Going back, notes and the end of the call ask for no role.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from halodesk.engine import cart as carts
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.errors import DocumentError
from halodesk.engine.fields.base import CARD_NUMBER, Problem
from halodesk.engine.flow import Flow, content_hash
from halodesk.engine.flow_agent.data import without_cards
from halodesk.engine.options import with_options
from halodesk.engine.pan import has_card_number
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.roles import holds_role, words_of
from halodesk.engine.rules import (
    UNLOCKED,
    broken_rule,
    is_sensitive,
    lacks_role,
    missing,
    previous_page,
)
from halodesk.engine.session import Session, scope
from halodesk.engine.settling import Settling
from halodesk.engine.steps.base import Chosen, read_config

_LATE = c.LoseCall | c.KeepRecording | c.ReportMask | c.Resolve
"""Facts that may come in after the session has ended; nothing else may."""


def decide(
    flow: Flow, state: Session, command: c.Command, moment: Moment | None = None
) -> list[e.AnyEvent] | c.Refused:
    """The facts that follow from a wish, or why there are none.

    `moment` is what is so outside just now (the time, the agent's roles).
    """
    if isinstance(command, c.NoteFlowAgent) and state.status != "new":
        return [_clean(command.fact)]  # nothing of a session moves by it
    decision = _Decision(flow, state, moment or Moment())
    if isinstance(command, c.Start):
        return decision.start(command)
    if state.status == "ended" and isinstance(command, c.TakeBack):
        return decision.take_back(command) or decision.events
    if state.status == "ended" and isinstance(command, _LATE):
        return decision.late(command)
    if state.status != "running":
        return c.Refused(code="not_running", message="This session is closed.")
    return decision.take(command)


class _Decision(Settling):
    """One run of `decide`."""

    def start(self, command: c.Start) -> list[e.AnyEvent] | c.Refused:
        if self.state.status != "new":
            return c.Refused(code="running", message="This session has already begun.")
        refused = _unfit(self.flow)
        if refused is not None:
            return refused
        defaults = {
            field.name: field.default
            for step in self.flow.every_step()
            for field in step.fields
            if field.default is not None
        }
        self.emit(
            e.SessionStarted(
                flow=self.flow.key,
                flow_name=self.flow.name,
                version=self.flow.version,
                flow_hash=content_hash(self.flow),
                agent=command.agent,
                call=command.call,
                variables={
                    **{variable.name: variable.default for variable in self.flow.variables},
                    **self._accepted(defaults),
                    **self._accepted(command.prefill),
                },
                cart=carts.Cart(currency=self.flow.catalogue.currency),
            )
        )
        self.enter(self.flow.start, "start")
        self.run()
        return self.events

    def take(self, command: c.Command) -> list[e.AnyEvent] | c.Refused:
        refused: c.Refused | None = None
        if isinstance(command, c.Answer | c.EnterSecret | c.Submit | c.SettleProposal):
            refused = self.for_a_role()
            if refused is not None:
                return refused
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
            case c.TakeBack():
                refused = self.take_back(command)
            case c.ReportMask():
                self.report_mask(command)
            case c.LoseCall():
                self.lose_call(command)
            case c.RescueCall():
                if not self.state.call_left and command.sip_call_id != self.state.call.sip_call_id:
                    self.emit(e.CallRescued(sip_call_id=command.sip_call_id))
            case c.KeepRecording():
                self.keep_recording(command)
            case c.Tick():
                self.tick(command)
            case c.AddNote():
                refused = self.note(command)
            case c.UnlockStep():
                refused = self.unlock(command)
            case c.SettleProposal():
                refused = self.settle_proposal(command)
            case c.TakeOver():
                if command.agent != self.state.agent:
                    words = f"{command.agent} goes on with this session of {self.state.agent}."
                    self.incident("taken_over", words)
            case c.Restart():
                self.restart()
            case c.Abandon():
                refused = self.abandon(command)
            case c.Start():
                refused = c.Refused(code="running", message="This session has already begun.")
        if refused is None:
            self.run()
            return self.events
        kept = tuple(event for event in self.events if isinstance(event, e.Incident))
        return replace(refused, incidents=kept)

    def answer(self, command: c.Answer) -> c.Refused | None:
        field = self.step.field(command.field)
        if field is None or field.read_only:
            return c.Refused(
                code="no_such_field", message="This step does not ask for that.", field=command.field
            )
        if self.is_busy():
            return c.Refused(
                code="busy", message="Please wait: this step is still working.", field=command.field
            )
        why = self.kind.locks(self.flow, self.step, self.state)
        if why:
            return c.Refused(code="locked", message=why, todo=self.state.mask.todo, field=command.field)
        field = with_options(self.flow, field, scope(self.state))
        value = field_types()[field.type].normalise(field, command.raw)
        if isinstance(value, Problem):
            if value.incident:
                self.incident(value.incident, value.message)
            return c.Refused(code="invalid", message=value.message, field=field.name)
        broken = broken_rule(field, value, self.state)
        if broken:
            return c.Refused(code="invalid", message=broken, field=field.name)
        if self.state.values.get(field.name) != value:
            self.emit(e.AnswerGiven(step=self.step.key, field=field.name, value=value))
            self.arrive(self.kind.answered(self.flow, self.step, self.state, field.name))
        return None

    def enter_secret(self, command: c.EnterSecret) -> c.Refused | None:
        field = self.step.field(command.field)
        if field is None or field.type != "encrypted":
            return c.Refused(code="no_such_field", message="This step has no such secure field.")
        if self.is_busy():
            return c.Refused(
                code="busy", message="Please wait: this step is still working.", field=field.name
            )
        if self.state.mask.phase != "held":
            return c.Refused(
                code="not_masked",
                message="The recording is not masked.",
                todo=self.state.mask.todo,
                field=field.name,
            )
        why = self.kind.locks(self.flow, self.step, self.state)
        if why:
            return c.Refused(code="locked", message=why, todo=self.state.mask.todo, field=field.name)
        if command.problem:
            return c.Refused(code="invalid", message=command.problem, field=field.name)
        if self.state.secrets.get(field.name) != command.handle:
            self.emit(e.SecretEntered(step=self.step.key, field=field.name, handle=command.handle))
        return None

    def for_a_role(self) -> c.Refused | None:
        """Why this page is not for whoever works here."""
        role = lacks_role(self.step, self.state, self.moment.roles)
        if not role:
            return None
        words = words_of(role)
        return c.Refused(
            code="role", message=f"This step is for a {words}.", todo=f"Ask a {words} to open it."
        )

    def unlock(self, command: c.UnlockStep) -> c.Refused | None:
        """Somebody who may opens this visit of the step."""
        if (command.step, command.visit) != (self.state.step, self.state.visit):
            return c.Refused(code="other_step", message="Another step is open by now.")
        role = lacks_role(self.step, self.state, self.moment.roles)
        if not role:
            return None
        if not holds_role(role, command.roles):
            return c.Refused(code="role", message=f"{command.by} is no {words_of(role)}, either.")
        value = {"visit": self.state.visit, "by": command.by, "role": role}
        self.emit(e.VariableSet(name=f"{UNLOCKED}{self.state.step}", value=value, source="unlock"))
        return None

    def settle_proposal(self, command: c.SettleProposal) -> c.Refused | None:
        """Done as if typed and pressed, by the same rules; or kept that it was not wanted."""
        if (command.step, command.visit) != (self.state.step, self.state.visit):
            return c.Refused(code="other_step", message="Another step is open by now.")
        if is_sensitive(self.step):
            return c.Refused(code="sensitive", message="Nothing is proposed on a masked page.")
        told = {name: getattr(command, name) for name in e.ProposalSettled.__struct_fields__}
        if has_card_number(f"{command.title} {command.because} {command.values}"):
            return c.Refused(code="invalid", message=CARD_NUMBER.message)
        self.emit(e.ProposalSettled(**told))
        if not command.accepted:
            return None
        for field, raw in command.values.items():
            refused = self.answer(c.Answer(field=field, raw=raw))
            if refused is not None:
                return refused
        return None if command.choice is None else self.submit(c.Submit(choice=command.choice))

    def is_busy(self) -> bool:
        """Outside work is under way: nothing can be typed, and the page cannot be left."""
        return self.state.stage != "page" or self.state.here is not None

    def submit(self, command: c.Submit) -> c.Refused | None:
        if self.is_busy():
            if command.choice == "on_unknown" and self.state.waits_unknown:
                return self.leave_unknown()
            return c.Refused(code="busy", message="Please wait: this step is still working.")
        chosen: Chosen | c.Refused | None = None
        if command.choice:
            chosen = self.kind.choose(self.flow, self.step, self.state, command.choice)
        if isinstance(chosen, c.Refused):
            return chosen
        if chosen is not None:
            self.arrive(chosen.work)
            if chosen.work.to:
                self.follow(chosen.work.to, "choice")
            if chosen.work.to or chosen.stay:
                return None
        refused = self._not_ready()
        if refused is None and command.choice and chosen is None:
            refused = self.choose(command.choice)
        if refused is None and self.is_busy():
            return None  # the answer has asked for something that the submit needs
        if refused is not None:
            return refused
        errors = missing(self.step, self.state)
        if errors:
            first = next(iter(errors))
            return c.Refused(code="incomplete", message=errors[first], field=first, errors=errors)
        self.emit(e.Submitted(step=self.step.key, visit=self.state.visit))
        self.proceed()
        return None

    def _not_ready(self) -> c.Refused | None:
        mask = self.state.mask
        if is_sensitive(self.step) and mask.phase != "held":
            return c.Refused(
                code="not_masked", message=mask.message or "The recording is not masked yet.", todo=mask.todo
            )
        return self.kind.ready(self.flow, self.step, self.state)

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
        path = self.state.path
        index = max(i for i, visit in enumerate(path[:-1]) if visit.step == target)
        left_with = path[index + 1].values  # as it was left: what came later may have had values of its own
        typed = {name: left_with[name] for name in own if name in left_with}
        self.enter(target, "back")
        for name, value in sorted(typed.items()):
            if self.state.values.get(name) != value:
                self.emit(e.AnswerGiven(step=target, field=name, value=value))
        return None

    def lose_call(self, command: c.LoseCall) -> None:
        if self.state.call_left:
            return
        self.emit(e.CallLeft(reason=command.reason, by=command.by))
        if self.state.here is None:  # a charge may be under way: its answer decides where the session goes
            self.to_wrap_up()

    def note(self, command: c.AddNote) -> c.Refused | None:
        text = command.text.strip()[:4000]
        if has_card_number(command.text):
            message = "A note must not hold a card number."
            self.incident("card_number_in_note", message)
            return c.Refused(code="invalid", message=message)
        if text:
            self.emit(e.NoteAdded(text=text))
        return None

    def abandon(self, command: c.Abandon) -> c.Refused | None:
        if has_card_number(command.disposition):
            return c.Refused(code="invalid", message="A disposition must not hold a card number.")
        self.leave("left")
        self.emit(e.SessionEnded(disposition=command.disposition[:200], reason="abandoned"))
        return None

    def _accepted(self, given: dict[str, Any]) -> dict[str, Any]:
        """Values of fields that their types take, normalised; the rest is left out."""
        values: dict[str, Any] = {}
        for name, raw in given.items():
            field = self.flow.field(name)
            if field is None:
                continue
            field = with_options(self.flow, field, given)
            value = field_types()[field.type].normalise(field, raw)
            if not isinstance(value, Problem) and value is not None:
                values[name] = value
        return values


def _clean(fact: e.FlowAgentFact) -> e.FlowAgentFact:
    """Callers say card numbers, and models repeat them."""
    return fact if isinstance(fact, e.FlowAgentBegan) else without_cards(fact)


def _unfit(flow: Flow) -> c.Refused | None:
    """Why no session can begin on this flow: better before a caller is greeted than in mid-call."""
    types = {f'step type "{step.type}"' for step in flow.every_step() if step.type not in step_types()}
    types |= {
        f'field type "{field.type}"'
        for step in flow.every_step()
        for field in step.fields
        if field.type not in field_types()
    }
    if types:
        return c.Refused(
            code="unknown_type",
            message=f"This flow uses what this version does not know: {', '.join(sorted(types))}.",
            todo="Update HaloDesk on this seat.",
        )
    if flow.step(flow.start) is None:
        return c.Refused(code="no_start", message="This flow has no start step.")
    for step in flow.every_step():
        try:
            read_config(step_types()[step.type].config_type, step)
        except DocumentError as error:
            return c.Refused(
                code="bad_config",
                message=f'The step "{step.title or step.key}" is not set up right. {error.message}',
                todo="Run `halodesk flow check` on this flow.",
            )
    return None
