"""A recorded session on another version of its flow: does it go the same way, and where not?

Rules:
- What people and the outside did is given again: answers, buttons, what came of effects, the mask,
  the end of the call. What the flow decides is decided anew and compared, step by step.
- A function whose expression and values are the same has the recorded value; another runs.
- Steps that were only renamed (`diff.renames`) count as the same.
- It ends at the first difference: from there on nobody knows what the caller would have said.
- The agent's roles are not in the record; what a role allows is taken to have been allowed.
- Answers to fields that the candidate has not are left out; that alone is no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine import sealed
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.core import decide
from halodesk.engine.diff import renames
from halodesk.engine.effects import FUNCTION, Evaluate, Timer
from halodesk.engine.evolve import evolve
from halodesk.engine.flow import Flow
from halodesk.engine.places import named_roles
from halodesk.engine.registry import step_types
from halodesk.engine.session import Session, scope
from halodesk.engine.simulate import FunctionPort

_COMPUTED = (FUNCTION, Evaluate.kind, sealed.KIND)


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session would go another way. `at`: number of the recorded event, from 1."""

    at: int
    step: str
    """The step, as the candidate calls it, from which the ways part."""
    went: str
    """Where the session went, and by which route."""
    went_by: str
    would: str
    """Where it would go now; empty where it would stay."""
    would_by: str = ""
    reason: str = ""


def rehearse(
    old: Flow, candidate: Flow, events: Sequence[e.AnyEvent], functions: FunctionPort, *, now: float
) -> Divergence | None:
    """The first difference, or None. `now`: Unix seconds at which the session began."""
    if not events or not isinstance(events[0], e.SessionStarted):
        return None
    return _Rehearsal(old, candidate, functions, now).run(events)


class _Stop(Exception):
    """The ways have parted."""

    def __init__(self, found: Divergence) -> None:
        super().__init__(found)
        self.found = found


