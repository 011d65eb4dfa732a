"""A session without a call: the same `decide` and `evolve`, effects answered by turns, virtual time.

Rules:
- Nothing here is simulated but the outside: what a turn brings goes through `decide` as in a call.
- Functions really run, through a port. A turn may make them fail, as a worker may die at any time.
- Time is virtual: it stands still until a turn lets it pass, and then an hour costs nothing.
- A mask that is given up is released at once. Whether one is held is a turn.
- What `decide` raises on a flow is an outcome of the simulation (`Played.problem`), not its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from halodesk.engine import cart as carts
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine import sealed
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.core import decide
from halodesk.engine.effects import FUNCTION, Evaluate, Timer
from halodesk.engine.evolve import evolve, fold
from halodesk.engine.flow import Flow, Step, content_hash
from halodesk.engine.moves import Moves
from halodesk.engine.rules import visible_fields, wants_time
from halodesk.engine.session import Session, scope

BEGIN = 1_767_614_400.0
"""Where virtual time begins: noon of 5 January 2026, UTC."""
_RUN_BY_PORT = (FUNCTION, Evaluate.kind)
_MOST_FUNCTIONS = 20_000
"""Functions one turn may run: a loop of 5,000 steps without a page has no more."""


class FunctionValue(msgspec.Struct, frozen=True, kw_only=True):
    """What an expression came to; `reason` says why it failed."""

    value: Any = None
    reason: str = ""


FunctionPort = Callable[[str, Mapping[str, Any], int, float], FunctionValue]
"""Expression, values, time limit in milliseconds, what time it is (Unix seconds)."""


class Turn(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """One thing that happens. `functions_fail`: those it makes run all fail."""

    functions_fail: bool = False


class Fill(Turn, frozen=True, kw_only=True, tag="fill"):
    """The agent fills the page and leaves it by a button; secure fields fill themselves."""

    answers: dict[str, Any] = {}
    choice: str = ""


class Settle(Turn, frozen=True, kw_only=True, tag="settle"):
    """An effect of that kind under way is answered."""

    kind: str
    outcome: Literal["ok", "failed", "declined", "unknown"]
    result: dict[str, Any] = {}


class Masked(Turn, frozen=True, kw_only=True, tag="mask"):
    """The recorders confirm the mask, or it is lost."""

    phase: Literal["held", "lost"] = "held"


class Pass(Turn, frozen=True, kw_only=True, tag="pass"):
    """Time goes by; 0: until the page's time is up."""

    seconds: float = 0.0


class HangUp(Turn, frozen=True, kw_only=True, tag="hang_up"):
    """The caller is gone."""


