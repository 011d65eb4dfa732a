"""How a session moves: what follows a submit, from the functions to the next page.

The rules are those of `halodesk.engine.core`, which decides whether it moves at all.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine import hidden
from halodesk.engine.cart import CartRefusal
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.cart_changes import change, filled, reads_values
from halodesk.engine.conditions import holds
from halodesk.engine.evolve import evolve
from halodesk.engine.flow import Flow, Step
from halodesk.engine.registry import step_types
from halodesk.engine.rules import is_sensitive, wrap_up_step
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Ask, Settled, StepType, read_config
from halodesk.engine.steps.end import Config as EndConfig

MAX_HOPS = 100
"""Steps without a page that may follow each other before it counts as an endless loop."""


class Moves:
    """Collects events and folds each at once."""

    def __init__(self, flow: Flow, state: Session, moment: Moment) -> None:
        self.flow = flow
        self.state = state
        self.moment = moment
        self.events: list[e.AnyEvent] = []

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
        """The next function of the submit; after the last: cart actions, the step's work, the routes."""
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
        for action in work.cart:
            self.change_cart(action.action, action.args)
        for name, value in work.values.items():
            self.emit(e.VariableSet(name=name, value=value, source=step.type))
        if work.ask is not None:
            self.ask(work.ask)
        else:
            self.route()

    def apply(self, settled: Settled, source: str) -> None:
        """Keep what an answer brought."""
        if settled.freeze_cart:
            self.emit(e.CartChanged(action="freeze", cart=replace(self.state.cart, frozen=True)))
        if settled.void_cart:
            self.emit(e.CartChanged(action="void", cart=replace(self.state.cart, frozen=False)))
        for name, value in settled.values.items():
            self.emit(e.VariableSet(name=name, value=value, source=source))

    def send_back(self, problem: str) -> None:
        """The step's own work says no: its page opens again, the cart as it was on entry.

        A step without a page cannot be mended by the agent: the session goes to its wrap-up, never
        by the fallback, which may be the way of success.
        """
        if self.state.call_left:
            self.to_wrap_up()
        elif self.kind.shows_page:
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

    def _mendable(self, refused: CartRefusal, args: dict[str, Any]) -> bool:
        """Whether the agent can do something about it on this page."""
        open_page = self.kind.shows_page and not self.state.call_left and not self.state.cart.frozen
        return open_page and (refused.stop or reads_values(args))

    def ask(self, ask: Ask) -> None:
        """Request outside work under an id that no other request of the session has."""
        self.emit(
            e.EffectRequested(
                id=f"{self.state.step}.{self.state.visit}.{ask.kind}.{self.state.asked}",
                kind=ask.kind,
                step=self.state.step,
                visit=self.state.visit,
                args=ask.args,
            )
        )

    def route(self) -> None:
        """Leave the step: the first route that holds, else the fallback."""
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
        if step_types()[step.type].shows_page:
            return
        if self._hops() > MAX_HOPS:
            self.incident("endless_loop", "The flow goes round in circles without a page.")
            self.to_wrap_up()
            return
        self.emit(e.Submitted(step=target, visit=visit))
        self.proceed()

    def _hops(self) -> int:
        """Steps without a page since the last one with a page; functions in between do not hide a loop."""
        hops = 0
        for visit in reversed(self.state.path):
            step = self.flow.step(visit.step)
            if step is None or step_types()[step.type].shows_page:
                break
            hops += 1
        return hops

    def leave(self, reason: Any, *, stays_masked: bool = False) -> None:
        """Give up the secrets first and the mask second.

        Where the mask goes on, half-typed digits that nobody knows of here must go as well.
        """
        if stays_masked and is_sensitive(self.step) and not self.state.secrets:
            self.emit(e.SecretsWiped(step=self.state.step, reason=reason))
        self.wipe(reason)
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
        if self.step.type != "end" and target is not None:
            self.enter(target.key, reason)
        elif self.state.call_left:
            self.leave("hang_up")

    def leave_unknown(self) -> c.Refused | None:
        """The agent goes on without an answer, where the step allows it."""
        ask = self.state.here
        target = str(self.step.config.get("on_unknown", ""))
        if ask is None or self.flow.step(target) is None:
            return c.Refused(
                code="must_wait", message="The gateway has not answered yet: this step has to wait."
            )
        words = self.state.unknown.get(ask.id) or "no answer"
        self.incident(
            "charge_unsettled", f"The charge {ask.id} is not settled: {words}. It must be looked up."
        )
        if self.state.call_left:
            self.to_wrap_up()
        else:
            self.enter(target, "error")
        return None
