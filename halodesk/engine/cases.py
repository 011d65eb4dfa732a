"""Test cases of a flow: turns to take, and what must or must not come of them.

Rules:
- The file `NAME.cases.json` lies beside `NAME.flow.json` and is plain JSON for people to write too.
- A case that exploring has found says what must not happen again (`forbid`). It fails as long as it
  does; where the flow has changed so that its turns cannot be taken any more, it holds.
- A case that expects something (steps, values, a disposition, a total) fails where its turns cannot
  be taken.
- The publish gate replays all cases; functions really run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from halodesk.engine import events as e
from halodesk.engine.conditions import look_up
from halodesk.engine.errors import DocumentError
from halodesk.engine.explore import Failure
from halodesk.engine.explore_turns import Turns
from halodesk.engine.explore_values import Hints
from halodesk.engine.flow import Flow
from halodesk.engine.session import scope
from halodesk.engine.simulate import AnyTurn, Begin, FunctionPort, Played, begin, play

SCHEMA = 1


class Expect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must hold at the end of a case. What is left empty is not asked."""

    forbid: tuple[str, ...] = ()
    """Incidents that must not happen; `stuck`: the session can go on; `crash`: the engine raises nothing."""
    steps: tuple[str, ...] = ()
    """All steps in the order in which they are entered."""
    values: dict[str, Any] = {}
    """Path to value, as conditions read it (`cart.total`)."""
    ended: bool | None = None
    disposition: str = ""


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run through a flow."""

    name: str
    turns: tuple[AnyTurn, ...] = ()
    begin: Begin = Begin()
    expect: Expect = Expect()


class CaseFile(msgspec.Struct, frozen=True, kw_only=True):
    """All cases of a flow."""

    flow: str
    cases: tuple[Case, ...] = ()
    schema: int = SCHEMA


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a case came out; `message` says what is wrong. `gone`: its turns cannot be taken any more."""

    name: str
    ok: bool
    message: str = ""
    gone: bool = False


def load(data: bytes) -> CaseFile:
    """Raises `DocumentError` naming what is wrong."""
    try:
        found = msgspec.json.decode(data, type=CaseFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError("", f"test cases, and this is not: {error}", "Explore the flow anew.") from None
    if found.schema > SCHEMA:
        raise DocumentError("/schema", f"a schema up to {SCHEMA}", "Update HaloDesk.")
    return found


def dump(cases: CaseFile) -> bytes:
    """As JSON, two spaces of indent."""
    return msgspec.json.format(msgspec.json.encode(cases), indent=2) + b"\n"


def of_failure(failure: Failure) -> Case:
    """The case that fails as long as this failure is there."""
    turns = msgspec.json.encode(failure.turns)
    mark = hashlib.sha256(turns).hexdigest()[:8]
    return Case(
        name=f"{failure.code} at {failure.step} ({mark})",
        begin=failure.begin,
        turns=failure.turns,
        expect=Expect(forbid=(failure.code,)),
    )


def with_failures(known: CaseFile, failures: Sequence[Failure]) -> CaseFile:
    """The cases, and one for each failure that has none of that name yet."""
    names = {case.name for case in known.cases}
    new = [case for case in map(of_failure, failures) if case.name not in names]
    return msgspec.structs.replace(known, cases=(*known.cases, *new))


def replay(flow: Flow, case: Case, functions: FunctionPort) -> Result:
    """Take the turns of a case and see what comes of them."""
    played = begin(flow, case.begin, functions)
    events = list(played.events)
    refused = played.refused
    for turn in case.turns:
        if refused is not None or played.problem:
            break
        played = play(flow, played, turn, functions)
        events += played.events
        refused = played.refused if not played.events else None
    wrong = _forbidden(flow, case, played, events, functions)
    if wrong:
        return Result(name=case.name, ok=False, message=wrong)
    expects = msgspec.structs.replace(case.expect, forbid=()) != Expect()
    if refused is not None:
        words = f'At "{played.state.step}" a turn is not taken: {refused.message}'
        return Result(name=case.name, ok=not expects, message=words, gone=True)
    return _expected(case, played, events)


def _forbidden(
    flow: Flow, case: Case, played: Played, events: Sequence[e.AnyEvent], functions: FunctionPort
) -> str:
    if played.problem:
        return f'The engine fails at "{played.state.step}": {played.problem}'
    for event in events:
        if isinstance(event, e.Incident) and event.code in case.expect.forbid:
            return f'At "{event.step}": {event.message}'
    if (
        "stuck" in case.expect.forbid
        and played.state.status == "running"
        and is_stuck(flow, played, functions)
    ):
        return f'Nothing leads on from "{played.state.step}".'
    return ""


def is_stuck(flow: Flow, played: Played, functions: FunctionPort) -> bool:
    """Whether nothing that can be tried changes anything."""
    turns = Turns(flow, Hints(flow, played.now), seed=0)
    for turn in turns.at(played.state):
        after = play(flow, played, turn, functions)
        if after.events and (after.state.step, after.state.visit) != (played.state.step, played.state.visit):
            return False
        if after.state.status == "ended" or len(after.state.effects) != len(played.state.effects):
            return False
    return True


def _expected(case: Case, played: Played, events: Sequence[e.AnyEvent]) -> Result:
    expect, state = case.expect, played.state
    steps = tuple(event.step for event in events if isinstance(event, e.StepEntered))
    values = scope(state)
    wrong = ""
    if expect.steps and steps != expect.steps:
        at = next(
            (i for i, pair in enumerate(zip(steps, expect.steps, strict=False)) if pair[0] != pair[1]), None
        )
        at = min(len(steps), len(expect.steps)) if at is None else at
        went = steps[at] if at < len(steps) else "nowhere"
        wanted = expect.steps[at] if at < len(expect.steps) else "nowhere"
        wrong = f'After {at} steps it goes to "{went}" instead of "{wanted}".'
    for path, value in expect.values.items():
        found = look_up(values, path)
        if found != value:
            wrong = wrong or f'"{path}" is {found!r} instead of {value!r}.'
    if expect.ended is not None and (state.status == "ended") != expect.ended:
        wrong = wrong or f'The session {"goes on" if expect.ended else "has ended"} at "{state.step}".'
    if expect.disposition and state.disposition != expect.disposition:
        wrong = wrong or f'The disposition is "{state.disposition}" instead of "{expect.disposition}".'
    return Result(name=case.name, ok=not wrong, message=wrong)
