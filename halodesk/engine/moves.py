"""How a session moves: what follows a submit, from the functions to the next page.

The rules are those of `halodesk.engine.core`, which decides whether it moves at all.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine import hidden, sealed
from halodesk.engine.cart import Cart, CartRefusal
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.cart_changes import change, filled, reads_values
from halodesk.engine.conditions import holds
from halodesk.engine.effects import BACKGROUND
from halodesk.engine.evolve import evolve
from halodesk.engine.flow import Flow, Step, content_hash
from halodesk.engine.registry import step_types
from halodesk.engine.rules import is_sensitive, was_shown, wrap_up_step
from halodesk.engine.session import ALL_VALUES, Session, scope
from halodesk.engine.steps.base import Ask, Settled, StepType, Work, read_config
from halodesk.engine.steps.end import Config as EndConfig
from halodesk.engine.steps.sub_script import outer_values

MAX_HOPS = 100
"""Steps without a page that may follow each other before it counts as an endless loop."""
MAX_LOOP_HOPS = 5000
"""The same where a `for_each` is among them, which ends by itself."""


class Moves:
    """Collects events and folds each at once."""

    def __init__(self, flow: Flow, state: Session, moment: Moment) -> None:
        self.flow = flow
        self.state = state
        self.moment = moment
        self.events: list[e.AnyEvent] = []
        self._due: Literal["", "proceed", "route"] = ""
        self._hopped: tuple[int, bool] | None = None

    def run(self) -> None:
        """Go through all steps that nobody has to wait for, one after the other."""
        while True:
            due, self._due = self._due, ""
            if due == "proceed":
                self.proceed()
            elif due == "route":
                self.route()
            elif self._goes_by_itself():
                self.advance()
            else:
                return

    def _goes_by_itself(self) -> bool:
        state = self.state
        if state.status != "running" or state.stage != "page" or state.here is not None or state.call_left:
            return False
        return self.kind.passes(self.flow, self.step, state)

    def advance(self) -> None:
        """Submit the open page without the agent."""
        self.emit(e.Submitted(step=self.step.key, visit=self.state.visit))
        self._due = "proceed"

    def emit(self, event: e.AnyEvent) -> None:
        """One more fact, and what it makes of fields that hide."""
        self.events.append(event)
        self.state = evolve(self.state, event)
        while (follows := hidden.due(self.flow, self.state)) is not None:
            self.events.append(follows)
            self.state = evolve(self.state, follows)

    def incident(self, code: str, message: str, step: str = "") -> None:
        """Something a team lead should see."""
        self.emit(e.Incident(code=code, message=message, step=step or self.state.step))

    @property
    def step(self) -> Step:
        """The current step."""
        step = self.flow.step(self.state.step)
        if step is None:
            raise KeyError(self.state.step)  # the flow is not the one of this session: a bug of the caller
        return step

    @property
    def kind(self) -> StepType:
        """Type of the current step."""
        return step_types()[self.step.type]

    def proceed(self) -> None:
        """Sealing, then the next function; after the last: cart actions, the step's work, the routes."""
        step, state = self.step, self.state
        if self._seal():
            return
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
        for action in step.cart_actions:
            if holds(action.when, scope(self.state)):
                refused = self.change_cart(action.action, action.args)
                if refused is not None and self._mendable(refused, action.args):
                    self.send_back(refused.message)
                    return
        work = self.kind.work(self.flow, step, self.state)
        if work.refused is not None:
            self.send_back(work.refused.message)
            return
        self.bring(work)
        if work.ask is not None:
            self.ask(work.ask)
        else:
            self.route(work.take, work.to)

    def _seal(self) -> bool:
        """Ask for envelopes of the digits that wait in the vault and are to be kept."""
        kept = [field.name for field in self.step.fields if field.retention == "sealed"]
        waiting = [name for name in kept if name in self.state.secrets]
        if waiting:
            fields = [{"field": name, "handle": self.state.secrets[name]} for name in waiting]
            args = {"fields": fields, "flow_hash": content_hash(self.flow), "version": self.flow.version}
            self.ask(Ask(kind=sealed.KIND, args=args))
        return bool(waiting)

    def bring(self, work: Work) -> None:
        """Keep what a step's work changes in cart and values."""
        if work.incident is not None:
            self.incident(*work.incident)
        for action in work.cart:
            self.change_cart(action.action, action.args)
        if work.new_cart is not None:
            self.take_cart(*work.new_cart)
        for name, value in work.values.items():
            self.emit(e.VariableSet(name=name, value=value, source=self.step.type))

    def arrive(self, work: Work) -> None:
        """What a page does while it is open: it may change values and ask for something."""
        self.bring(work)
        if work.ask is not None:
            self.ask(work.ask)

    def apply(self, settled: Settled, source: str) -> None:
        """Keep what an answer brought."""
        if settled.incident is not None:
            self.incident(*settled.incident)
        if settled.freeze_cart:
            self.emit(e.CartChanged(action="freeze", cart=replace(self.state.cart, frozen=True)))
        if settled.void_cart:
            self.emit(e.CartChanged(action="void", cart=replace(self.state.cart, frozen=False)))
        for name, value in settled.values.items():
            self.emit(e.VariableSet(name=name, value=value, source=source))

    def follow_up(self, settled: Settled) -> None:
        """Where an answer leads, once what it brought is kept."""
        if settled.go and settled.to and not self.state.call_left:
            self.follow(settled.to, "error")
        elif settled.go:
            self.route(settled.take)
        elif self.state.stage != "page" or settled.problem or self.state.call_left:
            self.send_back(settled.problem)

    def send_back(self, problem: str) -> None:
        """The step's own work says no: its page opens again, the cart as it was on entry.

        A step without a page cannot be mended by the agent: the session goes to its wrap-up, never
        by the fallback, which may be the way of success.
        """
        if self.state.call_left:
            self.to_wrap_up()
        elif self.kind.has_page(self.step):
            self.emit(e.SentBack(step=self.step.key, problem=problem))
        else:
            self.incident("work_refused", problem)
            self.to_wrap_up()

    def change_cart(self, action: str, args: dict[str, Any]) -> CartRefusal | None:
        """One cart action; what the cart refuses is an incident and changes nothing."""
        args = filled(args, scope(self.state))
        done = change(self.state.cart, action, args, self.flow.catalogue, self.moment)
        if isinstance(done, CartRefusal):
            self.incident("cart_refused", done.message)
            return done
        if done.cart != self.state.cart:
            self.emit(e.CartChanged(action=action, cart=done.cart))
        for words in done.dropped:
            self.incident("coupon_dropped", words)
        return None

    def take_cart(self, action: str, cart: Cart) -> None:
        """The cart as a step's own work makes it; a paid one stays as it is."""
        if self.state.cart.frozen:
            self.incident("cart_refused", "The order is paid: the cart can no longer be changed.")
        elif cart != self.state.cart:
            self.emit(e.CartChanged(action=action, cart=cart))

    def _mendable(self, refused: CartRefusal, args: dict[str, Any]) -> bool:
        """Whether the agent can do something about it on this page."""
        open_page = self.kind.has_page(self.step) and not self.state.call_left and not self.state.cart.frozen
        return open_page and (refused.stop or reads_values(args))

    def ask(self, ask: Ask) -> None:
        """Request outside work under an id that no other request of the session has.

        What must be done only once is not asked for again after going back: `place` counts how often the
        way that was not taken back has come through this step.
        """
        args = ask.args
        if ask.once:
            place = sum(visit.step == self.state.step for visit in self.state.path)
            args = {**args, "once": place}
        wanted = e.EffectRequested(
            id=f"{self.state.step}.{self.state.visit}.{ask.kind}.{self.state.asked}",
            kind=ask.kind,
            step=self.state.step,
            visit=self.state.visit,
            args=args,
        )
        same = (done for done in self.state.done if (done.step, done.kind) == (wanted.step, wanted.kind))
        known = next((done for done in same if ask.once and done.args == args), None)
        if known is None:
            self.emit(wanted)
            return
        answer = c.Resolve(id=wanted.id, outcome="ok", result=dict(known.result))
        settled = self.kind.settle(self.flow, self.step, self.state, wanted, answer)
        self.apply(settled, ask.kind)
        if ask.kind not in BACKGROUND:
            self.follow_up(settled)

    def route(self, take: str = "", to: str = "") -> None:
        """Leave the step: to where its work says, else the first route that holds, else the fallback."""
        step = self.step
        if step.type == "end":
            self.leave("left")
            name = read_config(EndConfig, step).disposition
            self.emit(e.SessionEnded(disposition=str(self.state.values.get(name) or ""), reason="completed"))
            return
        if self.state.call_left:
            self.to_wrap_up()
            return
        if to:
            self.follow(to, "route")
            return
        values = scope(self.state)
        for route in step.routes:
            if route.label == take if take else holds(route.when, values):
                self.follow(route.to, "route", route.label)
                return
        self.follow(step.fallback, "fallback", step.fallback_label)

    def follow(self, target: str, reason: e.EnterReason, label: str = "") -> None:
        """Enter a step that a route names; one that does not exist leads to the wrap-up."""
        if self.flow.step(target) is None:
            self.incident(
                "dead_end",
                f'"{self.step.title or self.step.key}" leads nowhere; the session goes to its wrap-up.',
            )
            self.to_wrap_up()
            return
        self.enter(target, reason, label)

    def enter(self, target: str, reason: e.EnterReason, label: str = "") -> None:
        """Leave the current step for another, which must exist."""
        came_from, step = self.state.step, self.flow.step(target)
        if step is None:
            raise KeyError(target)
        sensitive = is_sensitive(step)
        if came_from:
            self.leave("hang_up" if reason == "hang_up" else "left", stays_masked=sensitive)
        visit = self.state.visits.get(target, 0) + 1
        self.emit(e.StepEntered(step=target, visit=visit, reason=reason, route=label, came_from=came_from))
        if sensitive and self.state.mask.phase in ("none", "releasing"):
            self.emit(e.MaskChanged(phase="wanted", step=target, lease=f"{target}.{visit}"))
        kind = step_types()[step.type]
        shown = was_shown(self.flow, self.state, self.state.path[-1])
        if kind.has_page(step):
            self.arrive(kind.enter(self.flow, step, self.state))
        if shown:
            self._hopped = None
        elif self._too_many_hops(step):
            self.incident("endless_loop", "The flow goes round in circles without a page.")
            self.to_wrap_up()
        elif kind.has_page(step):
            self._due = "route"
        else:
            self.advance()

    def _too_many_hops(self, step: Step) -> bool:
        """Steps without a page since the last one with a page; functions in between do not hide a loop."""
        if self._hopped is None:
            hops, counted = 0, False
            for visit in reversed(self.state.path):
                if was_shown(self.flow, self.state, visit):
                    break
                known = self.flow.step(visit.step)
                hops, counted = hops + 1, counted or (known is not None and known.type == "for_each")
        else:
            hops, counted = self._hopped[0] + 1, self._hopped[1] or step.type == "for_each"
        self._hopped = (hops, counted)
        return hops > (MAX_LOOP_HOPS if counted else MAX_HOPS)

    def leave(self, reason: Any, *, stays_masked: bool = False) -> None:
        """Give up the secrets first and the mask second.

        Where the mask goes on, half-typed digits that nobody knows of here must go as well.
        """
        if stays_masked and is_sensitive(self.step) and not self.state.secrets:
            self.emit(e.SecretsWiped(step=self.state.step, reason=reason))
        self.wipe(reason)
        for ask in self.state.beside:
            self.emit(e.EffectResolved(id=ask.id, outcome="failed", result={"reason": "The page was left."}))
        mask = self.state.mask
        if mask.phase in ("wanted", "held", "lost") and not stays_masked:
            self.emit(e.MaskChanged(phase="releasing", step=self.state.step, lease=mask.lease))

    def wipe(self, reason: Any) -> None:
        """Forget all secrets of the step."""
        if self.state.secrets:
            self.emit(e.SecretsWiped(step=self.state.step, reason=reason))

    def to_wrap_up(self) -> None:
        """Go to where a session ends that cannot go on; one that is there stays."""
        reason: e.EnterReason = "hang_up" if self.state.call_left else "error"
        target = wrap_up_step(self.flow)
        kept = outer_values(self.state.values)
        if kept is not None:
            self.emit(e.VariableSet(name=ALL_VALUES, value=kept, source="sub_script"))
        if self.step.type != "end" and target is not None:
            self.enter(target.key, reason)
        elif self.state.call_left:
            self.leave("hang_up")
