"""Exploring a flow: every edge and every outcome of every condition, reached or accounted for.

Rules:
- States are worked off by novelty: what has covered something new goes first, then the step that
  was tried least. Two states that differ in nothing that decides anything are one.
- What is left then is aimed at, one after the other: the open states nearest to it go first, by steps
  on the way and by how far the values are from what its conditions ask for.
- An edge counts as unreachable only with its reason: proven (`explore_proof`), or not reached
  within so many states, which proves nothing and says so.
- The same flow, seed and bounds give the same report; only the clock of the caller (`expired`) may
  end it sooner.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from halodesk.engine import events as e
from halodesk.engine.coverage import (
    Edge,
    Outcome,
    condition_of,
    edges_of,
    every_step,
    outcomes_of,
    refused,
    trace,
)
from halodesk.engine.explore_aim import away, distances
from halodesk.engine.explore_proof import proofs
from halodesk.engine.explore_turns import Turns, relevant_values
from halodesk.engine.explore_values import Hints, encoded
from halodesk.engine.flow import Condition, Flow
from halodesk.engine.places import named_roles, takes_labels
from halodesk.engine.session import Session
from halodesk.engine.simulate import AnyTurn, Begin, Fill, FunctionPort, Played, begin, play

MOST_STATES = 20_000
STALE = 60
"""States without anything new before single targets are aimed at."""
AIM = 400
"""States tried for one target before the next has its turn."""

Why = Literal["proven", "not reached"]
FAILING = (
    "dead_end",
    "endless_loop",
    "sub_script_missing",
    "work_refused",
    "cart_refused",
    "function_failed",
)
"""Incidents that no run of a sound flow has."""


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """An edge or outcome that was not covered, and why."""

    what: Edge | Outcome
    why: Why
    reason: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A path that goes wrong: `code` is an incident, `stuck` or `crash`."""

    code: str
    step: str
    message: str
    begin: Begin
    turns: tuple[AnyTurn, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What exploring a flow has shown."""

    edges: int
    edges_covered: int
    outcomes: int
    outcomes_covered: int
    missed: tuple[Missed, ...]
    failures: tuple[Failure, ...]
    dead: tuple[str, ...]
    """Steps at which a session may stand from where nothing tried led to an end."""
    states: int
    turns: int
    complete: bool
    """All states there are were tried; nothing was cut short."""

    @property
    def covered(self) -> bool:
        """All that is not proven impossible was reached."""
        return all(one.why == "proven" for one in self.missed)


class _Node(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    played: Played
    parent: int
    turn: AnyTurn | None
    start: int
    depth: int


def explore(
    flow: Flow,
    functions: FunctionPort,
    *,
    start: Begin | None = None,
    seed: int = 0,
    most_states: int = MOST_STATES,
    expired: Callable[[], bool] = lambda: False,
) -> Report:
    """Everything that can happen in a flow, as far as bounds allow."""
    return _Explorer(flow, functions, start or Begin(), seed, most_states, expired).run()


class _Explorer:
    def __init__(
        self,
        flow: Flow,
        functions: FunctionPort,
        start: Begin,
        seed: int,
        most_states: int,
        expired: Callable[[], bool],
    ) -> None:
        self.flow, self.functions, self.start = flow, functions, start
        self.most, self.expired = most_states, expired
        self.hints = Hints(flow, start.now)
        self.turns = Turns(flow, self.hints, seed)
        self.steps = list(every_step(flow))
        self.by_key = {step.key: step for step in self.steps}
        self.edges = {edge for step in self.steps for edge in edges_of(step)}
        self.outcomes = {outcome for step in self.steps for outcome in outcomes_of(step)}
        self.no_edge, self.no_outcome = proofs(flow, self.steps)
        every: set[Edge | Outcome] = {*self.edges, *self.outcomes}
        self.left = {one for one in every if one not in self.no_edge and one not in self.no_outcome}
        self.hit: set[Edge | Outcome] = set()
        self.nodes: list[_Node] = []
        self.starts = list(self._starts())
        self.known: dict[bytes, int] = {}
        self.open: dict[int, None] = {}
        self.fresh: list[tuple[int, int, int]] = []
        self.visits: dict[str, int] = {}
        self.onward: dict[int, set[int]] = {}
        self.ended: set[int] = set()
        self.failures: dict[tuple[str, str], Failure] = {}
        self.tried = 0
        self.aim: list[tuple[float, int]] | None = None
        self.target: Edge | Outcome | None = None
        self.cut = False

    def run(self) -> Report:
        for index, how in enumerate(self.starts):
            first = begin(self.flow, how, self.functions)
            self._keep(first, Session(), parent=-1, turn=None, start=index)
            if index and not self.left:
                break
        self._by_novelty()
        self._by_aim()
        while self.open and self.left and not self._over():
            self._expand(next(iter(self.open)))
        self.cut = bool(self.open)
        return self._report()

    def _starts(self) -> Iterator[Begin]:
        """With every role there is, as given, then with each fact of the call that conditions ask for."""
        roles = named_roles(self.flow)
        if roles and not self.start.roles:
            yield replace(self.start, roles=roles)
        yield self.start
        if "call" not in self.hints.relevant or self.start.step:
            return
        names = {"direction": "direction", "number": "number", "name": "name", "did": "called"}
        for part, name in names.items():
            for value in self.hints.scalars(f"call.{part}"):
                text = "" if value is None else str(value)
                if part != "direction" or text in ("in", "out", "none"):
                    yield replace(self.start, call=replace(self.start.call, **{name: text}))
        for header in sorted(self.hints.parts.get("call.headers", ())):
            for value in self.hints.scalars(f"call.headers.{header}"):
                headers = {header: str(value)} if value is not None else {}
                yield replace(self.start, call=replace(self.start.call, headers=headers))

    def _over(self) -> bool:
        return len(self.nodes) >= self.most or self.expired()

    def _by_novelty(self) -> None:
        stale = 0
        while self.fresh and self.left and stale < STALE + len(self.steps) and not self._over():
            _, _, number = heapq.heappop(self.fresh)
            if number in self.open:
                stale = 0 if self._expand(number) else stale + 1

    def _by_aim(self) -> None:
        """Each target in turn, as long as any of them is still reached."""
        progress = True
        while progress and self.left and self.open and not self._over():
            before = len(self.left)
            for target in sorted(self.left, key=repr):
                if target in self.left and self.open and not self._over():
                    self._aim_at(target)
            progress = len(self.left) < before

    def _aim_at(self, target: Edge | Outcome) -> None:
        ways = distances(self.edges, self.steps, target.step)
        wanted, unwanted = self._conditions(target)
        self.target = target

        def far(number: int) -> float:
            state = self.nodes[number].played.state
            return ways.get(state.step, 1000.0) + away(state, wanted, unwanted)

        self.aim = [(far(number), number) for number in self.open]
        heapq.heapify(self.aim)
        for _ in range(AIM):
            if target not in self.left or self._over():
                break
            number = -1
            while self.aim:
                number = heapq.heappop(self.aim)[1]
                if number in self.open:
                    break
            if number not in self.open:
                break
            first = len(self.nodes)
            self._expand(number, wanted)
            for new in range(first, len(self.nodes)):
                if new in self.open:
                    heapq.heappush(self.aim, (far(new), new))

    def _conditions(self, target: Edge | Outcome) -> tuple[list[Condition], list[tuple[Condition, ...]]]:
        """What must hold for the target, and what must not hold all together."""
        step = self.by_key[target.step]
        if isinstance(target, Outcome):
            condition = condition_of(step, target)
            earlier = [route.when for route in step.routes[: target.index]] if target.guard == "route" else []
            if condition is None:
                return [], earlier
            return ([condition], earlier) if target.held else ([], [(condition,), *earlier])
        if target.way == "fallback":
            return [], [route.when for route in step.routes if route.when]
        if target.way.startswith("route:") and not takes_labels(step):
            index = int(target.way.removeprefix("route:"))
            return list(step.routes[index].when), [route.when for route in step.routes[:index]]
        return [], []

    def _expand(self, number: int, wanted: Sequence[Condition] = ()) -> bool:
        """Try all turns of a state; whether anything new was covered."""
        self.open.pop(number, None)
        node = self.nodes[number]
        taken, novel, refusal = 0, False, ""
        for turn in self.turns.at(node.played.state, wanted):
            self.tried += 1
            played = play(self.flow, node.played, turn, self.functions)
            novel = self._broken_rule(played, turn) or novel
            if played.refused is not None and not played.events:
                refusal = refusal or played.refused.message
                continue
            child, new = self._keep(played, node.played.state, parent=number, turn=turn, start=node.start)
            novel = novel or new
            taken += child != number
            if child != number:
                self.onward.setdefault(number, set()).add(child)
        if not taken and node.played.state.status == "running":
            self._fail(node, "stuck", node.played.state.step, refusal or _no_way(node.played.state))
        return novel

    def _broken_rule(self, played: Played, turn: AnyTurn) -> bool:
        """Whether an answer that was refused has covered anything new."""
        why, step = played.refused, self.flow.step(played.state.step)
        if why is None or step is None or not isinstance(turn, Fill) or why.field not in turn.answers:
            return False
        new = refused(step, played.state, why.field, turn.answers[why.field]) & self.left
        self.left -= new
        self.hit |= new
        return bool(new)

    def _keep(
        self, played: Played, before: Session, *, parent: int, turn: AnyTurn | None, start: int
    ) -> tuple[int, bool]:
        """Keep a moment where it is new; its number and whether it has covered anything."""
        found = trace(self.flow, before, played.events)
        reached: set[Edge | Outcome] = {*found.edges, *found.outcomes}
        new = reached & self.left
        self.left -= reached
        self.hit |= reached
        depth = self.nodes[parent].depth + 1 if parent >= 0 else 0
        node = _Node(
            number=len(self.nodes),
            played=replace(played, events=()),
            parent=parent,
            turn=turn,
            start=start,
            depth=depth,
        )
        self._failures(node, played, turn)
        key = self._key(played)
        known = self.known.get(key)
        if known is not None and not new:
            return known, False
        self.known[key] = node.number
        self.nodes.append(node)
        state = played.state
        if state.status == "ended":
            self.ended.add(node.number)
        elif not played.problem:
            visits = self.visits[state.step] = self.visits.get(state.step, 0) + 1
            self.open[node.number] = None
            heapq.heappush(self.fresh, (0 if new else visits, depth, node.number))
        return node.number, bool(new)

    def _key(self, played: Played) -> bytes:
        state = played.state
        here = state.here
        return encoded(
            [
                state.status,
                state.step,
                state.stage,
                state.mask.phase,
                state.problem,
                None if here is None else [here.kind, here.id in state.unknown],
                [ask.kind for ask in state.beside],
                [len(state.charges), [charge.outcome for charge in state.charges[-1:]]],
                [state.cart.frozen, state.cart.quantity > 0, state.cart.shipping_key],
                relevant_values(state, self.hints.relevant),
                state.call.direction if "call" in self.hints.relevant else "",
            ]
        )

    def _failures(self, node: _Node, played: Played, turn: AnyTurn | None) -> None:
        if played.problem:
            self._fail(node, "crash", played.state.step, played.problem)
        stubbed = turn is not None and turn.functions_fail
        for event in played.events:
            if not isinstance(event, e.Incident) or event.code not in FAILING:
                continue
            if not (stubbed and event.code == "function_failed"):
                self._fail(node, event.code, event.step, event.message)

    def _fail(self, node: _Node, code: str, step: str, message: str) -> None:
        if (code, step) not in self.failures:
            self.failures[code, step] = Failure(
                code=code,
                step=step,
                message=message,
                begin=self.starts[node.start],
                turns=tuple(self._way_to(node)),
            )

    def _way_to(self, node: _Node) -> list[AnyTurn]:
        turns = []
        while node.turn is not None:
            turns.append(node.turn)
            node = self.nodes[node.parent]
        return turns[::-1]

    def _report(self) -> Report:
        missed = [Missed(what=what, why="proven", reason=why) for what, why in self._proven()]
        trying = f"not reached in {len(self.nodes)} states; that is no proof that it cannot be"
        if not self.cut and self.left:
            trying = f"not reached, though all {len(self.nodes)} states that were found have been tried"
        missed += [Missed(what=what, why="not reached", reason=trying) for what in self.left]
        return Report(
            edges=len(self.edges),
            edges_covered=len(self.hit & self.edges),
            outcomes=len(self.outcomes),
            outcomes_covered=len(self.hit & self.outcomes),
            missed=tuple(sorted(missed, key=repr)),
            failures=tuple(self.failures.values()),
            dead=tuple(sorted(self._dead())),
            states=len(self.nodes),
            turns=self.tried,
            complete=not self.cut,
        )

    def _proven(self) -> Iterator[tuple[Edge | Outcome, str]]:
        yield from ((edge, why) for edge, why in self.no_edge.items() if edge not in self.hit)
        yield from ((outcome, why) for outcome, why in self.no_outcome.items() if outcome not in self.hit)

    def _dead(self) -> set[str]:
        """Steps of states from which no end was found, where nothing is left to try."""
        into: dict[int, list[int]] = {}
        for number, leads in self.onward.items():
            for child in leads:
                into.setdefault(child, []).append(number)
        alive, waiting = set(self.ended), list(self.ended | set(self.open))
        alive |= set(self.open)
        while waiting:
            for number in into.get(waiting.pop(), ()):
                if number not in alive:
                    alive.add(number)
                    waiting.append(number)
        return {node.played.state.step for node in self.nodes if node.number not in alive}


def _no_way(state: Session) -> str:
    return state.problem or "Nothing that was tried leads on from here."