AnyTurn = Fill | Settle | Masked | Pass | HangUp


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the cart to begin with."""

    item: str
    quantity: int = 1


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a simulation begins; `step` empty: as a call does, at the start."""

    call: e.CallFacts = e.CallFacts(
        direction="in", number="+12025550143", called="1001", sip_call_id="simulated"
    )
    agent: str = "Simulator"
    roles: tuple[str, ...] = ()
    """What the agent may do that not every agent may."""
    prefill: dict[str, Any] = {}
    step: str = ""
    values: dict[str, Any] = {}
    """With `step`: all captured values."""
    cart: tuple[Item, ...] = ()
    now: float = BEGIN


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a simulated session and how it came about."""

    state: Session
    now: float
    roles: tuple[str, ...] = ()
    events: tuple[e.AnyEvent, ...] = ()
    """Of the last turn."""
    refused: c.Refused | None = None
    """Why the last turn, or the rest of it, was not taken."""
    problem: str = ""
    """What the engine raised on it."""


def begin(flow: Flow, how: Begin, functions: FunctionPort) -> Played:
    """The first moment. Raises nothing; a step that does not exist is `refused`."""
    run = _Run(flow, Played(state=Session(), now=how.now, roles=how.roles), functions, fail=False)
    if not how.step:
        run.do(c.Start(agent=how.agent, call=how.call, prefill=how.prefill))
    elif flow.step(how.step) is None:
        run.refused = c.Refused(code="no_such_step", message=f'The flow has no step "{how.step}".')
    else:
        run.guard(lambda: run.enter(how))
    return run.done()


def play(flow: Flow, before: Played, turn: AnyTurn, functions: FunctionPort) -> Played:
    """The moment after a turn."""
    run = _Run(flow, before, functions, fail=turn.functions_fail)
    run.guard(lambda: run.turn(turn))
    return run.done()


def command(flow: Flow, before: Played, wanted: c.Command, functions: FunctionPort) -> Played:
    """The moment after a single wish to the session, as a person or a program has it."""
    run = _Run(flow, before, functions, fail=False)
    run.guard(lambda: run.wish(wanted))
    return run.done()


class _Run:
    """One turn."""

    def __init__(self, flow: Flow, before: Played, functions: FunctionPort, *, fail: bool) -> None:
        self.flow, self.functions, self.fail = flow, functions, fail
        self.state, self.now, self.roles = before.state, before.now, before.roles
        self.events: list[e.AnyEvent] = []
        self.refused: c.Refused | None = None
        self.problem = ""

    def done(self) -> Played:
        if not self.problem:
            self.guard(self.outside)
        return Played(
            state=self.state,
            now=self.now,
            roles=self.roles,
            events=tuple(self.events),
            refused=self.refused,
            problem=self.problem,
        )

    def guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # a fault of the engine on this flow is what is looked for here
            self.problem = f"{type(error).__name__}: {error}"

    def do(self, command: c.Command) -> bool:
        """Whether it was taken."""
        decided = decide(self.flow, self.state, command, self.moment)
        if isinstance(decided, c.Refused):
            self.refused = decided
            self.take(list(decided.incidents))
            return False
        self.take(decided)
        return True

    def wish(self, command: c.Command) -> None:
        """Whether it was taken stands in `refused`."""
        self.do(command)

    def take(self, events: list[e.AnyEvent]) -> None:
        for event in events:
            self.state = evolve(self.state, event)
        self.events += events

    def enter(self, how: Begin) -> None:
        """A session that stands at a step of its own choice."""
        cart = carts.Cart(currency=self.flow.catalogue.currency)
        started = e.SessionStarted(
            flow=self.flow.key,
            flow_name=self.flow.name,
            version=self.flow.version,
            flow_hash=content_hash(self.flow),
            agent=how.agent,
            call=how.call,
            variables={**{one.name: one.default for one in self.flow.variables}, **how.values},
            cart=cart,
        )
        moves = Moves(self.flow, fold([started]), self.moment)
        for line in how.cart:
            moves.change_cart("add_item", {"item": line.item, "quantity": line.quantity})
        moves.enter(how.step, "start")
        moves.run()
        self.take([started, *moves.events])

    def turn(self, turn: AnyTurn) -> None:
        match turn:
            case Fill():
                self.fill(turn)
            case Settle():
                asks = [ask for ask in self.state.effects.values() if ask.kind == turn.kind]
                if asks:
                    self.do(c.Resolve(id=asks[-1].id, outcome=turn.outcome, result=turn.result))
                else:
                    self.refused = c.Refused(code="no_such_effect", message=f"Nothing waits for {turn.kind}.")
            case Masked():
                by = ("simulated",) if turn.phase == "held" else ()
                self.do(c.ReportMask(lease=self.state.mask.lease, phase=turn.phase, confirmed_by=by))
            case Pass():
                self.let_pass(turn.seconds)
            case HangUp():
                self.do(c.LoseCall(reason="The caller hung up.", by="caller"))

    def fill(self, turn: Fill) -> None:
        left = dict(turn.answers)
        while name := next((one for one in self.names() if one in left and not self.busy), ""):
            if not self.do(c.Answer(field=name, raw=left.pop(name))):
                return
            self.run_functions()
        if self.busy and turn.choice != "on_unknown":
            return  # an answer has asked for something: the page is left in another turn
        step = self.step
        for field in visible_fields(step, self.state) if step is not None else ():
            if field.type == "encrypted" and self.state.mask.phase == "held":
                self.do(c.EnterSecret(field=field.name, handle=f"simulated:{field.name}"))
        self.do(c.Submit(choice=turn.choice))

    def names(self) -> list[str]:
        step = self.step
        return [field.name for field in visible_fields(step, self.state)] if step is not None else []

    @property
    def moment(self) -> Moment:
        return Moment(now=self.now, roles=self.roles)

    @property
    def step(self) -> Step | None:
        return self.flow.step(self.state.step)

    @property
    def busy(self) -> bool:
        return self.state.stage != "page" or self.state.here is not None

    def let_pass(self, seconds: float) -> None:
        timer = self.state.timer
        if not seconds and timer is None:
            self.refused = c.Refused(code="no_time", message="This page has no end in time.")
            return
        self.now = max(self.now, timer.args["until"]) if not seconds and timer else self.now + seconds
        self.do(c.Tick(now=self.now))

    def outside(self) -> None:
        """What happens by itself: functions, recorders that go on, the clock of a new page."""
        for _ in range(_MOST_FUNCTIONS):
            if not self.run_functions() and not self.release() and not self.wind():
                return

    def run_functions(self) -> bool:
        ask = self.state.here
        if ask is not None and ask.kind == sealed.KIND:
            return self.do(c.Resolve(id=ask.id, outcome="ok", result=sealed.simulated(ask.args)))
        if ask is None or ask.kind not in _RUN_BY_PORT:
            return False
        if self.fail:
            found = FunctionValue(reason="The worker was stopped (simulated).")
        else:
            limit = int(ask.args.get("timeout_ms", 200))
            found = self.functions(str(ask.args["expression"]), scope(self.state), limit, self.now)
        outcome: Literal["ok", "failed"] = "failed" if found.reason else "ok"
        result = {"reason": found.reason} if found.reason else {"value": found.value}
        self.do(c.Resolve(id=ask.id, outcome=outcome, result=result))
        return True

    def release(self) -> bool:
        if self.state.mask.phase != "releasing":
            return False
        return self.do(c.ReportMask(lease=self.state.mask.lease, phase="none"))

    def wind(self) -> bool:
        waits = self.state.status == "running" and wants_time(self.flow, self.state)
        if not waits or any(ask.kind == Timer.kind for ask in self.state.beside):
            return False
        return self.do(c.Tick(now=self.now))