class _Rehearsal:
    def __init__(self, old: Flow, candidate: Flow, functions: FunctionPort, now: float) -> None:
        self.old, self.flow, self.functions, self.now = old, candidate, functions, now
        self.moment = Moment(now=now, roles=named_roles(candidate))
        self.renamed = renames(old, candidate)
        self.state = Session()
        self.then = Session()
        """The recorded session, as it was."""
        self.entered: list[e.StepEntered] = []
        """Steps the candidate has entered that the record has not been compared with yet."""
        self.at = 0
        self.rest: Sequence[e.AnyEvent] = ()

    def run(self, events: Sequence[e.AnyEvent]) -> Divergence | None:
        try:
            for index, event in enumerate(events):
                self.at, self.rest = index + 1, events[index + 1 :]
                self.take(event)
                self.then = evolve(self.then, event)
        except _Stop as stop:
            return stop.found
        return None

    def key(self, step: str) -> str:
        """A step of the record as the candidate calls it."""
        head, slash, last = step.partition("/")
        return self.renamed.get(head, head) + slash + last

    def take(self, event: e.AnyEvent) -> None:
        match event:
            case e.SessionStarted():
                prefill = {name: value for name, value in event.variables.items() if value is not None}
                self.do(c.Start(agent=event.agent, call=event.call, prefill=prefill))
            case e.StepEntered(reason="start"):
                self.compare(event)
            case e.StepEntered(reason="back"):
                self.do(c.Back())
                self.compare(event)
            case e.StepEntered():
                if not self.entered and event.reason == "choice":
                    self.press(event)
                self.compare(event)
            case e.AnswerGiven():
                self.answer(event)
            case e.SecretEntered():
                self.do(c.EnterSecret(field=event.field, handle=event.handle))
            case e.Submitted():
                self.submit(event)
            case e.EffectResolved():
                self.resolve(event)
            case e.MaskChanged(phase="held" | "lost" | "none"):
                phase: Any = event.phase
                lease = self.state.mask.lease
                self.do(c.ReportMask(lease=lease, phase=phase, confirmed_by=event.confirmed_by))
            case e.CallLeft():
                self.do(c.LoseCall(reason=event.reason, by=event.by))
            case e.SessionEnded(reason="completed") if self.state.status != "ended":
                self.part(event.disposition, "the end", "", "", "It would not end here.")
            case _:
                pass

    def do(self, command: c.Command) -> c.Refused | None:
        decided = decide(self.flow, self.state, command, self.moment)
        if isinstance(decided, c.Refused):
            return decided
        self.keep(decided)
        return None

    def keep(self, events: Sequence[e.AnyEvent]) -> None:
        for event in events:
            self.state = evolve(self.state, event)
            if isinstance(event, e.StepEntered):
                self.entered.append(event)

    def compare(self, event: e.StepEntered) -> None:
        """The record entered a step: the candidate must have entered the same."""
        went = self.key(event.step)
        self.compute()
        if not self.entered:
            why = self.state.problem or "It would stay on this step."
            if self.state.here is not None:
                why = f"It would first wait for {self.state.here.kind}."
            self.part(went, event.route or event.reason, "", "", why)
        now = self.entered.pop(0)
        if now.step != went:
            self.part(went, event.route or event.reason, now.step, now.route or now.reason, "")

    def part(self, went: str, by: str, would: str, would_by: str, reason: str) -> None:
        raise _Stop(
            Divergence(
                at=self.at, step=self.key(self.then.step), went=went, went_by=by, would=would,
                would_by=would_by, reason=reason,
            )
        )  # fmt: skip

    def compute(self) -> None:
        """Functions of the candidate that the record has no value for."""
        while not self.entered and (ask := self.state.here) is not None and ask.kind in _COMPUTED:
            if ask.kind == sealed.KIND:
                self.do(c.Resolve(id=ask.id, outcome="ok", result=sealed.simulated(ask.args)))
                continue
            limit = int(ask.args.get("timeout_ms", 200))
            found = self.functions(str(ask.args["expression"]), scope(self.state), limit, self.now)
            result = {"reason": found.reason} if found.reason else {"value": found.value}
            self.do(c.Resolve(id=ask.id, outcome="failed" if found.reason else "ok", result=result))

    def answer(self, event: e.AnswerGiven) -> None:
        step = self.flow.step(self.state.step)
        if (
            step is None
            or sealed.is_sealed(event.value)
            or step.field(event.field) is None
            or self.state.values.get(event.field) == event.value
        ):
            return
        refused = self.do(c.Answer(field=event.field, raw=event.value))
        if refused is not None and refused.code == "invalid":
            self.part("", f"answer {event.field}", "", "", f'"{event.field}": {refused.message}')

    def submit(self, event: e.Submitted) -> None:
        """The agent left a page; a step without one leaves itself."""
        if self.entered or self.state.stage != "page" or self.state.step != self.key(event.step):
            return
        step = self.flow.step(self.state.step)
        kind = step_types().get(step.type) if step is not None else None
        if step is None or kind is None or not kind.has_page(step):
            return
        buttons = kind.buttons(self.flow, step, self.state)
        keys = [""] if buttons is None else ["", *(button.key for button in buttons)]
        self.best(keys)

    def press(self, event: e.StepEntered) -> None:
        """A button of the step's own led away."""
        step = self.flow.step(self.state.step)
        kind = step_types().get(step.type) if step is not None else None
        buttons = kind.buttons(self.flow, step, self.state) if step is not None and kind is not None else None
        self.best([button.key for button in buttons or ()])

    def best(self, keys: Sequence[str]) -> None:
        """The button that does what the record says came next; else the first that does anything."""
        wanted = self.coming()
        first: list[e.AnyEvent] | None = None
        refused = ""
        for key in dict.fromkeys(keys):
            decided = decide(self.flow, self.state, c.Submit(choice=key), self.moment)
            if isinstance(decided, c.Refused):
                refused = refused or decided.message
                continue
            if self.fits(decided, wanted):
                first = decided
                break
            first = first or decided
        if first is None:
            self.part("", "submit", "", "", refused or "The page cannot be left.")
            return
        self.keep(first)

    def coming(self) -> tuple[str, dict[str, Any]]:
        """The next step of the record, and the values that were set before it."""
        values: dict[str, Any] = {}
        for event in self.rest:
            if isinstance(event, e.StepEntered):
                return self.key(event.step), values
            if isinstance(event, e.VariableSet):
                values[event.name] = event.value
        return "", values

    @staticmethod
    def fits(decided: Sequence[e.AnyEvent], wanted: tuple[str, Mapping[str, Any]]) -> bool:
        step = next((event.step for event in decided if isinstance(event, e.StepEntered)), None)
        values = {event.name: event.value for event in decided if isinstance(event, e.VariableSet)}
        shared = all(wanted[1].get(name, value) == value for name, value in values.items())
        return shared and step in (None, wanted[0])

    def resolve(self, event: e.EffectResolved) -> None:
        ask = self.then.effects.get(event.id)
        if ask is None:
            return
        if ask.kind == Timer.kind:
            timer = self.state.timer
            self.do(c.Tick(now=timer.args["until"] if timer is not None else self.now))
            return
        mine = next(
            (
                own
                for own in self.state.effects.values()
                if own.kind == ask.kind and own.step == self.key(ask.step)
            ),
            None,
        )
        if mine is None:
            return
        changed = mine.args.get("expression") != ask.args.get("expression")
        if mine.kind == sealed.KIND or (mine.kind in _COMPUTED and changed):
            self.compute()
            return
        self.do(c.Resolve(id=mine.id, outcome=event.outcome, result=event.result))
