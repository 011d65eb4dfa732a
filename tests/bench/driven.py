"""What it costs that a flow agent works the pages of a halo flow, against a person who does, in the same run.

Both work the sample order in the same simulated session, with the same commands, and look at each page that
comes. The flow agent's way has the machine, its log, forms, schemas and both threads' errands on top.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from halodesk.engine.flow_agent import of_page
from halodesk.engine.simulate import Begin, FunctionValue
from halodesk.engine.simulate_answers import Answers
from halodesk.runtime.flow_agent.callers import Script
from halodesk.runtime.flow_agent.halo_rehearsal import RehearsedSession, rehearse
from halodesk.runtime.flow_agent.scripted import Completion
from tests.bench.measure import Figure, figure, seconds
from tests.fakes.halo_drive import does, says
from tests.fakes.order import ADDRESS, CALLER, sample

RUNS = 9
AT_ONCE = 10
"""Conversations of one run, one after the other."""
NAMES = {name: CALLER[name] for name in ("first_name", "last_name", "email")}
PAGES = (
    does("place_an_order"),
    does("continue", **NAMES),
    does("yes"),
    does("yes_add_it"),
    does("to_the_payment", billing_address=ADDRESS),
    does("confirmed"),
)
FLOW = sample()


def _model(ways: tuple[Completion, ...]) -> tuple[Completion, ...]:
    turns = (one for way in ways for one in (says("And now?"), way))
    return (*turns, does("end_call", goodbye="Goodbye."))


def _script(ways: tuple[Completion, ...]) -> Script:
    return Script(name="bench", says=("Yes.",) * len(PAGES), model=_model(ways), number="+12025550143")


def _function(*asked: Any) -> FunctionValue:
    return FunctionValue(value=1)


async def _driven() -> None:
    for _ in range(AT_ONCE):
        talked, state = await rehearse(FLOW, _script(PAGES), _function)
        assert talked.reason == "end_call"
        assert state.step == "end"


def _by_hand() -> None:
    for _ in range(AT_ONCE):
        given = Answers(begin=Begin(prefill={"phone": "+12025550143"}))
        session = RehearsedSession(FLOW, _function, given)
        for way in PAGES:
            (call,) = way.calls
            assert session.page is not None
            found = of_page.commands(session.page, call.name, call.arguments)
            assert isinstance(found, tuple)
            for command in found:
                assert session.do(command) is None
                assert session.page is not None
            if session.page.sensitive:
                session.stand_in()
        assert session.state.step == "end"


def figures() -> Iterator[Figure]:
    """Per turn of the caller, and against nodes of a document."""
    asyncio.run(_driven())
    _by_hand()
    turns = AT_ONCE * len(PAGES)
    pairs = [(seconds(lambda: asyncio.run(_driven())), seconds(_by_hand)) for _ in range(RUNS)]
    yield figure(
        "A page worked by a flow agent, engine and log", [one / turns * 1e3 for one, _ in pairs], "ms a page"
    )
    yield figure(
        "… against the same commands by hand",
        [one / other for one, other in pairs],
        "times",
        goal="<= 3",
        met=lambda value: value <= 3,
    )
